"""Count the parameters before and after LoRA, and measure the memory of the weights."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.machine.devices import hide_gpus
from semis.qlora.lora import add_lora
from semis.qlora.model import count, load_quantized, without_weights

import torch


def by_module(parameters: Iterable[tuple[str, torch.Tensor]]) -> dict[str, int]:
    """Return {module name: number of parameters}, summed over the layers, for pairs (name, parameter)."""
    counts: Counter[str] = Counter()
    for path, parameter in parameters:
        counts[path.split(".")[-2]] += parameter.numel()
    return dict(counts)


def lora_by_module(model: Any) -> dict[str, int]:
    """Return {module name: number of LoRA parameters}, summed over the layers."""
    adapters = [(path, weight) for path, weight in model.named_parameters() if ".lora_" in path]
    return by_module((f"{path.split('.lora_')[0]}.weight", weight) for path, weight in adapters)


def measure(folder: str | Path, lora: dict[str, Any]) -> dict[str, Any]:
    """Return the content of parameters.json for the model in `folder`; memory is in bytes, of the weights alone."""
    # Always on the CPU: the counts do not depend on the device.
    model = load_quantized(folder, "cpu", torch.bfloat16)
    plain = without_weights(folder)
    found = {
        "unquantized": plain.num_parameters(),
        "memory_bytes": {
            "fp32": plain.get_memory_footprint(),
            "bf16": plain.to(torch.bfloat16).get_memory_footprint(),
            "nf4": model.get_memory_footprint(),
        },
    }
    found["before_lora"] = count(model)
    model = add_lora(model, lora, gradient_checkpointing=False)
    found["after_lora"] = count(model)
    adapters = lora_by_module(model)
    found["modules"] = [
        {"module": module, "parameters": number, "lora": adapters.get(module, 0)}
        for module, number in by_module(plain.named_parameters()).items()
    ]
    return found


if __name__ == "__main__":
    with job(snakemake):
        hide_gpus()
        found = measure(snakemake.input.model, snakemake.params.recipe["settings"]["lora"])
        Path(snakemake.output[0]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
