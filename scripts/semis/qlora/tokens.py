"""Turns texts into token ids, as one text; the tokens that a chat template writes stay apart from the same words in a
question."""

import json
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from semis.harness.errors import UserError

from tokenizers import AddedToken, Tokenizer

# Most answers begin with one of these. A token of the prompt that none of them changes belongs to the prompt.
BEGINNINGS = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZÀÉabcdefghijklmnopqrstuvwxyzàé0123456789"]
NEIGHBOURS = ["\n", ")", ";", "¤", "0"]  # texts with which the first token of an answer may not merge
MARK = "\U0010fffd"  # of private use, so no text contains it; it is on both sides of the substitute for a token


class Part(NamedTuple):
    """A piece of a text; `written` says whether a chat template wrote it, so that its special tokens are tokens."""

    text: str
    written: bool = False


def shared(lists: Sequence[Sequence[int]]) -> int:
    """Return the number of items at the start that all lists share."""
    return sum(1 for _ in takewhile(lambda items: len(set(items)) == 1, zip(*lists)))


class Reader:
    """Reads parts of a text with a tokenizer; `control` holds the contents of the tokens that a template may write.

    Other special tokens are text everywhere, and so is a `control` token in a part that the template did not write.
    With `opens`, the tokenizer adds what it adds at the start of a text, such as a bos.
    """

    def __init__(self, tokenizer: Any, control: Sequence[str], opens: bool) -> None:
        self.tokenizer, self.control, self.opens = tokenizer, control, opens
        self.beginnings = BEGINNINGS
        if tokenizer.is_fast:
            self._prepare(json.loads(tokenizer.backend_tokenizer.to_str()))

    def _prepare(self, content: dict[str, Any]) -> None:
        """Make `backend`: a copy that takes control tokens for text, and has a stand-in for each control token."""
        content |= {"truncation": None, "padding": None}
        if content["model"].get("dropout"):
            content["model"]["dropout"] = None  # it would draw the tokens at random
        for token in content["added_tokens"]:
            token["special"] = token["special"] or token["content"] in self.control
        self.backend = Tokenizer.from_str(json.dumps(content))
        self.backend.encode_special_tokens = True  # which means: take them for text
        known = [token for token in content["added_tokens"] if token["content"] in self.control]
        self.stand_ins = {token["content"]: f"{MARK}{chr(0x100000 + i)}{MARK}" for i, token in enumerate(known)}
        rules = ("single_word", "lstrip", "rstrip", "normalized")
        self.backend.add_tokens(
            [
                AddedToken(self.stand_ins[token["content"]], special=False, **{rule: token[rule] for rule in rules})
                for token in known
            ]
        )
        self.originals = {self.backend.token_to_id(self.stand_ins[token["content"]]): token["id"] for token in known}

    def _given(self, part: Part) -> str:
        """Return a part as `backend` is to read it. Raises UserError if a user's text holds the mark of a stand-in."""
        if part.written:
            return "".join(self.stand_ins.get(piece, piece) for piece in divided(part.text, self.control))
        if MARK in part.text:
            raise UserError(
                f"A question or an answer holds the character U+{ord(MARK):X} ({part.text[:40]}); take it out."
            )
        return part.text

    def read(
        self, before: Sequence[Part], middle: Sequence[Part], after: Sequence[Part] = ()
    ) -> tuple[list[int], int, int]:
        """Return (ids of the whole text, index of the first token of `middle`, index behind its last one).

        A token that holds characters of two pieces belongs to `middle`.
        """
        if not self.tokenizer.is_fast:
            return self._read_slowly(before, middle, after)
        texts = ["".join(map(self._given, parts)) for parts in (before, middle, after)]
        begin, end = len(texts[0]), len(texts[0]) + len(texts[1])
        found = self.backend.encode("".join(texts), add_special_tokens=self.opens)
        size = len(found.ids)
        while size and found.special_tokens_mask[size - 1]:  # what the tokenizer adds at the end of a text
            size -= 1
        ids = [self.originals.get(i, i) for i in found.ids[:size]]
        start = sum(1 for _ in takewhile(lambda place: place[1] <= begin, found.offsets[:size]))
        stop = next((i + 1 for i in range(size - 1, start - 1, -1) if found.offsets[i][0] < end), start)
        return ids, start, stop

    def _read_slowly(
        self, before: Sequence[Part], middle: Sequence[Part], after: Sequence[Part]
    ) -> tuple[list[int], int, int]:
        """Do the same with a tokenizer that does not say which characters a token holds, from the tokens of less text.

        Raises UserError if a user's text spells a control token, since such a tokenizer cannot read it as text.
        """
        for part in [*before, *middle]:
            spelt = [] if part.written else [token for token in self.control if token in part.text]
            if spelt:
                raise UserError(
                    f"A question or an answer holds {spelt[0]} ({part.text[:40]}), which the model's tokenizer "
                    f"({type(self.tokenizer).__name__}, without a tokenizer.json) reads as a token that ends or starts "
                    "a turn; write it in another way."
                )
        ids = self._slow_ids([*before, *middle, *after])
        start = shared([ids, self._slow_ids(before)])
        return ids, start, max(start, shared([ids, self._slow_ids([*before, *middle])]))

    def _slow_ids(self, parts: Sequence[Part]) -> list[int]:
        """Return the ids of a text, without what the tokenizer adds at its end."""
        text = "".join(part.text for part in parts)
        chosen = {"split_special_tokens": not any(part.written for part in parts)}
        plain = self.tokenizer(text, add_special_tokens=False, **chosen)["input_ids"]
        if not self.opens:
            return plain
        around = self.tokenizer(text, add_special_tokens=True, **chosen)["input_ids"]
        found = [i for i in range(len(around) - len(plain) + 1) if around[i : i + len(plain)] == plain]
        return around[: found[0] + len(plain)]

    def decide(self, before: Sequence[Part], space: str) -> None:
        """Choose the two beginnings of an answer between which most of the ids of a text before it change."""
        found = {text: self._ids_before(before, space + text) for text in BEGINNINGS}
        first = found[BEGINNINGS[0]]
        self.beginnings = [BEGINNINGS[0], min(BEGINNINGS, key=lambda text: shared([first, found[text]]))]

    def prompt(self, before: Sequence[Part], space: str) -> list[int]:
        """Return the ids of a text that an answer follows, after `space`: those that its first letter does not change.

        A blank at the end of the text is often part of the answer's first token.
        """
        found = [self._ids_before(before, space + text) for text in self.beginnings]
        return found[0][: shared(found)]

    def _ids_before(self, before: Sequence[Part], beginning: str) -> list[int]:
        ids, start, _ = self.read(before, [Part(beginning)])
        return ids[:start]

    def turn(
        self, before: Sequence[Part], middle: Part, after: Part, space: str
    ) -> tuple[list[int], list[int], list[int]]:
        """Return the ids of a `prompt`, those of its answer `middle`, and those of the answer's end `after`.

        They are the ids of one text. Where the answer's first characters would merge with the prompt's last ones, the
        answer is read behind another text, because the model answers behind the ids of the prompt alone.
        """
        prompt = self.prompt(before, space)
        ids, _, stop = self.read(before, [middle], [after])
        same = shared([ids, prompt])
        if same < len(prompt) and self.read(before, [])[0] == prompt:
            for neighbour in ([Part(text)] for text in NEIGHBOURS):
                found, start, end = self.read(neighbour, [middle], [after])
                if found[:start] == self.read(neighbour, [])[0]:
                    return prompt, found[start:end], found[end:]
        return ids[:same], ids[same:stop], ids[stop:]


def divided(text: str, tokens: Sequence[str]) -> list[str]:
    """Return the pieces of a text: each of the `tokens` in it (the longest at a place) and what is between them."""
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if tokens else [text]
