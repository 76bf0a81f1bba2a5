"""fairseq's dictionaries: a dict.txt has a word and its count on each line."""

from collections.abc import Collection, Iterable
from pathlib import Path

from semis.harness.errors import UserError

# fairseq numbers these by itself, and its tasks add the last one behind the dictionary.
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
OVERWRITE = " #fairseq:overwrite"  # behind a line: the word may stand a second time, and gets another number


def words_of(lines: Iterable[bytes], path: str | Path) -> list[str]:
    """The words in the `lines` (bytes) of the dict.txt `path`. Raises UserError with one that fairseq cannot read."""
    words: list[str] = []
    known = set(SPECIAL[:-1])
    for number, line in enumerate(lines, start=1):
        try:
            entry = line.decode().rstrip()
            word, count = entry.removesuffix(OVERWRITE).rsplit(" ", 1)
            int(count)
        except ValueError as error:
            raise UserError(
                f"{path} line {number} is no word and its count, in UTF-8; put the dict.txt of the model there."
            ) from error
        if word in known and not entry.endswith(OVERWRITE):
            raise UserError(f"{path} line {number} holds {word} a second time; put the dict.txt of the model there.")
        words.append(word)
        known.add(word)
    return words


def read_dictionary(path: str | Path) -> list[str]:
    """The words of the dict.txt `path` in their order. Raises UserError (see `words_of`)."""
    with open(path, "rb") as stream:
        return words_of(stream, path)


def embedding_rows(words: Collection[str]) -> int:
    """Rows of the embedding of a model with these words: fairseq's special tokens stand beside them."""
    return len(words) + len(SPECIAL) - ("<mask>" in words)
