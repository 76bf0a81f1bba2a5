"""Turns questions and answers into training examples: token ids, and labels for the tokens that a recipe learns."""

from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.errors import UserError
from semis.qlora.prompt import encode

NOT_LEARNED = -100  # torch's cross-entropy skips this label


def choose_padding(tokenizer: Any, learns_end: bool) -> None:
    """Set the tokenizer's padding: eos, as in the report, or another token if the recipe learns the end of an answer.

    Raises UserError if the recipe needs another token and the tokenizer has no special token but eos.
    """
    if not learns_end:
        tokenizer.pad_token = tokenizer.eos_token
        return
    own = [token for token in (tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token) if token]
    own = [token for token in own if token != tokenizer.eos_token]
    if not own:
        raise UserError(
            "qlora.methods: a recipe that learns where an answer ends needs a padding token other than eos, and the "
            "model's tokenizer has none; add a pad_token to its tokenizer_config.json, or keep only methods with the "
            "recipe report."
        )
    tokenizer.pad_token = own[0]


def example(
    tokenizer: Any, pair: Mapping[str, str], style: str, learns_prompt: bool, learns_end: bool
) -> dict[str, list[int]]:
    """Return {input_ids, labels} of one pair; the label of a token that is not learned is -100.

    A recipe that does not learn the end pads with eos and ignores eos everywhere, so it does not learn an eos in a chat
    template either.
    """
    before, after = encode(tokenizer, pair["question"], pair["answer"], style)
    eos = tokenizer.eos_token_id
    if learns_end:
        after = [*after, eos]
    labels = [*(before if learns_prompt else [NOT_LEARNED] * len(before)), *after]
    if not learns_end:
        labels = [NOT_LEARNED if label == eos else label for label in labels]
    return {"input_ids": before + after, "labels": labels}


def examples(
    pairs: Sequence[Mapping[str, str]], tokenizer: Any, style: str, recipe: Mapping[str, bool]
) -> list[dict[str, list[int]]]:
    """Return the `example` of each pair for a recipe (the fields of `Recipe`), and set the padding of the tokenizer."""
    choose_padding(tokenizer, recipe["learns_end"])
    return [example(tokenizer, pair, style, recipe["learns_prompt"], recipe["learns_end"]) for pair in pairs]
