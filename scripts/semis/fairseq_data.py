"""The folders that fairseq's tasks read, made of links to the binarized files."""

import os
from pathlib import Path


def link(folder, files):
    """Make `folder` hold just links to `files` ({name: path})."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, path in files.items():
        (folder / name).symlink_to(os.path.abspath(path))


def lay_out(folder, reviews, labels, dictionary, label_dictionary):
    """Link binarized `reviews` and `labels` (lists of .bin and .idx) and the two dict.txt as sentence_prediction wants.

    Only the splits that are given are there to be read: a training is not given test.
    """
    for part, files, words in (("input0", reviews, dictionary), ("label", labels, label_dictionary)):
        link(Path(folder) / part, {"dict.txt": words, **{Path(path).name: path for path in files}})
