"""A tokenizer's chat template: what it writes around a question and its answer."""

import itertools
import os
import random
from datetime import datetime
from typing import Any

from semis.harness.errors import UserError, reason
from semis.qlora.tokens import Part

from jinja2 import pass_context
from transformers.utils import chat_template_utils

DATE = datetime(2024, 7, 26)  # for every template that asks for today: the date that Llama 3's templates fall back to
QUESTION, ANSWER = "\ue0f1\ue0f2\ue0f1", "\ue0f3\ue0f4\ue0f3"  # private use: no template writes or changes them


class Template:
    """The chat template of the model in `folder`.

    `closings` are the texts that it writes behind an answer, the last one first and then one that another question
    follows. `today` is the date that it is told, if it asks.
    Raises UserError if the template fails or does not write the question.
    """

    def __init__(self, tokenizer: Any, folder: str) -> None:
        self.tokenizer, self.folder = tokenizer, folder
        self.source = self._source()
        self.today = DATE.date().isoformat() if "strftime_now" in self.source else None
        self.answered, self.listed, self.text = self._form()
        self.start, _, closing = self.text.partition(ANSWER)
        self.closings = [closing, self._between()] if self.answered else [""]

    def _source(self) -> str:
        """Return the text of the template; its clock is `DATE` from now on, and it always draws the same."""
        if not self.tokenizer.chat_template:
            raise UserError(
                f"qlora.prompt is chat, but the tokenizer of {self.folder} has no chat template; set it to report, or "
                "give qlora.model a model that was made for chats."
            )
        try:
            source = self.tokenizer.get_chat_template()
        except ValueError as error:  # several templates
            raise UserError(
                f"{self.folder}: its tokenizer has several chat templates ({', '.join(self.tokenizer.chat_template)}), "
                "and none is named default; give one that name, or set qlora.prompt to report."
            ) from error
        try:
            made = chat_template_utils._compile_jinja_template(source).environment  # kept by transformers for each text
        except Exception as error:
            raise self._failed(error) from error
        made.globals["strftime_now"] = lambda form: DATE.strftime(form)
        made.filters["random"] = pass_context(lambda context, items: random.Random(0).choice(items))
        made.globals.pop("lipsum", None)  # random text
        return source

    def _failed(self, error: Exception) -> UserError:
        return UserError(
            f"{self.folder}: its tokenizer's chat template fails on a question ({reason(error)}); set qlora.prompt to "
            "report, or give qlora.model another model."
        )

    def _form(self) -> tuple[bool, bool, str]:
        """Return (whether it takes an answer, whether it takes texts in a list, the text for a question and an answer).

        A template that refuses or drops the answer gets the question alone, and then writes the start of an answer.
        """
        outcomes: list[Exception] = []
        for answered, listed in itertools.product((True, False), (False, True)):
            try:
                text = self._rendered([QUESTION, ANSWER][: 1 + answered], listed)
            except Exception as error:  # a template may do anything
                outcomes.append(error)
                continue
            if QUESTION in text.partition(ANSWER)[0] and text.count(ANSWER) == answered:
                return answered, listed, text
            outcomes.append(ValueError("it does not write the question"))
        raise self._failed(outcomes[0])

    def _rendered(self, texts: list[str], listed: bool) -> str:
        """Return what the template writes for a question, or for a question, an answer, and maybe a question again."""
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if listed else text}
            for role, text in zip(("user", "assistant", "user"), texts)
        ]
        alone = len(texts) == 1
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=alone)

    def _between(self) -> str:
        """Return what the template writes between an answer and the start of the next question's turn, or nothing."""
        try:
            text = self._rendered([QUESTION, ANSWER, QUESTION], self.listed)
        except Exception:  # a template may do anything
            return ""
        between, first = text.partition(ANSWER)[2].partition(QUESTION)[0], self.start.partition(QUESTION)[0]
        return between[: len(between) - len(os.path.commonprefix([between[::-1], first[::-1]]))]

    def before(self, question: str) -> list[Part]:
        """Return what the template writes before the answer to a question; the question itself is not `written` by it.

        Raises UserError if the question cannot be found in that text.
        """
        pieces = self.start.split(QUESTION)
        try:
            text = self._rendered([question, ANSWER][: 1 + self.answered], self.listed)
        except Exception as error:
            raise self._failed(error) from error
        text = text.rpartition(ANSWER)[0] if self.answered else text
        if text != question.join(pieces):
            first, last = pieces[0], pieces[-1]
            fits = text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)
            if len(pieces) == 2 and fits:
                question = text[len(first) : len(text) - len(last)]  # as the template writes it
            elif text.count(question) == 1:
                pieces = text.split(question)
            else:
                raise UserError(
                    f"{self.folder}: its tokenizer's chat template changes a question ({question[:40]}), which cannot "
                    "be found in its text; change the question, or set qlora.prompt to report."
                )
        parts = [part for piece in pieces for part in (Part(question), Part(piece, written=True))][1:]
        return [part for part in parts if part.text]
