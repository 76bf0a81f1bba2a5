"""Reads files out of a zip or tar archive, or a folder, without unpacking the rest."""

import errno
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from semis.harness.errors import UserError, reason

# UnicodeDecodeError comes from a name in a zip. gzip and bz2 raise OSError without a number, seek with EINVAL.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, UnicodeDecodeError, OSError)
LARGEST = 50 * 2**30  # bytes that an archive may unpack to
RATIO = 200  # unpacked bytes to one byte of the archive; text has 3 to 5
SMALL = 100 * 2**20  # bytes that an archive of any size may unpack to
NAME_MAX = 255  # bytes of the longest file name on most disks
INSTEAD = "unpack it yourself, and give its folder as path"

Members = dict[PurePosixPath, Callable[[], IO[bytes]]]


def limit(path: Path) -> int:
    """Return the bytes that a packed file may unpack to; a larger one was probably made to fill disks."""
    return min(LARGEST, max(SMALL, RATIO * path.stat().st_size))


@contextmanager
def members(source: str | Path) -> Iterator[Members]:
    """Yield {path inside the archive or folder: function that opens it for reading bytes} of `source`.

    In an archive only plain files count; paths with `..` and the copies in macOS's `__MACOSX` are ignored. Members are
    read and never extracted by name, so a path that points outside is harmless. Raises UserError if the file is neither
    a zip nor a tar archive, is damaged or encrypted, would unpack to far more than its own size, or holds two paths
    that differ only in upper and lower case.
    """
    try:
        with _opened(Path(source)) as found:
            yield found
    except DAMAGED as error:
        if getattr(error, "errno", None) not in (None, errno.EINVAL):  # an error of this machine, such as a full disk
            raise
        raise UserError(f"{source} is a damaged archive ({reason(error)}); move it away and get it again.") from error
    except NotImplementedError as error:
        raise UserError(f"{source} is packed in a way that Python cannot read ({error}); {INSTEAD}.") from error


def only(source: str | Path, found: Members, name: str) -> PurePosixPath:
    """Return the path of the file `name`, at any depth, among the members `found` of `source`.

    Raises UserError unless there is exactly one.
    """
    places = [path for path in found if path.name == name]
    if len(places) != 1:
        there = ", ".join(sorted({path.name for path in found})[:12]) or "nothing"
        problem = "holds no" if not places else f"holds {len(places)} files named"
        raise UserError(f"{source} {problem} {name} (it holds {there}); exactly one is needed.")
    return places[0]


@contextmanager
def _opened(source: Path) -> Iterator[Members]:
    """Yield the members of a folder, a zip or a tar archive. Raises UserError as `members` does."""
    if source.is_dir():
        found = {PurePosixPath(p.relative_to(source).as_posix()): p for p in sorted(source.rglob("*")) if p.is_file()}
        yield {name: opener(path) for name, path in found.items()}
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            if any(info.flag_bits & 1 for info in archive.infolist()):
                raise UserError(f"{source} is encrypted; {INSTEAD}.")
            yield _checked(
                source, archive.open, ((i, i.filename, i.file_size, _is_file(i)) for i in archive.infolist())
            )
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            yield _checked(source, archive.extractfile, ((i, i.name, i.size, i.isfile()) for i in archive))
    else:
        raise UserError(
            f"{source} is neither a folder nor a zip or tar archive; give one of these in the config, or move a wrong "
            "download away and run again."
        )


def opener(path: Path) -> Callable[[], IO[bytes]]:
    """Return a function that opens a file for reading bytes."""
    return lambda: path.open("rb")


def _is_file(info: zipfile.ZipInfo) -> bool:
    """Say whether a ZipInfo is a plain file; a zip from a Unix can also hold links and devices."""
    return not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)


def _checked(source: Path, opened: Callable[[Any], Any], infos: Iterable[tuple[Any, str, int, bool]]) -> Members:
    """Return the members of an archive, from (info, name, size in bytes, is a plain file) of each.

    `infos` is read one by one, so that an archive that is too large is refused early.
    """
    most = limit(source)
    found: Members = {}
    known: dict[str, PurePosixPath] = {}
    total = 0
    for info, name, size, plain in infos:
        total += size
        if total > most:
            raise UserError(f"{source} would unpack to more than {most:,} bytes; if that is intended, {INSTEAD}.")
        path = PurePosixPath(name)
        if not plain or {"..", "__MACOSX"} & set(path.parts) or len(os.fsencode(path.name)) > NAME_MAX:
            continue
        other = known.setdefault(str(path).casefold(), path)
        if path in found or other != path:
            raise UserError(f"{source} holds both {other} and {path}, which many disks cannot tell apart; leave one.")
        found[path] = partial(opened, info)
    return found
