"""Plain text for tokenizers and pretraining: a paragraph a line, .txt or .txt.xz."""

import lzma
from pathlib import Path

from semis.errors import UserError


def read_texts(paths):
    """Yield the stripped, non-empty lines of the UTF-8 text files `paths`, one file after the other.

    Of a folder every .txt and .txt.xz file in it is read, in the order of their names. Raises UserError for a folder
    without any, and for a file that is not UTF-8 or not the xz file that its name says.
    """
    for path in map(Path, paths):
        for file in text_files(path) if path.is_dir() else [path]:
            opened = lzma.open if file.suffix == ".xz" else open
            try:
                with opened(file, "rt", encoding="utf-8", newline="\n") as stream:
                    yield from filter(None, map(str.strip, stream))
            except UnicodeDecodeError as error:
                raise UserError(f"{file} is not UTF-8; save it in that encoding.") from error
            except (lzma.LZMAError, EOFError) as error:
                raise UserError(f"{file} is no whole xz file; compress it with xz, or name it .txt.") from error


def text_files(folder):
    """The .txt and .txt.xz files below a folder, by name. Raises UserError where there are none."""
    found = sorted(path for path in folder.rglob("*.txt*") if path.name.endswith((".txt", ".txt.xz")))
    if not found:
        raise UserError(f"{folder} holds no .txt and no .txt.xz file; put the text there.")
    return found
