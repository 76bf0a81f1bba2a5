"""Merge an adapter into the model that it was trained on: the base as it stands in NF4, written in float32."""

import json
from pathlib import Path

from semis.harness.job import job
from semis.qlora import model as bloom

import torch
from peft import PeftModel

CARD = """\
---
base_model: {base}
---

# {base} with a LoRA adapter merged in

In float32; the base stands as it was in NF4 when the adapter was trained. Data, settings and metrics are on the card of
the adapter: `adapter/README.md` beside this folder.
"""


def merge(folder, adapter, dtype):
    """Return the model of `folder`, loaded in NF4 and `dtype` as in training, with the adapter of a folder merged in.

    Merged into the 4-bit layers the adapter would be rounded to 4 bits, and merged into the original weights it would
    stand on another base than it was trained on. float32 holds both to the last digit that counts.
    """
    base = bloom.load_quantized(folder, "cpu", dtype).dequantize(dtype=torch.float32).float()
    return PeftModel.from_pretrained(base, adapter).merge_and_unload()


def main(inputs, folder, params, threads):
    """Write the merged model with its tokenizer and a short card."""
    torch.set_num_threads(threads)
    dtype = json.loads(Path(inputs.training).read_text(encoding="utf-8"))["dtype"]
    tokenizer = bloom.load_tokenizer(inputs.model, params.prompt)
    merge(inputs.model, Path(inputs.adapter).parent, getattr(torch, dtype)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (Path(folder) / "README.md").write_text(CARD.format(base=params.base), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output.folder, snakemake.params, snakemake.threads)
