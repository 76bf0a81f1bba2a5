"""Merge an adapter into the model that it was trained on: the base as read from NF4, written in float32."""

from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.machine.devices import use_gpus_asked_for
from semis.qlora.model import load_quantized
from semis.qlora.prompt import load_tokenizer
from semis.text.files import read_json

import torch
from peft import PeftModel

CARD = """\
---
base_model: {base}
---

# {base} with a LoRA adapter merged in

The weights are in float32. The base has the values that it had in NF4 while the adapter was trained. The card of the
adapter lists data, settings and metrics: `adapter/README.md` beside this folder.
"""


def merge(folder: str | Path, adapter: str | Path, dtype: torch.dtype) -> Any:
    """Return the model of `folder`, loaded in NF4 and `dtype` as in training, with the adapter of a folder merged in.

    Merged into the 4-bit layers the adapter would be rounded to 4 bits, and merged into the original weights it would
    have another base than in training. float32 holds both to the last digit that counts.
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
    (Path(folder) / "README.md").write_text(CARD.format(base=settings["base"]), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        main(snakemake.input, snakemake.output.folder, snakemake.params.recipe["settings"], snakemake.threads)
