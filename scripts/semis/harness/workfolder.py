"""Work folders of trainings: where a run keeps its checkpoints until it is finished, and goes on from after a stop."""

import hashlib
import json
from pathlib import Path


def digest(files):
    """SHA-256 (hex) over the contents of `files`, in their order; of a folder all files count, sorted by name."""
    total = hashlib.sha256()
    for path in map(Path, files):
        for file in sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def work_folder(root, settings, files):
    """Return (and make) the folder under `root` that belongs to just these settings and the contents of these files.

    `settings` is anything that JSON can hold; `files` are the rule's inputs, all of them: data, start and code. Another
    setting, another byte of data or another version of the code gives another folder, so a checkpoint that does not
    fit is never found.
    """
    key = json.dumps([settings, digest(files)], sort_keys=True)
    folder = Path(root) / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def newest_whole(folder, pattern, is_whole, order):
    """Return the newest checkpoint in `folder` that matches `pattern` and is whole, or None.

    `order` gives a checkpoint's place (an update count); `is_whole` is called from the newest to the oldest. One that
    is not whole is named on standard output and skipped.
    """
    for checkpoint in sorted(Path(folder).glob(pattern), key=order, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        print(f"{checkpoint} is not whole; going back to the one before", flush=True)
    return None
