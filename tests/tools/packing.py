"""Archives for tests, as bytes: ordinary and malicious ones."""

import copy
import io
import tarfile
import zipfile


def zipped(files):
    """Return a zip of {path: text or bytes}, or of pairs (path or ZipInfo, text or bytes), which may repeat a path."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(path, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def tampered(files, **fields):
    """Return a zip of {path: text} whose directory has the `fields` (of ZipInfo) for each file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        for info in archive.filelist:
            for name, value in fields.items():
                setattr(info, name, value)
    return stream.getvalue()


def overlapping(count, size):
    """Return a zip whose directory lists one file of `size` zeros `count` times, each time under another name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(size))
        for number in range(1, count):
            archive.filelist.append(copy.copy(archive.filelist[0]))
            archive.filelist[-1].filename = str(number)
    return stream.getvalue()


def tarred(files, mode="gz"):
    """Return a tar, compressed by `mode`, of {path: text or bytes} or of pairs (path or TarInfo, text or bytes)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{mode}") as archive:
        for path, content in files.items() if isinstance(files, dict) else files:
            body = content.encode() if isinstance(content, str) else content
            info = path if isinstance(path, tarfile.TarInfo) else tarfile.TarInfo(path)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def special(name, kind, target=""):
    """Return the TarInfo of something other than a file: a link (SYMTYPE, LNKTYPE) to `target`, or a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
