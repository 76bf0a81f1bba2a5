"""Plain text for tokenizers and pretraining: a paragraph a line, .txt or .txt.xz."""

import lzma

from semis.errors import UserError


def read_texts(paths):
    """Yield the stripped, non-empty lines of the UTF-8 text files `paths`, one file after the other.

    Raises UserError for a file that is not UTF-8 or not the xz file that its name says.
    """
    for path in paths:
        opened = lzma.open if str(path).endswith(".xz") else open
        try:
            with opened(path, "rt", encoding="utf-8", newline="\n") as stream:
                yield from filter(None, map(str.strip, stream))
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8; save it in that encoding.") from error
        except lzma.LZMAError as error:
            raise UserError(f"{path} is no xz file; compress it with xz, or name it .txt.") from error
