"""LoRA adapters: added to a 4-bit model, and written in peft's format."""

import json
from pathlib import Path
from typing import Any

from semis.qlora.targets import target_modules

from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from peft.tuners.lora import LoraLayer


def add_lora(model: Any, lora: dict[str, Any], gradient_checkpointing: bool) -> Any:
    """Prepare a 4-bit model for training and return it with the config's `lora` adapters, its only trained weights.

    With `gradient_checkpointing` the backward pass computes each layer's activations again instead of keeping them.
    Raises UserError if a target module is not a linear layer of the model (see `target_modules`).
    """
    names = target_modules(model, lora["target_modules"])
    model = prepare_model_for_kbit_training(model, gradient_checkpointing, {"use_reentrant": False})
    return get_peft_model(
        model,
        LoraConfig(
            r=lora["rank"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules=names,
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


def adapted(model: Any) -> dict[str, Any]:
    """Return the names of the layers with adapters and their number, for training.json."""
    layers = {name for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    return {"target_modules": sorted(model.peft_config["default"].target_modules), "adapted_layers": len(layers)}


def save_adapter(model: Any, folder: str | Path, base: str) -> None:
    """Write the adapter in peft's format; the same weights give the same bytes.

    `base` is the name of the base model in adapter_config.json.
    """
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers=False)
    settings = Path(folder) / "adapter_config.json"
    found = json.loads(settings.read_text(encoding="utf-8"))
    found["target_modules"] = sorted(found["target_modules"])  # peft keeps a set, which has no fixed order
    settings.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (Path(folder) / "README.md").unlink()  # peft's own; the rule qlora_card writes one with the metrics
