"""fairseq's dictionaries: a dict.txt has a word and its count on each line."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from semis.harness.errors import UserError

# fairseq puts the first four before the words of the dictionary, and its tasks add the last one after them.
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
OVERWRITE = " #fairseq:overwrite"  # at the end of a line: the word may be repeated and gets a second number


def words_of(lines: Iterable[bytes], path: str | Path) -> list[str]:
    """Return the words in the `lines` of the dict.txt `path`. Raises UserError if fairseq could not read a line."""
    words: list[str] = []
    known = set(SPECIAL[:-1])
    for number, line in enumerate(lines, start=1):
        try:
            entry = line.decode().rstrip()
            word, count = entry.removesuffix(OVERWRITE).rsplit(" ", 1)
            int(count)
        except ValueError as error:
            raise UserError(
                f"{path} line {number} is not a word and its count in UTF-8; replace the file with the model's own "
                "dict.txt."
            ) from error
        if word in known and not entry.endswith(OVERWRITE):
            raise UserError(
                f"{path} line {number} repeats the word {word}; replace the file with the model's own dict.txt."
            )
        words.append(word)
        known.add(word)
    return words


def read_dictionary(path: str | Path) -> list[str]:
    """Return the words of the dict.txt `path`, in order. Raises UserError as `words_of` does."""
    with open(path, "rb") as stream:
        return words_of(stream, path)


def symbols(words: Sequence[str]) -> list[str]:
    """Return the symbols of fairseq's Dictionary by number; one that is overwritten stands there twice."""
    return SPECIAL[:-1] + list(words) + SPECIAL[-1:] * ("<mask>" not in words)


def numbers(words: Sequence[str]) -> dict[str, int]:
    """Return {word: number} as fairseq's Dictionary looks words up: an overwritten word has its last number."""
    return {symbol: number for number, symbol in enumerate(symbols(words))}


def embedding_rows(words: Collection[str]) -> int:
    """Return the number of embedding rows of a model with these words: fairseq adds its special tokens."""
    return len(words) + len(SPECIAL) - ("<mask>" in words)
