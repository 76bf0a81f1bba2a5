"""fairseq checkpoints: loads and saves them without running pickled code, and checks that they are complete and fit."""

import zipfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError, reason

import torch

# fairseq's checkpoints hold these types, tensors and Python's own types, and nothing else.
SAFE_TYPES = [Namespace]
EMBEDDING = "encoder.sentence_encoder.embed_tokens.weight"
POSITIONS = "encoder.sentence_encoder.embed_positions.weight"
LAYERS = "encoder.sentence_encoder.layers."
OFFSET = 2  # fairseq numbers positions from the padding index (1) + 1


def load(path: str | Path) -> dict[str, Any]:
    """Load a fairseq checkpoint onto the CPU; the tensors of its model get their names of fairseq 0.12.

    torch loads only tensors and `SAFE_TYPES` and runs no pickled code. Raises UserError if the file is damaged or holds
    anything else.
    """
    try:
        with torch.serialization.safe_globals(SAFE_TYPES):
            state = torch.load(path, map_location="cpu", weights_only=True)
        return {**state, "model": {_name_today(name): tensor for name, tensor in state["model"].items()}}
    except Exception as error:
        raise UserError(
            f"{path} is not a fairseq checkpoint that can be loaded safely ({reason(error)}); replace it with another."
        ) from error


def _name_today(name: str) -> str:
    """Rename a tensor of fairseq 0.9 or later as RobertaModel.upgrade_state_dict_named of 0.12 does."""
    if name.startswith("decoder."):
        name = f"encoder.{name.removeprefix('decoder.')}"
    return name.replace(".emb_layer_norm.", ".layernorm_embedding.")


def save(
    path: str | Path,
    weights: Mapping[str, torch.Tensor],
    sizes: Mapping[str, int],
    positions: int,
    task: Mapping[str, Any],
) -> None:
    """Save model `weights` ({name: tensor}) with only the arguments that fairseq needs to rebuild the model.

    `sizes` is {layers, dimension, feed_forward, heads}, and `task` holds the arguments of fairseq's task. The file
    contains no optimizer state, path or time, so that the same training gives the same bytes.
    """
    args = Namespace(
        arch="roberta_small",
        encoder_layers=sizes["layers"],
        encoder_embed_dim=sizes["dimension"],
        encoder_ffn_embed_dim=sizes["feed_forward"],
        encoder_attention_heads=sizes["heads"],
        max_positions=positions,
        data="",
        **task,
    )
    # without an entry here fairseq takes the checkpoint for one of its oldest format, and fails
    history = [{"optimizer_name": "", "criterion_name": "", "lr_scheduler_state": {}, "num_updates": 0}]
    torch.save({"args": args, "model": weights, "optimizer_history": history, "extra_state": {}}, path)


def is_whole(path: str | Path) -> bool:
    """Say whether a checkpoint of torch is complete: it can be read to its end, and all its checksums hold."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def cut_positions(path: str | Path, model: Mapping[str, torch.Tensor], positions: int) -> dict[str, torch.Tensor]:
    """Return the weights `model` of the checkpoint `path`, with the first `positions` of its learned positions.

    A text of at most `positions` tokens never reads the rows that are cut. Raises UserError if the model has fewer.
    """
    rows = positions + OFFSET
    if POSITIONS not in model:
        return dict(model)
    found = len(model[POSITIONS])
    if found < rows:
        raise UserError(
            f"{path} has {found - OFFSET} positions, but the model's positions in the config are {positions}; lower "
            f"them to {found - OFFSET}."
        )
    return {**model, POSITIONS: model[POSITIONS][:rows].clone()}


def fitting(path: str | Path, words: int, sizes: Mapping[str, int], positions: int) -> dict[str, torch.Tensor]:
    """Return the weights ({name: tensor}) of the checkpoint `path`. Raises UserError unless it has exactly these sizes.

    `words` counts embedding rows, `sizes` is {layers, dimension, feed_forward, heads}, and `positions` is the longest
    input in tokens; a model with more of them loses the rows that no input can reach. The weights do not show the
    number of heads, so that is compared with the saved arguments.
    """
    state = load(path)
    model = cut_positions(path, state["model"], positions)
    width, layers = sizes["dimension"], {name.split(".")[3] for name in model if name.startswith(LAYERS)}
    expected = {EMBEDDING: (words, width), POSITIONS: (positions + 2, width)}
    for layer in sorted(layers):
        expected[f"{LAYERS}{layer}.self_attn.q_proj.weight"] = (width, width)
        expected[f"{LAYERS}{layer}.fc1.weight"] = (sizes["feed_forward"], width)
    for name, shape in expected.items():
        if name not in model:
            raise UserError(
                f"{path} holds no {name}; it is not a RoBERTa of fairseq, or has fewer layers than the config's "
                "architecture."
            )
        if tuple(model[name].shape) != shape:
            raise UserError(
                f"{path}: {name} is {tuple(model[name].shape)}, but its dict.txt and the config's architecture and "
                f"positions make it {shape}; correct the one that is wrong."
            )
    heads = _argument(state, "encoder_attention_heads") or sizes["heads"]
    for part, found in (("layers", len(layers)), ("heads", heads)):
        if found != sizes[part]:
            raise UserError(
                f"{path} has {found} {part}, but the config's architecture says {sizes[part]}; correct the one that "
                "is wrong."
            )
    return model


def _argument(state: Mapping[str, Any], name: str) -> Any:
    """Return an argument of the model that fairseq-train saved, in `args` or, in newer checkpoints, `cfg`; or None."""
    saved = state.get("args") or (state.get("cfg") or {}).get("model") or {}
    return (vars(saved) if isinstance(saved, Namespace) else saved).get(name)
