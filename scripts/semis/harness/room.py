"""Checks folders: whether they are writable and have free space, and whether programs can use their names."""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

UNUSABLE = re.compile("[:'\"`$\n{}]")  # Snakemake, venv or a shell reads a path with one of these as something else
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


def unusable_name(paths: Iterable[str | Path]) -> str | None:
    """Return a sentence if the path of a folder holds a character with which programs cannot use it."""
    for path in map(os.path.abspath, paths):
        if found := UNUSABLE.search(path):
            return (
                f"the path {path} holds the character {found[0]!r}, which breaks commands that use it; give the folder "
                "another name, or work in another one"
            )
    return None
