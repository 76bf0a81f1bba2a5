"""What a classifier reads: the tokenizer of a model folder, token ids of texts, and how many texts are truncated."""

import inspect
from collections.abc import Sequence
from typing import Any

from semis.harness.errors import UserError

FROM_THE_END = ("xlnet",)  # model types that read the last position, so that padding stands before the text


def fit_tokenizer(folder: str, tokenizer: Any, model: Any) -> dict[str, Any]:
    """Make a tokenizer truncate and pad as the model needs it; return the settings of the folder that this replaces.

    A text loses its end, and padding follows the text. The model and its tokenizer agree on the padding token, since
    some models find the end of a text, and others number positions, by it. Raises UserError if there is no such token.
    """
    ignored = {}
    side = "left" if model.config.model_type in FROM_THE_END else "right"
    for key, value in (("truncation_side", "right"), ("padding_side", side)):
        if getattr(tokenizer, key) != value:
            ignored[key] = getattr(tokenizer, key)
            setattr(tokenizer, key, value)
    if backend := getattr(tokenizer, "backend_tokenizer", None):
        ignored |= {key: found for key in ("truncation", "padding") if (found := getattr(backend, key))}
        backend.no_truncation()
        backend.no_padding()
    before = tokenizer.pad_token, model.config.get_text_config().pad_token_id
    _agree_on_padding(folder, tokenizer, model)
    after = tokenizer.pad_token, model.config.get_text_config().pad_token_id
    names = ("pad_token", "config.json: pad_token_id")
    ignored |= {name: old for name, old, new in zip(names, before, after, strict=True) if old != new}
    return ignored


def _agree_on_padding(folder: str, tokenizer: Any, model: Any) -> None:
    """Give tokenizer and model the same padding token, and an encoder-decoder the eos_token of its tokenizer."""
    config = model.config.get_text_config()
    own = config.pad_token_id if isinstance(config.pad_token_id, int) else None
    known = tokenizer.convert_ids_to_tokens(own) if own is not None and 0 <= own < len(tokenizer) else None
    by_padding = hasattr(getattr(model.base_model, "embeddings", None), "padding_idx")  # it numbers positions by it
    if known is not None and (by_padding or tokenizer.pad_token is None):
        if tokenizer.pad_token_id != own:
            tokenizer.pad_token = known
    elif tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise UserError(
                f"{folder} has a tokenizer without a pad_token, and without an eos_token to pad with; name one in its "
                "tokenizer_config.json."
            )
        tokenizer.pad_token = tokenizer.eos_token
    if not by_padding:
        config.pad_token_id = tokenizer.pad_token_id
    if model.config.is_encoder_decoder:
        if tokenizer.eos_token is None:
            raise UserError(
                f"{folder} has a tokenizer without an eos_token, which ends a text for its model; name one in its "
                "tokenizer_config.json."
            )
        model.config.eos_token_id = tokenizer.eos_token_id


def encode(tokenizer: Any, model: Any, texts: Sequence[str], positions: int) -> tuple[list[dict[str, list[int]]], int]:
    """Return (for each text what the model reads, the number of texts that were truncated to `positions` tokens).

    A text becomes {input_ids, attention_mask}, with token_type_ids if the tokenizer tells parts apart. The tokenizer
    treats what a text spells like a special token, such as </s>, as text.
    """
    texts = list(texts)
    whole = tokenizer(texts, truncation=False, split_special_tokens=True, verbose=False)["input_ids"] if texts else []
    asked = {"truncation": True, "max_length": positions, "split_special_tokens": True, "return_attention_mask": True}
    found = tokenizer(texts, **asked, return_token_type_ids=True) if texts else {}
    accepted = inspect.signature(model.forward).parameters
    names = ["input_ids", "attention_mask"]
    # Zeros say nothing, but some causal models would add the embedding of token 0 for them.
    names += ["token_type_ids"] * ("token_type_ids" in accepted and any(map(any, found.get("token_type_ids", []))))
    names = [name for name in names if name in accepted or name == "input_ids"]
    rows = (
        [dict(zip(names, row, strict=True)) for row in zip(*(found[name] for name in names), strict=True)]
        if texts
        else []
    )
    return [_complete(row, tokenizer, model, positions) for row in rows], sum(len(ids) > positions for ids in whole)


def _complete(row: dict[str, list[int]], tokenizer: Any, model: Any, positions: int) -> dict[str, list[int]]:
    """Return what the model reads of a text with the tokens that it cannot do without.

    An encoder-decoder finds the end of a text by its eos_token, which some tokenizers do not add. A text of no tokens
    becomes its eos_token, or a padding token.
    """
    ids, eos = row["input_ids"], tokenizer.eos_token_id
    if ids and not (model.config.is_encoder_decoder and eos not in ids):
        return row
    one = {"input_ids": tokenizer.pad_token_id if eos is None else eos, "attention_mask": 1, "token_type_ids": 0}
    return {name: [*values[: positions - 1], one[name]] for name, values in row.items()}


def padded(tokenizer: Any, rows: Sequence[dict[str, list[int]]]) -> Any:
    """Return a batch of `encode`'s texts as tensors, padded to the longest."""
    return tokenizer.pad(list(rows), padding=True, return_tensors="pt")


def specials(tokenizer: Any) -> list[str]:
    """Return the tokens that the tokenizer puts around each text, in their order."""
    return tokenizer.convert_ids_to_tokens(tokenizer("")["input_ids"])
