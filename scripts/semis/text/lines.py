"""Reads the user's plain text: UTF-8 with one review, label or paragraph per line."""

import lzma
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from semis.harness.errors import UserError
from semis.text import archives

# Characters other than LF that Python, fairseq or sentencepiece may take for the end of a line.
LINE_BREAKS = re.compile("[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")


def checked_lines(stream: Iterable[bytes], name: str | Path) -> Iterator[str]:
    """Yield the lines of a binary stream, stripped of blanks at both ends; `name` is its name in messages.

    Only LF and CRLF end a line. Other characters that a library may take for an end become blanks, so that a line stays
    one line everywhere. A byte-order mark is dropped. Raises UserError if a line is not UTF-8 or holds a NUL byte.
    """
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{name} line {number} is not UTF-8; save the file in that encoding.") from error
        if "\0" in text:
            raise UserError(f"{name} line {number} holds a NUL byte; save the file as text without it.")
        yield LINE_BREAKS.sub(" ", text).strip()


def read_texts(paths: Iterable[str | Path]) -> Iterator[str]:
    """Yield the non-empty lines of the text files `paths` (.txt or .txt.xz), one file after the other.

    A folder counts as all .txt and .txt.xz files in it, sorted by name. Raises UserError if a folder has no such file,
    or if a file is not UTF-8, is not the xz file that its name says, or unpacks to far more than text would.
    """
    for path in map(Path, paths):
        for file in text_files(path) if path.is_dir() else [path]:
            opened = lzma.open if file.suffix == ".xz" else open
            left = archives.limit(file) if file.suffix == ".xz" else file.stat().st_size + 1
            try:
                with opened(file, "rb") as stream:
                    yield from filter(None, checked_lines(_at_most(left, stream, file), file))
            except (lzma.LZMAError, EOFError) as error:
                raise UserError(f"{file} is not a complete xz file; compress it with xz, or name it .txt.") from error


def text_files(folder: Path) -> list[Path]:
    """Return the .txt and .txt.xz files below a folder, sorted by name. Raises UserError if there are none."""
    files = (path for path in folder.rglob("*.txt*") if path.name.endswith((".txt", ".txt.xz")))
    found = sorted(path for path in files if path.is_file())
    if not found:
        raise UserError(f"{folder} holds no .txt or .txt.xz file; put the text there.")
    return found


def _at_most(left: int, stream: IO[bytes], file: Path) -> Iterator[bytes]:
    """Yield the lines of a stream with fewer than `left` bytes. Raises UserError if `file` has more."""
    while line := stream.readline(left):
        left -= len(line)
        if not left:
            raise UserError(f"{file} would unpack to far more than text does; if that is intended, unpack it yourself.")
        yield line
