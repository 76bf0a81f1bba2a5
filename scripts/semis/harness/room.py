"""Checks whether a folder is writable and has free space."""

import tempfile

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
