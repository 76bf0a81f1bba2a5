"""What a text becomes by definition: by a sentencepiece model, and what a model's own library does before and after.

Sources: fairseq's Dictionary and tokenizer.py; the tokenizers of transformers 4 that ran sentencepiece itself.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from semis.fairseq.dictionaries import SPECIAL, numbers, read_dictionary, symbols
from semis.harness.errors import UserError
from semis.huggingface.sentencepieces import MARK, SPACE, Model

from tokenizers import Regex, normalizers

DICTIONARY = "dict.txt"
MODEL = "sentencepiece.bpe.model"  # beside a dictionary
FILES = (MODEL, "spm.model", "spiece.model", "tokenizer.model", "sentencepiece.model")
# {family: (lower case, keeps accents) of a folder that does not say}
PREPARED = {"albert": (True, False), "fnet": (False, True), "xlnet": (False, False), "deberta-v2": (False, True)}
WITH_COMMAS = ("albert", "fnet", "xlnet")  # these also replace quotes, and cut the comma off a number

Reference = Callable[[str], list[str]]


def vocabulary(model: Model, words: Sequence[str]) -> list[str]:
    """Return a name for each number of fairseq's dictionary, no name twice.

    A symbol that no text can become gets a name with a space in it, so that none does here either: one that fairseq has
    overwritten, and a word that is neither a piece nor a run of unknown characters.
    """
    pieces, looked_up = {piece.piece for piece in model.pieces}, numbers(words)
    names = []
    for number, word in enumerate(symbols(words)):
        if number < len(SPECIAL) - 1 or word == SPECIAL[-1]:
            names.append(word)
        elif looked_up[word] != number or word in SPECIAL or not (word in pieces or model.is_run(word)):
            names.append(f"{word} {number}")
        else:
            names.append(word if word in pieces else f"{MARK}{word}{MARK}")
    return names


def of_fairseq(model: Model, words: Sequence[str]) -> Reference:
    """Return what fairseq reads of a text by a dictionary's `words`, as names of `vocabulary`, without <s> and </s>.

    As in the rules tokenize and binarize: fairseq cuts at blanks, and a piece that is spelt like a token is unknown.
    """
    names, looked_up = vocabulary(model, words), numbers(words)

    def cut(text: str) -> list[str]:
        pieces = model.processor.encode(text, out_type=str)
        line = " ".join("<unk>" if piece in SPECIAL else piece for piece in pieces)
        return [names[looked_up.get(word, SPECIAL.index("<unk>"))] for word in line.split()]

    return cut


def of_family(
    model: Model, family: str, settings: Mapping[str, Any], known: Mapping[str, int], unknown: str
) -> Reference:
    """Return what a model of a family reads of a text, as names of its tokens: `known`, or `unknown`.

    `settings` are those of tokenizer_config.json.
    """
    lower, keep = choices(family, settings)
    quotes = family in WITH_COMMAS

    def cut(text: str) -> list[str]:
        if quotes:
            text = " ".join(text.split()).replace("``", '"').replace("''", '"')
        if not keep:
            text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        pieces = model.processor.encode(text.lower() if lower else text, out_type=str)
        if quotes:
            pieces = [part for piece in pieces for part in comma_apart(model, piece)]
        return [piece if piece in known else unknown for piece in pieces]

    return cut


def comma_apart(model: Model, piece: str) -> list[str]:
    """Return a piece, or if it is a number with a comma behind it, the pieces of the number and then the comma."""
    if not re.search(r"\d,$", piece):
        return [piece]
    parts = model.processor.encode(piece[:-1].replace(SPACE, ""), out_type=str)
    if piece[0] != SPACE and parts[0][0] == SPACE:
        parts = [part for part in (parts[0][1:], *parts[1:]) if part]
    return [*parts, piece[-1]]


def choices(family: str, settings: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return (lower case, keep accents) of a tokenizer of this family."""
    lower, keep = PREPARED.get(family, (False, True))
    return settings.get("do_lower_case", lower) and family in PREPARED, settings.get("keep_accents", keep)


def steps_before(family: str, settings: Mapping[str, Any]) -> list[normalizers.Normalizer]:
    """Return what `of_family` does to a text before the model reads it, as steps of a normalizer."""
    lower, keep = choices(family, settings)
    steps = []
    if family in WITH_COMMAS:
        steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
        steps += [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if family in PREPARED and not keep:
        marks = "".join(chr(code) for code in range(0x110000) if unicodedata.combining(chr(code)))
        steps += [normalizers.NFKD(), normalizers.Replace(Regex(f"[{marks}]"), "")]
    return steps + [normalizers.Lowercase()] * lower


@lru_cache(maxsize=1)
def model_of(path: Path) -> Model:
    """Return the sentencepiece model of a file; reading a large one takes seconds."""
    return Model(path)


def sentencepiece_of(folder: str | Path, also: str = "", damaged: bool = False) -> Model | None:
    """Return the sentencepiece model of a model folder, or None; `also` is another name that its file may have.

    Raises UserError if such a file is damaged and no other is there, if `damaged` asks for that.
    """
    for name in dict.fromkeys([*filter(None, [also]), *FILES]):
        if Path(folder, name).is_file():
            try:
                return model_of(Path(folder, name))
            except UserError:
                if damaged and name != "tokenizer.model":  # other libraries use that name too
                    raise
    return None


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds, {} without it."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def exported(folder: str | Path) -> Reference | None:
    """Return what fairseq reads of a text by a folder that `export` wrote; None for another folder."""
    paths = [Path(folder, name) for name in (MODEL, DICTIONARY)]
    if not all(path.is_file() for path in paths) or not read_json(Path(folder, "tokenizer_config.json")).get("fairseq"):
        return None
    return of_fairseq(model_of(paths[0]), read_dictionary(paths[1]))


def same(model: Model, one: Sequence[str], other: Sequence[str]) -> bool:
    """Say whether two lists of pieces are the same, or equally likely cuts of a text by a unigram model.

    sentencepiece adds scores in single precision, so chance decides between cuts of the same score: !!!! ! and ! !!!!.
    """
    if list(one) == list(other):
        return True
    scores = model.scores()
    others = [[piece for piece in pieces if piece not in scores] for pieces in (one, other)]
    if model.kind != "unigram" or others[0] != others[1]:
        return False
    first, second = (sum(scores.get(piece, 0.0) for piece in pieces) for pieces in (one, other))
    return abs(first - second) <= 1e-6 * abs(first)
