"""Work folders of trainings: they keep the checkpoints of a run until it is finished, so that it can resume."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def contents_digest(files: Iterable[str | Path]) -> str:
    """Return the SHA-256 (hex) over the contents of `files`, in their order.

    A folder counts as all its files, sorted by name.
    """
    total = hashlib.sha256()
    for path in map(Path, files):
        for file in sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def work_folder(root: str | Path, made_with: Any, files: Iterable[str | Path]) -> Path:
    """Make and return the folder under `root` that belongs to `made_with` and to the contents of `files`.

    `made_with` is anything that JSON can hold: the rule's recipe (settings and digests), the seed, the threads.
    `files` are all inputs of the rule. If a setting, the code or a byte of the data changes, the folder changes too, so
    a training never resumes from a checkpoint that does not fit.
    """
    key = json.dumps([made_with, contents_digest(files)], sort_keys=True)
    folder = Path(root) / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def newest_whole(
    folder: str | Path, pattern: str, is_whole: Callable[[Path], bool], order: Callable[[Path], float]
) -> Path | None:
    """Return the newest complete checkpoint in `folder` that matches `pattern`, or None.

    `order` sorts the checkpoints from the oldest to the newest. `is_whole` is called on the newest first. An incomplete
    checkpoint is skipped, with a line on standard output.
    """
    for checkpoint in sorted(Path(folder).glob(pattern), key=order, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        print(f"{checkpoint} is not complete; trying the one before it", flush=True)
    return None
