"""Reads the wanted files out of a zip or tar archive, or a folder; nothing else of it is touched."""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from semis.errors import UserError

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)


@contextmanager
def members(source):
    """Yield {path inside the archive or folder: function that opens it for reading bytes} of `source`.

    Only plain files count, and macOS's `__MACOSX` copies do not. Members are read, never extracted by name, so a path
    that points outside leads nowhere. Raises UserError for a file that is no zip or tar archive, or a damaged one.
    """
    try:
        with _opened(Path(source)) as found:
            yield found
    except DAMAGED as error:
        raise UserError(f"{source} is a damaged archive ({error}); remove it and get it again.") from error


@contextmanager
def _opened(source):
    if source.is_dir():
        found = {PurePosixPath(p.relative_to(source).as_posix()): p for p in sorted(source.rglob("*")) if p.is_file()}
        yield {name: (lambda p=p: p.open("rb")) for name, p in found.items()}
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            plain = [i for i in archive.infolist() if not i.is_dir() and "__MACOSX" not in i.filename]
            yield {PurePosixPath(i.filename): (lambda i=i: archive.open(i)) for i in plain}
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            plain = [i for i in archive.getmembers() if i.isfile() and "__MACOSX" not in i.name]
            yield {PurePosixPath(i.name): (lambda i=i: archive.extractfile(i)) for i in plain}
    else:
        raise UserError(f"{source} is neither a zip nor a tar archive; remove it and check its source in the config.")
