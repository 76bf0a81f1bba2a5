"""The weights of a model folder as they are stored: their files, and the number types of their tensors."""

import json
from collections import Counter
from pathlib import Path

import torch
from safetensors import safe_open

TRAINED_IN = torch.float32  # whatever type the weights are stored in
# In the order in which transformers looks for them: the first one counts.
WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
PLAIN = ("float64", "float32", "float16", "bfloat16")
NAMES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "U8": "uint8"},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
}


def weight_files(folder: str | Path) -> list[Path]:
    """Return the files of a folder from which transformers reads the weights; none if there are none."""
    for name in WHOLE:
        path = Path(folder) / name
        if path.is_file() and path.suffix == ".json":
            shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
            return [path.with_name(shard) for shard in sorted(set(shards))]
        if path.is_file():
            return [path]
    return []


def stored_types(folder: str | Path) -> dict[str, str]:
    """Return {tensor: its number type, such as float16} of the weights in a folder, by their names in the files."""
    found: dict[str, str] = {}
    for path in weight_files(folder):
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as tensors:
                kinds = {name: tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
            found |= {name: NAMES.get(kind, kind.lower()) for name, kind in kinds.items()}
        else:
            tensors = torch.load(path, map_location="meta", weights_only=True)
            kinds = {name: each.dtype for name, each in tensors.items() if isinstance(each, torch.Tensor)}
            found |= {name: str(kind).removeprefix("torch.") for name, kind in kinds.items()}
    return found


def counted(types: dict[str, str]) -> dict[str, int]:
    """Return {number type: number of tensors}, the most frequent type first."""
    return dict(Counter(types.values()).most_common())
