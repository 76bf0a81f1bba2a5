"""What a recipe learns from questions and answers, as token ids and labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.errors import UserError
from semis.qlora.prompt import encode

NOT_LEARNED = -100  # as a label: torch's cross-entropy skips it


def choose_padding(tokenizer: Any, learns_end: bool) -> None:
    """Set the tokenizer's padding: eos, as in the report, or another token where the end of an answer is learned.

    Raises UserError for a tokenizer that has no special token besides eos where one is needed.
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
    """Return {input_ids, labels} of one pair; labels that are not learned are -100.

    A recipe that does not learn the end pads with eos and masks it everywhere, so it learns no eos of a chat template
    either.
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
    """Return what a recipe (the fields of `semis.qlora.methods.Recipe`) learns from `pairs`; set the padding for it."""
    choose_padding(tokenizer, recipe["learns_end"])
    return [example(tokenizer, pair, style, recipe["learns_prompt"], recipe["learns_end"]) for pair in pairs]
