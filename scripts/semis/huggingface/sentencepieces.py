"""Sentencepiece models as tokenizers of the library `tokenizers`, which cut a text into the same pieces.

Sources: sentencepiece's normalizer.cc, unigram_model.cc, bpe_model.cc and sentencepiece_processor.cc.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError

import sentencepiece
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers.convert_slow_tokenizer import generate_merges

KINDS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}  # TrainerSpec.ModelType
SPACE = "▁"  # sentencepiece's sign for a space
# `tokenizers` applies a character map to whole grapheme clusters and drops what follows the first match in one, such as
# the circumflex of a decomposed ệ. This separator, which is in no text, makes each character a cluster.
SEPARATOR = "\ufff0"
BETWEEN = Regex(r"(?<=[\s\S])(?=[^\x00-\x7f]|(?<=[^\x00-\x7f])|\n)")
MARK = "\U000f8000"  # around a run of unknown characters that is a word of the vocabulary; in no text either
PRIVATE = 0xF0000  # the first private character of Unicode's plane 15
# What Python takes for a blank besides the space itself: fairseq cuts pieces there.
BLANKS = "\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


class Model:
    """A sentencepiece model: `proto` is its file, `processor` cuts texts, `pieces` are those that a text can get."""

    def __init__(self, path: str | Path) -> None:
        """Read the model of a file. Raises UserError if it is damaged."""
        self.path = Path(path)
        content = self.path.read_bytes()
        self.proto: Any = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
        try:
            self.proto.ParseFromString(content)
            self.processor = sentencepiece.SentencePieceProcessor(model_proto=content)
        except (DecodeError, RuntimeError):
            self.proto.Clear()
        self.pieces = [piece for piece in self.proto.pieces if piece.type in (1, 4, 6)]  # normal, user-defined, byte
        if not self.pieces:
            raise UserError(f"{path} is not a complete sentencepiece model; replace it with the model's own file.")
        self.characters = {SPACE, *(piece.piece for piece in self.pieces if len(piece.piece) == 1)}
        self.kind = KINDS[self.proto.trainer_spec.model_type]

    @cached_property
    def neighbours(self) -> set[str]:
        """The pairs of characters that stand side by side in a piece."""
        return {"".join(pair) for piece in self.pieces for pair in pairwise(piece.piece)}

    @property
    def own(self) -> list[str]:
        """The symbols that the maker of the model defined: each is always one piece."""
        return [piece.piece for piece in self.proto.pieces if piece.type == piece.USER_DEFINED]

    def is_run(self, word: str) -> bool:
        """Say whether sentencepiece may leave a word as it is, since it knows none of its characters."""
        if self.proto.trainer_spec.byte_fallback or self.kind == "word":
            return False
        return self.characters.issuperset("".join(self.own)) and self.characters.isdisjoint(word)

    def scores(self) -> dict[str, float]:
        """Return {piece: score}."""
        return {piece.piece: piece.score for piece in self.pieces}


def normalizer(model: Model, before: Sequence[Any] = ()) -> normalizers.Normalizer:
    """Return the normalizer of a model: it makes of a text what sentencepiece cuts; `before` are steps before it."""
    spec, suffix = model.proto.normalizer_spec, model.proto.trainer_spec.treat_whitespace_as_suffix
    steps = list(before)
    if spec.precompiled_charsmap:
        odd = [word for word in model.own if not word.isascii()]  # sentencepiece does not normalize its own symbols
        steps += [normalizers.Replace(word, chr(PRIVATE + number)) for number, word in enumerate(odd)]
        if "é" in model.processor.normalize("e\u0301"):
            steps.append(normalizers.NFC())
        steps += [
            normalizers.Replace(BETWEEN, SEPARATOR),
            normalizers.Precompiled(spec.precompiled_charsmap),
            normalizers.Replace(SEPARATOR, ""),
        ]
        steps += [normalizers.Replace(chr(PRIVATE + number), word) for number, word in enumerate(odd)]
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(r"\A +"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if spec.add_dummy_prefix and not suffix:
        steps.append(normalizers.Prepend(SPACE))
    steps.append(normalizers.Replace(" ", SPACE))
    if spec.remove_extra_whitespaces:
        steps.append(normalizers.Replace(Regex(f"{SPACE}+\\z"), ""))
    if spec.add_dummy_prefix and suffix:
        steps.append(normalizers.Replace(Regex(r"(?<=[\s\S])\z"), SPACE))
    return normalizers.Sequence(steps)


def marks(model: Model) -> normalizers.Normalizer:
    """Return a normalizer that puts `MARK` around each run of unknown characters of a normalized text."""
    known = set(map(ord, model.characters))
    first, last = ([code for code in sorted(known) if code + step not in known] for step in (-1, 1))
    ranges = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in zip(first, last, strict=True))
    other = f"[^{BLANKS}{ranges}]"
    return normalizers.Replace(Regex(f"(?<!{other})(?={other})|(?<={other})(?!{other})"), MARK)


def splitter(model: Model, others: Sequence[str], marked: bool) -> pre_tokenizers.PreTokenizer | None:
    """Return what cuts a normalized text before the model does; None if nothing has to.

    `others` are entries of the vocabulary that are no pieces, such as <pad>: a text that spells one must not become it,
    so it is cut in two, at a place where no piece is cut.
    """
    steps = []
    if not model.proto.trainer_spec.byte_fallback:  # with it, each blank becomes its bytes
        steps.append(pre_tokenizers.Split(Regex(f"[{BLANKS}]+"), "removed"))
    if marked:
        steps.append(pre_tokenizers.Split(Regex(f"{MARK}[^{MARK}]*{MARK}"), "isolated"))
    if model.own and model.kind != "unigram":  # in a unigram model their score, 0, is the best
        longest = sorted(model.own, key=len, reverse=True)
        steps.append(pre_tokenizers.Split(Regex("|".join(map(regex_of, longest))), "isolated"))
    if model.kind == "word":  # known words one by one, and each run of unknown words as one
        words = "|".join(sorted((regex_of(piece.piece) for piece in model.pieces), key=len, reverse=True))
        steps.append(pre_tokenizers.Split(Regex(f"(?:\\A|(?={SPACE}))(?:{words})(?={SPACE}|\\z)"), "isolated"))
    elif cuts := [cut(word, model) for word in others if len(word) > 1]:
        cuts += ["<(?=0x[0-9A-F]{2}>)"] * model.proto.trainer_spec.byte_fallback  # the name of a byte is text
        steps.append(pre_tokenizers.Split(Regex("|".join(cuts)), "merged_with_previous"))
    return pre_tokenizers.Sequence(steps) if steps else None


def regex_of(text: str) -> str:
    """Return a regular expression that matches just this text; blanks and signs are escaped."""
    return re.sub(r"([^\w▁])", r"\\\1", text)


def cut(word: str, model: Model) -> str:
    """Return a regular expression that matches the start of `word` up to the best place for a cut."""

    def crossed(place: int) -> bool:
        """Say whether a piece, or a run of unknown characters, may hold what is on both sides of this place."""
        both = word[place - 1 : place + 1]
        return model.characters.isdisjoint(both) or both in model.neighbours

    place = next((place for place in range(1, len(word)) if not crossed(place)), 1)
    return f"{regex_of(word[:place])}(?={regex_of(word[place:])})"


def tokenizer(model: Model, vocabulary: Sequence[str], unknown: str, before: Sequence[Any] = ()) -> Tokenizer:
    """Return a Tokenizer that cuts as the model does and numbers the pieces as `vocabulary` does, without repeats.

    `vocabulary` holds the model's pieces, `unknown`, runs of unknown characters between `MARK`s, and others, which no
    text becomes.
    """
    scores = model.scores()
    numbers = {word: number for number, word in enumerate(vocabulary)}
    marked = any(word[0] == MARK and word not in scores for word in vocabulary)
    found = Tokenizer(cutter(model, scores, numbers, unknown, bool(model.own) or marked))
    found.normalizer = normalizers.Sequence([normalizer(model, before), *[marks(model)] * marked])
    others = [word for word in vocabulary if word not in scores and not (marked and word[0] == MARK)]
    found.pre_tokenizer = splitter(model, others, marked)
    return found


def cutter(
    model: Model, scores: Mapping[str, float], numbers: Mapping[str, int], unknown: str, whole_words: bool
) -> models.Model:
    """Return the model of `tokenizers` for a sentencepiece model; `whole_words`: BPE takes a known word as it is."""
    spec = model.proto.trainer_spec
    if model.kind == "word":
        return models.WordLevel(dict(numbers), unk_token=unknown)
    if model.kind == "unigram":
        # The worst score decides what an unknown character costs, so the other entries get no worse one.
        worst = min(scores.values())
        entries = [(word, scores.get(word, worst)) for word in numbers]
        return models.Unigram(entries, unk_id=numbers[unknown], byte_fallback=spec.byte_fallback)
    whole = {piece.piece: piece.score for piece in model.pieces if piece.type == piece.NORMAL}
    return models.BPE(
        dict(numbers),
        generate_merges({piece: numbers[piece] for piece in whole}, whole) if model.kind == "bpe" else [],
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=spec.byte_fallback,
        ignore_merges=whole_words,
    )
