"""The file formats in which reviews and their labels come, one object each in `FORMATS`."""

from collections.abc import Callable, Mapping, Sequence
from typing import IO, NamedTuple, Protocol

from semis.harness.errors import UserError
from semis.text.lines import checked_lines

SPLITS = ("train", "valid", "test")


class File(NamedTuple):
    """A file of a dataset: how a sentence calls it, and a function that opens it for reading bytes."""

    shown: str
    open: Callable[[], IO[bytes]]


class Format(Protocol):
    """One way to store labelled reviews."""

    name: str

    def fits(self, source: Mapping[str, str]) -> bool:
        """Whether this format is the one of a source of the config; the first format that fits is taken."""

    def files(self, split: str) -> list[str]:
        """The names of the files that hold a split."""

    def read(self, files: Sequence[File], split: str, labels: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the reviews and their labels (two lists of text, equally long) of a split.

        `files` are those that `self.files(split)` names, in that order; `labels` are the classes of the dataset.
        Raises UserError for what cannot be read and for what `check` refuses.
        """


class Lines:
    """{split}.review has a review on each line, {split}.label the label of each review on the same line."""

    name = "lines"

    def fits(self, source: Mapping[str, str]) -> bool:
        return True

    def files(self, split: str) -> list[str]:
        return [f"{split}.review", f"{split}.label"]

    def read(self, files: Sequence[File], split: str, labels: Sequence[str]) -> tuple[list[str], list[str]]:
        """As `Format.read`. Raises UserError where the two files have other numbers of lines, too."""
        (of_reviews, reviews), (of_labels, given) = ((file.shown, _lines(file)) for file in files)
        if len(reviews) != len(given):
            more, less = (of_reviews, of_labels) if len(reviews) > len(given) else (of_labels, of_reviews)
            first = min(len(reviews), len(given)) + 1
            raise UserError(
                f"{of_reviews} has {len(reviews)} reviews and {of_labels} has {len(given)} labels; each line of the "
                f"one needs one in the other, and line {first} of {more} has none in {less}."
            )
        if not reviews:
            raise UserError(f"{of_reviews} holds no review; put at least one there.")
        check(of_labels, "line", given, labels, split)
        return reviews, given


def _lines(file: File) -> list[str]:
    """The lines of a file as `checked_lines` gives them; none where there is nothing in it."""
    with file.open() as stream:
        found = list(checked_lines(stream, file.shown))
    return [] if found == [""] else found


def check(file: str, unit: str, given: Sequence[str], labels: Sequence[str], split: str) -> None:
    """Raise UserError unless each label of a split, `given` in a `unit` (line or row) of `file`, is one of `labels`.

    Train must have each of `labels`, since no model could learn the class otherwise.
    """
    for number, label in enumerate(given, start=1):
        if label not in labels:
            found = f"holds the label '{label}'" if label else "is empty"
            raise UserError(
                f"{file} {unit} {number} {found}; the config's labels are {', '.join(labels)}: correct the {unit}, or "
                "add the label to the dataset's labels."
            )
    lacking = [label for label in labels if label not in given]
    if split == "train" and lacking:
        raise UserError(
            f"{file} has no {unit} with the label {', '.join(lacking)}, so no model can learn it; add reviews of that "
            "class, or correct the dataset's labels in the config."
        )


# In the order in which `format_of` asks them.
FORMATS: dict[str, Format] = {each.name: each for each in (Lines(),)}


def format_of(source: Mapping[str, str]) -> Format:
    """The format of a dataset's source in the config."""
    return next(each for each in FORMATS.values() if each.fits(source))
