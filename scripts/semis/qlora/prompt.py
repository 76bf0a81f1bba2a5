"""Turns a question and its answer into tokens."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from semis.harness.errors import UserError, reason
from semis.huggingface.packages import check_packages
from semis.huggingface.tokenizer import load_tokenizer as checked_tokenizer
from semis.qlora.template import Template
from semis.qlora.tokens import Part, Reader, divided


class Turn(NamedTuple):
    """Token ids of a question with all that is written around it, of its answer, and of the end of the answer."""

    prompt: list[int]
    answer: list[int]
    end: list[int]


class Turns:
    """Turns questions and answers into tokens, in the report's style or, with `chat`, with the chat template.

    A question, its answer and its end are one text; see `Reader` for the borders. Special tokens that a question or an
    answer spells are text. Raises UserError if the tokenizer's chat template cannot be used.
    """

    def __init__(self, tokenizer: Any, style: str, folder: str | Path = "qlora.model") -> None:
        self.tokenizer = tokenizer
        self.template = Template(tokenizer, str(folder)) if style == "chat" else None
        self.space = "" if self.template else " "  # before an answer
        closings = self.template.closings if self.template else []
        control = _control(tokenizer, "".join([self.template.start, *closings])) if self.template else []
        self.reader = Reader(tokenizer, control, opens=self.template is None)
        self.reader.decide(self.before("?"), self.space)
        cut = [pieces[:2] for pieces in (divided(text, control) for text in closings) if len(pieces) > 1]
        self.closing = "".join(cut[0]) if cut else ""  # up to the first token that the template writes
        self.end = tokenizer.convert_tokens_to_ids(cut[0][1]) if cut else tokenizer.eos_token_id

    def before(self, question: str) -> list[Part]:
        """Return the text before an answer.

        The report's ends without a space, because in byte-level BPE the space belongs to the answer's first token.
        """
        if self.template:
            return self.template.before(question)
        return [Part(f"<human>: {question}  \n<assistant>:")]

    def prompt(self, question: str) -> list[int]:
        """Return the ids after which the model answers."""
        return self.reader.prompt(self.before(question), self.space)

    def encode(self, question: str, answer: str) -> Turn:
        """Return the turn as the model learns it."""
        text, closing = Part(self.space + answer), Part(self.closing, written=True)
        prompt, learned, end = self.reader.turn(self.before(question), text, closing, self.space)
        return Turn(prompt, learned, end if self.closing else [self.end])

    def stops(self, others: int | Iterable[int] | None) -> list[int]:
        """Return the ids that end an answer: the template's end, eos, and `others`, the model's own."""
        own = [others] if isinstance(others, int) else others or []
        return sorted({self.end, self.tokenizer.eos_token_id, *(i for i in own if i >= 0)})

    def length(self, generated: list[int], stops: list[int]) -> int:
        """Return how many ids of a generated text are before its end: before what the template writes, or a stop."""
        learned = self.encode("?", "A").end  # it may hold a blank before the token that ends the answer
        if generated[-len(learned) :] == learned:
            return len(generated) - len(learned)
        return len(generated) - (generated[-1] in stops)

    def described(self) -> dict[str, Any]:
        """Return, for training.json, the token that ends an answer and the date that the chat template is told."""
        return {
            "end_of_answer": self.tokenizer.convert_ids_to_tokens(self.end),
            "template_date": self.template.today if self.template else None,
        }


def _control(tokenizer: Any, written: str) -> list[str]:
    """Return the tokens that a chat template may write: all special ones, and others that are in its text `written`.

    Blanks may be a token too, but every text holds them. A token that the tokenizer reads as text even there (its rules
    can demand that) is none of them.
    """
    added = {t.content: t for t in tokenizer.added_tokens_decoder.values()}
    named = [text for text, t in added.items() if t.special or (text in written and not text.isspace())]
    pieces = divided(written, named)
    ids = tokenizer(written, add_special_tokens=False, split_special_tokens=False)["input_ids"]
    return [text for text in named if pieces.count(text) <= ids.count(tokenizer.convert_tokens_to_ids(text))]


def load_tokenizer(folder: str | Path, style: str) -> Any:
    """Return the tokenizer of a model folder. Raises UserError if it is missing or cannot make such prompts."""
    try:
        tokenizer = checked_tokenizer(folder)
    except UserError:
        raise
    except Exception as error:  # any exception is possible, since the folder may hold anything
        check_packages(str(folder), error, "qlora")
        raise UserError(
            f"{folder} holds no tokenizer that transformers can read ({reason(error)}); give qlora.model a complete "
            "model."
        ) from error
    if tokenizer.eos_token is None:
        raise UserError(f"{folder} has a tokenizer without an eos_token; name one in its tokenizer_config.json.")
    Turns(tokenizer, style, folder)
    return tokenizer
