"""The file formats for reviews and their labels: one module each, with an object `FORMAT`."""

import importlib
import pkgutil
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import IO, NamedTuple, Protocol

from semis.harness.errors import UserError

SPLITS = ("train", "valid", "test")
DEFAULT = "lines"  # the format of a source that fits no other


class File(NamedTuple):
    """A file of a dataset: its name in messages, and a function that opens it for reading bytes."""

    shown: str
    open: Callable[[], IO[bytes]]


class Format(Protocol):
    """A way to store labelled reviews."""

    name: str

    def fits(self, source: Mapping[str, str]) -> bool:
        """Say whether a source of the config has this format; the first format in `names` that fits is used."""

    def files(self, split: str) -> list[str]:
        """Return the names of the files that hold a split; none if the source itself is one file with all splits."""

    def read(self, files: Sequence[File], split: str, labels: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the reviews and the labels of a split, two lists of equal length.

        `files` are those that `self.files(split)` names, in that order, or the source itself; `labels` are the classes
        of the dataset. Raises UserError if a file cannot be read, or if `checked` refuses a label.
        """


def in_form(label: str) -> str:
    """Return a label in Unicode's form NFC; two labels are equal if these are, however a keyboard composes accents."""
    return unicodedata.normalize("NFC", label)


def checked(file: str, unit: str, given: Sequence[str], labels: Sequence[str], split: str) -> list[str]:
    """Return the labels of a split as the config writes them. Raises UserError unless each is one of `labels`.

    `given` holds the label of each `unit` (line or row) of `file`. The split train must have each of `labels`, since a
    model cannot learn a class without examples.
    """
    known = {in_form(label): label for label in labels}
    found = [known.get(in_form(label)) for label in given]
    for number, (label, one) in enumerate(zip(given, found, strict=True), start=1):
        if one is None:
            what = f"holds the label '{label}'" if label else "is empty"
            raise UserError(
                f"{file} {unit} {number} {what}; the config's labels are {', '.join(labels)}: correct the {unit}, or "
                "add the label to the dataset's labels."
            )
    lacking = sorted(set(labels) - set(found), key=list(labels).index)
    if split == "train" and lacking:
        raise UserError(
            f"{file} has no {unit} with the label {', '.join(lacking)}, so no model can learn it; add reviews of that "
            "class, or correct the dataset's labels in the config."
        )
    return [label for label in found if label is not None]


def names() -> list[str]:
    """Return the names of all formats: the modules of this package, `DEFAULT` last."""
    return sorted((found.name for found in pkgutil.iter_modules(__path__)), key=lambda name: (name == DEFAULT, name))


def module_name(name: str) -> str:
    """Return the name of a format's module. Scripts load it by name, so that no split depends on another format."""
    return f"{__name__}.{name}"


def load(name: str) -> Format:
    """Return a format by its name."""
    return importlib.import_module(module_name(name)).FORMAT


def format_of(source: Mapping[str, str]) -> Format:
    """Return the format of a dataset's source in the config: the first one that fits it."""
    return next(found for found in map(load, names()) if found.fits(source))
