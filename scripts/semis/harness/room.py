"""Checks whether a folder is writable and has free space."""

import os
import tempfile
from pathlib import Path

ROOM = 2**20  # bytes that must be free for a job to run


def no_room(folder: str) -> str | None:
    """Return a sentence if `folder` is not writable or the disk is full, else None."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(ROOM))
    except OSError as error:
        return unwritable(folder, error)
    return None


def unwritable(folder: str, error: OSError) -> str:
    """Return the sentence for a folder in which writing raised `error`."""
    return f"nothing can be written into {folder} ({error.strerror}); correct that, then run again"


def no_folder(path: str | Path) -> str | None:
    """Return a sentence if `path` or a folder above it is something else than a folder, such as a link to nowhere."""
    for part in [*reversed(Path(path).parents), Path(path)]:
        if os.path.lexists(part) and not part.is_dir():
            what = f"a link to {os.readlink(part)}, which is not there" if part.is_symlink() else "not a folder"
            return f"{part} is {what}; make that folder, or rename {part}"
    return None
