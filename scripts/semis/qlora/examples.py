"""Turns questions and answers into training examples: token ids, and labels for the tokens that a recipe learns."""

from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.errors import UserError
from semis.qlora.limits import positions
from semis.qlora.prompt import Turn, Turns

NOT_LEARNED = -100  # torch's cross-entropy skips this label


def choose_padding(tokenizer: Any, learns_end: bool, model: Any) -> None:
    """Set the tokenizer's padding for a model.

    It is eos in a recipe that does not learn where an answer ends, as in the report. Otherwise it is a special token of
    the tokenizer, and eos where it has no other one: the labels and the attention mask leave padding out anyway.
    """
    rows = model.get_input_embeddings().num_embeddings
    own = [tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token] if learns_end else []
    usable = [token for token in own if token and tokenizer.convert_tokens_to_ids(token) < rows]
    others = [token for token in usable if token != tokenizer.eos_token]
    tokenizer.pad_token = next(iter(others), tokenizer.eos_token)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]  # else nothing would leave padding out
    if positions(model) is not None:
        tokenizer.padding_side = "right"  # on the left it would move the text to positions of a longer one


def example(turn: Turn, eos: int, learns_prompt: bool, learns_end: bool) -> dict[str, list[int]]:
    """Return {input_ids, labels} of one turn; the label of a token that is not learned is -100.

    A recipe that does not learn the end pads with eos and ignores eos everywhere, so it does not learn an eos in a chat
    template either.
    """
    after = turn.answer + turn.end if learns_end else turn.answer
    labels = [*(turn.prompt if learns_prompt else [NOT_LEARNED] * len(turn.prompt)), *after]
    if not learns_end:
        labels = [NOT_LEARNED if label == eos else label for label in labels]
    return {"input_ids": turn.prompt + after, "labels": labels}


def examples(
    pairs: Sequence[Mapping[str, str]], turns: Turns, recipe: Mapping[str, bool], longest: int
) -> tuple[list[dict[str, list[int]]], dict[str, int]]:
    """Return the `example` of each pair for a recipe (the fields of `Recipe`), cut to `longest` tokens, and the counts.

    The counts are {pairs, pairs_cut, pairs_without_answer}. The last ones have a question that fills `longest`; a
    recipe that learns only answers learns nothing from them, so they are not among the examples. Raises UserError if
    all pairs are like that.
    """
    found = [turns.encode(pair["question"], pair["answer"]) for pair in pairs]
    eos, prompts = turns.tokenizer.eos_token_id, [len(turn.prompt) for turn in found]
    whole = [example(turn, eos, recipe["learns_prompt"], recipe["learns_end"]) for turn in found]
    counts = {
        "pairs": len(pairs),
        "pairs_cut": sum(len(made["input_ids"]) > longest for made in whole),
        "pairs_without_answer": sum(prompt >= longest for prompt in prompts),
    }
    cut = [{key: ids[:longest] for key, ids in made.items()} for made in whole]
    learned = [made for made in cut if any(label != NOT_LEARNED for label in made["labels"])]
    if not learned:
        raise UserError(
            f"qlora.training.max_length is {longest}, and the shortest question alone has {min(prompts)} tokens, so "
            f"no answer would be learned; set it to more than {min(prompts)}."
        )
    return learned, counts
