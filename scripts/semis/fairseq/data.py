"""The data folder that fairseq reads: links to the binarized files and dictionaries of a run."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def label_dictionary(labels: Sequence[str]) -> str:
    """Return fairseq's dict.txt for `labels`, in the config's order; fairseq would order them by frequency.

    fairseq expects a count on each line but does not use it.
    """
    return "".join(f"{label} 1\n" for label in labels)


def link(folder: Path, files: Mapping[str, str | Path]) -> None:
    """Replace the contents of `folder` by links to `files` ({name: path})."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, path in files.items():
        (folder / name).symlink_to(os.path.abspath(path))


def lay_out(folder: Path, splits: Mapping[str, Sequence[str]], dictionary: str, labels: Sequence[str]) -> None:
    """Lay out `folder` for fairseq's task sentence_prediction.

    `splits` are {split: files of the rule binarize}, `dictionary` is the model's dict.txt.
    """
    files = {(split, *Path(path).name.split(".")[-2:]): path for split, paths in splits.items() for path in paths}
    for part in ("input0", "label"):
        link(folder / part, {f"{split}.{kind}": path for (split, of, kind), path in files.items() if of == part})
    (folder / "input0" / "dict.txt").symlink_to(os.path.abspath(dictionary))
    (folder / "label" / "dict.txt").write_text(label_dictionary(labels), encoding="utf-8")
