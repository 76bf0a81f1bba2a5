"""Merge an adapter into the base model that it was trained on: its NF4 values, written in float32."""

from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.machine.devices import use_gpus_asked_for
from semis.qlora.model import load_quantized
from semis.qlora.prompt import load_tokenizer
from semis.results.markup import escaped, quoted
from semis.text.files import read_json

import torch
from peft import PeftModel

CARD = """\
---
base_model: {quoted}
---

# {base} with a LoRA adapter merged in

The weights are in float32. The base has the values that it had in NF4 while the adapter was trained. The card of the
adapter, `../adapter/README.md`, lists data, settings and metrics.
"""


def card(base: str) -> str:
    """Return the card of a merged model."""
    return CARD.format(base=escaped(base), quoted=quoted(base))


def merge(folder: str | Path, adapter: str | Path, dtype: torch.dtype) -> Any:
    """Load the model of `folder` in NF4 and `dtype` as in training, merge the adapter of a folder, return the result.

    The result is in float32, which holds the base and the adapter without rounding either to 4 bits. Merging into the
    original weights instead would give the adapter another base than in training.
    """
    base = load_quantized(folder, "cpu", dtype).dequantize(dtype=torch.float32).float()
    return PeftModel.from_pretrained(base, adapter).merge_and_unload()


def main(inputs: Any, folder: str, settings: dict[str, Any], threads: int) -> None:
    """Write the merged model with its tokenizer and a short card."""
    torch.set_num_threads(threads)
    dtype = getattr(torch, read_json(inputs.training)["dtype"])
    tokenizer = load_tokenizer(inputs.model, settings["prompt"])
    merge(inputs.model, Path(inputs.adapter[0]).parent, dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (Path(folder) / "README.md").write_text(card(settings["base"]), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        main(snakemake.input, snakemake.output.folder, snakemake.params.recipe["settings"], snakemake.threads)
