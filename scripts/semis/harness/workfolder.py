"""Work folders of trainings: a run keeps its checkpoints there until it is finished, and resumes from them."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def contents_digest(files: Iterable[str | Path]) -> str:
    """Return the SHA-256 (hex) over the contents of `files`, in their order.

    Of a folder all files count, sorted by name.
    """
    total = hashlib.sha256()
    for path in map(Path, files):
        for file in sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def work_folder(root: str | Path, made_with: Any, files: Iterable[str | Path]) -> Path:
    """Return (and make) the folder under `root` that belongs to `made_with` and to the contents of `files`.

    `made_with` is anything that JSON can hold: the rule's recipe (settings and digests), the seed, the threads.
    `files` are the rule's inputs, all of them. Another setting, another version of the code or another byte of data
    gives another folder, so a training never resumes from a checkpoint that does not fit.
    """
    key = json.dumps([made_with, contents_digest(files)], sort_keys=True)
    folder = Path(root) / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def newest_whole(
    folder: str | Path, pattern: str, is_whole: Callable[[Path], bool], order: Callable[[Path], float]
) -> Path | None:
    """Return the newest checkpoint in `folder` that matches `pattern` and is whole, or None.

    `order` gives a checkpoint's place (an update count). `is_whole` is called from the newest to the oldest. A
    checkpoint that is not whole is named on standard output and skipped.
    """
    for checkpoint in sorted(Path(folder).glob(pattern), key=order, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        print(f"{checkpoint} is not whole; trying the one before", flush=True)
    return None
