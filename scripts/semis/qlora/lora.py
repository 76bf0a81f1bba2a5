"""LoRA adapters: added to a 4-bit model, and written in peft's format."""

import json
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.qlora.model import linear_layers

from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training


def add_lora(model: Any, lora: dict[str, Any], gradient_checkpointing: bool) -> Any:
    """Prepare a 4-bit model for training and return it with the config's `lora` adapters, its only trained weights.

    With `gradient_checkpointing` the backward pass computes each layer's activations again instead of keeping them.
    Raises UserError if the model lacks a target module.
    """
    known = {name.rpartition(".")[2] for name in linear_layers(model)}
    missing = [module for module in lora["target_modules"] if module not in known]
    if missing:
        raise UserError(
            f"qlora.lora.target_modules: the model has no linear layer {', '.join(missing)}; it has "
            f"{', '.join(sorted(known))}."
        )
    model = prepare_model_for_kbit_training(model, gradient_checkpointing, {"use_reentrant": False})
    return get_peft_model(
        model,
        LoraConfig(
            r=lora["rank"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules=lora["target_modules"],
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


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
