"""How long a text a model can read, and which tokens it has; checked before anything takes long."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError

import torch

FIXED = ("embed_positions", "pos_encoding")  # tensors with a row for each position, in GPT-J, CodeGen and CTRL


def positions(model: Any) -> int | None:
    """Return the number of positions that a model has a table for, or None if it can read longer texts.

    Rows that are not positions are not counted: some models start at the row `offset`, others behind that of padding.
    """
    found = [model.config.max_seq_len] if model.config.model_type == "mpt" else []  # it has slopes, not a table
    for path, module in model.named_modules():
        name = path.rpartition(".")[2]
        if isinstance(module, torch.nn.Embedding) and (name == "wpe" or "position" in name):
            first = getattr(module, "offset", 0 if module.padding_idx is None else module.padding_idx + 1)
            found.append(module.num_embeddings - first)
        found += [len(getattr(module, fixed)) for fixed in FIXED if torch.is_tensor(getattr(module, fixed, None))]
    return min(found, default=None)


def trained_positions(model: Any) -> int | None:
    """Return the number of positions in the model's config.json, or None; the model may be able to read more."""
    found = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return found if found and found > 0 else None


def check_tokens(folder: str | Path, model: Any, tokenizer: Any, texts: Iterable[list[int]]) -> None:
    """Raise UserError if texts (token ids) hold a token for which the model's embedding has no row."""
    rows = model.get_input_embeddings().num_embeddings
    largest = max((i for ids in texts for i in ids), default=0)
    if largest >= rows:
        raise UserError(
            f"{folder}: its tokenizer's token {tokenizer.convert_ids_to_tokens(largest)} has the number {largest}, but "
            f"the model's embedding has {rows} rows (0 to {rows - 1}); give qlora.model a model and a tokenizer that "
            "belong together, or one whose embedding was resized and trained for that token."
        )


def check_training(folder: str | Path, model: Any, lengths: Iterable[int], longest: int) -> None:
    """Raise UserError if examples of these lengths, cut to `longest` tokens, are longer than the model's positions."""
    limit = positions(model)
    beyond = [length for length in lengths if limit is not None and length > limit]
    if beyond:
        raise UserError(
            f"qlora.training.max_length is {longest}, but {folder} has {limit} positions, and {len(beyond)} questions "
            f"with their answers have up to {max(beyond)} tokens; set it to {limit} or less."
        )


def check_answers(folder: str | Path, model: Any, prompts: dict[str, int], new_tokens: int) -> None:
    """Raise UserError if the model lacks positions for a question and its answer.

    `prompts` is {question: number of tokens of its prompt}.
    """
    limit = positions(model)
    question = max(prompts, key=lambda question: prompts[question])
    length = prompts[question]
    if limit is not None and length + new_tokens - 1 > limit:  # the model does not read the last token
        way = f"set it to {limit - length + 1} or less" if length <= limit else "shorten the question"
        raise UserError(
            f"qlora.sampling.new_tokens is {new_tokens}, but {folder} has {limit} positions, and the prompt of the "
            f"question '{question[:40]}' takes {length}; {way}, or give qlora.model a model with more positions."
        )
