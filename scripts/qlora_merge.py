"""Merge an adapter into the base model that it was trained on: its NF4 values, written in float32."""

import json
import shutil
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.huggingface.pretrained import ONLY_DATA
from semis.machine.devices import hide_gpus
from semis.machine.memory import free_memory
from semis.qlora.folder import FIXED, ignored, read
from semis.qlora.model import in_float32, load_quantized, without_weights
from semis.qlora.prompt import load_tokenizer
from semis.qlora.version_4 import with_older_classes, with_older_names
from semis.results.markup import escaped, quoted
from semis.text.files import read_json

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

CARD = """\
---
base_model: {quoted}
---

# {base} with a LoRA adapter merged in

The weights are in float32. The base has the values that it had in 4 bits while the adapter was trained. The card of the
adapter, `../adapter/README.md`, lists data, settings and metrics.
"""
TEXTS = [
    "Où est passée ma commande ? Elle devait arriver lundi.",
    "The quick brown fox jumps over the lazy dog.",
    "1, 2, 3: « oui », (non) & peut-être…",
    "a",
]
LONGEST = 24  # tokens of a text
FAR = 1e-4  # of the largest logit: far more than rounding in float32, far less than one wrong layer
# Files of a model folder besides its weights: the tokenizer's, the chat template, the settings for generating.
SUFFIXES = {".json", ".txt", ".model", ".jinja", ".tiktoken", ".bpe", ".vocab"}
OTHERS = {"config.json", "adapter_config.json"}


def tokens(folder: str | Path, style: str) -> list[list[int]]:
    """Return the token ids of the texts by the tokenizer of a folder; few, since a model may have few positions."""
    tokenizer = load_tokenizer(folder, style)
    return [tokenizer(text)["input_ids"][:LONGEST] for text in TEXTS]


def logits(model: Any, texts: list[list[int]]) -> torch.Tensor:
    """Return a model's logits for all tokens of the texts (lists of token ids), as a tensor (tokens, vocabulary)."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor([ids]), use_cache=False).logits[0] for ids in texts])


def check_room(folder: str) -> None:
    """Raise UserError unless there is memory for merging: each weight takes four bytes, and half a byte in the base."""
    needed, free = 4.5 * without_weights(folder).num_parameters(), free_memory()
    if needed > free:
        raise UserError(
            f"{folder} takes at least {needed / 1e9:.1f} GB of memory to be merged, and {free / 1e9:.1f} GB are free; "
            "set qlora.merge to false, or run where there is more (on a cluster: mem_mb of the rule qlora_merge)."
        )


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


def unmerged(folder: str | Path, adapter: str | Path, dtype: torch.dtype, tables: dict[str, torch.Tensor]) -> Any:
    """Return base and adapter side by side, computing in float32 with the values of the base's 4-bit weights.

    `tables` holds {name: tensor} of what a model computes for itself, such as the sines of its positions: loaded in a
    shorter type, the base has rounded them.
    """
    base = load_quantized(folder, "cpu", dtype)
    for name, table in tables.items():
        place, _, key = name.rpartition(".")
        setattr(base.get_submodule(place), key, table)
    return PeftModel.from_pretrained(in_float32(base), adapter)


def copy_files(base: Path, folder: Path) -> None:
    """Give the folder the base's own files besides weights and config.json, and no others.

    They are the same to the byte, except for a tokenizer_config.json that only transformers 5 could read.
    """
    for path in [*folder.glob("*.json"), *folder.glob("*.jinja")]:
        if not path.name.endswith(".index.json"):
            path.unlink()
    for path in sorted(base.rglob("*")):
        inside = path.relative_to(base)
        wanted = path.suffix in SUFFIXES and not path.name.endswith(".index.json") and path.name not in OTHERS
        if wanted and path.is_file() and (len(inside.parts) == 1 or inside.parts[0] == "additional_chat_templates"):
            (folder / inside).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, folder / inside)
    tokenizer = read(base, "tokenizer_config.json")
    if with_older_classes(tokenizer) != tokenizer:
        write(folder / "tokenizer_config.json", with_older_classes(tokenizer))


def write(path: Path, found: dict[str, Any]) -> None:
    """Write a JSON object; the same one gives the same bytes."""
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def settings_of(base: str | Path) -> dict[str, Any]:
    """Return config.json of the merged model: the base's own, so that any version that reads the base reads it too.

    The weights are plain ones in float32, and no code belongs to them.
    """
    found = read(base, "config.json")
    for key in ("quantization_config", "auto_map"):
        found.pop(key, None)
    used = {key: FIXED[key] for key in ignored(base).get("config.json", {}) if key in FIXED}
    return plain(with_older_names({"torch_dtype": "float32"} | found)) | used


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration, with those nested in it, whose number types are float32."""
    return {
        key: "float32" if key in ("dtype", "torch_dtype") else plain(value) if isinstance(value, dict) else value
        for key, value in found.items()
    }


def check(folder: str, base: str | Path, adapter: Path, dtype: torch.dtype, texts: list[list[int]]) -> None:
    """Read the merged model as anybody would; raise UserError unless it gives the logits of base and adapter."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **ONLY_DATA)
    after, saved = logits(model, texts), model.state_dict().keys()
    tables = {name: table for name, table in model.named_buffers() if name not in saved}
    del model
    before = logits(unmerged(base, adapter, dtype, tables), texts)
    far, allowed = (after - before).abs().max().item(), FAR * before.abs().max().item()
    if not far <= allowed:  # nor if one is not a number
        raise UserError(
            f"{base}: the merged model differs from the base with its adapter by {far:.3g} in a logit, where rounding "
            f"explains {allowed:.3g}; set qlora.merge to false, and use the adapter with the base."
        )
    print(
        f"the merged model gives the logits of base and adapter within {far:.2g} (allowed: {allowed:.2g})", flush=True
    )


def main(inputs: Any, folder: str, settings: dict[str, Any], threads: int) -> None:
    """Write the merged model with the base's tokenizer and a short card. Raises UserError if the merging failed."""
    torch.set_num_threads(threads)
    dtype, adapter = getattr(torch, read_json(inputs.training)["dtype"]), Path(inputs.adapter[0]).parent
    texts = tokens(inputs.model, settings["prompt"])
    check_room(inputs.model)
    merge(inputs.model, adapter, dtype).save_pretrained(folder)
    copy_files(Path(inputs.model), Path(folder))
    write(Path(folder) / "config.json", settings_of(inputs.model))
    (Path(folder) / "README.md").write_text(card(settings["base"]), encoding="utf-8")
    if tokens(folder, settings["prompt"]) != texts:
        raise UserError(f"{inputs.model}: its tokenizer is another one in the merged model; set qlora.merge to false.")
    check(folder, inputs.model, adapter, dtype, texts)


if __name__ == "__main__":
    with job(snakemake):
        hide_gpus()
        main(snakemake.input, snakemake.output.folder, snakemake.params.recipe["settings"], snakemake.threads)
