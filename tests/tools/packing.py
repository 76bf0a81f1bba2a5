"""Archives for tests, as bytes: ordinary ones, and such as only an enemy makes."""

import copy
import io
import tarfile
import zipfile


def zipped(files):
    """A zip of {path: text or bytes}, or of (path or ZipInfo, text or bytes) pairs where a path comes twice."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(path, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def tampered(files, **fields):
    """A zip of {path: text} whose directory says what `fields` (of ZipInfo) say of each file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        for info in archive.filelist:
            for name, value in fields.items():
                setattr(info, name, value)
    return stream.getvalue()


def overlapping(count, size):
    """A zip whose directory names one file of `size` zeros `count` times, each time by another name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(size))
        for number in range(1, count):
            archive.filelist.append(copy.copy(archive.filelist[0]))
            archive.filelist[-1].filename = str(number)
    return stream.getvalue()


def tarred(files, mode="gz"):
    """A tar of {path: text or bytes}, or of (path or TarInfo, text or bytes) pairs; `mode` is its compression."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{mode}") as archive:
        for path, content in files.items() if isinstance(files, dict) else files:
            body = content.encode() if isinstance(content, str) else content
            info = path if isinstance(path, tarfile.TarInfo) else tarfile.TarInfo(path)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def special(name, kind, target=""):
    """The TarInfo of something that is not a file: a link of this kind (SYMTYPE, LNKTYPE) to `target`, or a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
