"""Gives files the permissions that the umask asks for; libraries that write a temporary file first leave it private."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def follow_umask(paths: Iterable[str | Path]) -> None:
    """Add the permissions that the umask allows to the paths and to all below those that are folders.

    It takes no permission away, follows no link, and skips what belongs to another user or no longer exists.
    """
    mask = _umask()
    for path in _all_below(map(Path, paths)):
        with suppress(PermissionError, FileNotFoundError):
            mode = path.lstat().st_mode
            wanted = stat.S_IMODE(mode) | (0o777 if stat.S_ISDIR(mode) else 0o666) & ~mask
            if not stat.S_ISLNK(mode) and wanted != stat.S_IMODE(mode):
                path.chmod(wanted)


def _umask() -> int:
    """Return the umask of this process; the system can only exchange it for another one."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _all_below(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from path.rglob("*")
