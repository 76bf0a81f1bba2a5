"""The linear layers that get LoRA adapters, from what the config's `target_modules` says."""

import re
from collections.abc import Iterable
from typing import Any

from semis.harness.errors import UserError
from semis.qlora.nf4 import USED_DIRECTLY, linear_layers

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import _check_lora_target_modules_mamba
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as CUSTOMARY
from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
from transformers.models.falcon.modeling_falcon import FalconLinear

AUTO, ALL = "auto", "all-linear"
KEY = "qlora.lora.target_modules"


def target_modules(model: Any, wanted: str | list[str]) -> list[str]:
    """Return names of linear layers for peft; a name stands for all layers whose path ends with it.

    `wanted` is a list of such names, "all-linear" (all except the output layer), a regular expression for whole paths,
    or "auto": the layers that peft takes for this architecture, or else the linear layers of the attention, or else
    all. Raises UserError if a name fits no layer, or one that cannot have an adapter.
    """
    layers = adaptable(model)
    inner = [name for name in layers if model.get_submodule(name) is not model.get_output_embeddings()]
    if isinstance(wanted, list):
        for name in wanted:
            _check(model, name, layers)
        return wanted
    if wanted == ALL:
        return short(model, inner)
    if wanted == AUTO:
        return _automatic(model, inner)
    found = _matching(wanted, layers)
    if not found:
        raise UserError(f"{KEY}: no linear layer has a path like {wanted}; the paths are like {next(iter(layers))}.")
    return short(model, found)


def adaptable(model: Any) -> list[str]:
    """Return the paths of the linear layers that can have an adapter, in the model's order.

    An output layer that shares its weights with the embedding cannot: merged into it, the adapter would change both.
    And peft has no adapters for some layers of Mamba and of mixtures of experts.
    """
    output = model.get_output_embeddings()
    tied = output is not None and output.weight is model.get_input_embeddings().weight
    four_bits = linear_layers(model)
    return [
        name
        for name, module in model.named_modules()
        if (name in four_bits or type(module) in (torch.nn.Linear, FalconLinear))
        and not (tied and module is output)
        and not _unfit(model, name)
    ]


def _unfit(model: Any, path: str) -> bool:
    """Say whether an adapter for a path would be refused by peft, be put elsewhere, or have no effect.

    peft puts some into the joined weights of experts. A layer that the model does not call has no use for one.
    """
    config = LoraConfig(target_modules=[path])
    try:
        convert_peft_config_for_transformers(config, model, None)
        _check_lora_target_modules_mamba(config, model, path.rpartition(".")[2])
    except ValueError:
        return True
    return bool(config.target_parameters) or path.rpartition(".")[2] in USED_DIRECTLY


def _automatic(model: Any, layers: list[str]) -> list[str]:
    """Return the names for `auto`."""
    customary = CUSTOMARY.get(model.config.get_text_config().model_type, [])
    if isinstance(customary, str):
        return short(model, _matching(customary, layers))
    found = [name for name in customary if _ending(name, layers)]
    attention = [name for name in layers if re.search(r"attn|attention", name.rpartition(".")[0], re.IGNORECASE)]
    return found or short(model, attention or layers)


def _ending(name: str, paths: Iterable[str]) -> list[str]:
    """Return the paths that peft takes a name for."""
    return [path for path in paths if path == name or path.endswith(f".{name}")]


def _matching(pattern: str, paths: Iterable[str]) -> list[str]:
    """Return the paths that a regular expression describes whole. Raises UserError if it is not one."""
    try:
        return [path for path in paths if re.fullmatch(pattern, path)]
    except re.error as error:
        raise UserError(
            f"{KEY} {pattern} is not a regular expression ({error}); correct it, or give a list."
        ) from error


def _check(model: Any, name: str, layers: list[str]) -> None:
    """Raise UserError unless each module that peft would take for a name can have an adapter."""
    found = _ending(name, (path for path, _ in model.named_modules()))
    others = [path for path in found if path not in layers]
    known = ", ".join(sorted({path.rpartition(".")[2] for path in layers}))
    if not found:
        raise UserError(f"{KEY}: the model has no linear layer {name}; it has {known}.")
    if others:
        module = model.get_submodule(others[0])
        if module is model.get_output_embeddings():
            why = "shares its weights with the embedding, which an adapter would change too"
        elif isinstance(module, torch.nn.Linear):
            why = f"cannot have an adapter in a {model.config.model_type} model"
        else:
            why = f"is of the class {type(module).__name__}, not a linear layer"
        raise UserError(f"{KEY}: {others[0]} {why}; leave out {name}, or choose from {known}.")


def short(model: Any, paths: Iterable[str]) -> list[str]:
    """Return the shortest names that stand for these paths and for no other module of the model, sorted."""
    wanted = set(paths)
    others = [path for path, _ in model.named_modules() if path not in wanted]
    found = set()
    for path in wanted:
        parts = path.split(".")
        names = (".".join(parts[-length:]) for length in range(1, len(parts) + 1))
        found.add(next(name for name in names if not _ending(name, others)))
    return sorted(found)
