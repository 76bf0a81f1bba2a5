"""The exception for a user's mistake. Its text is the sentence that the user reads."""

import pickle
import re


def redacted(text: str) -> str:
    """Return `text` without the parts of addresses that may hold secrets: user name, password and query."""
    text = re.sub(r"(\w://)[^/\s'\"]*@", r"\1", text)
    return re.sub(r"(\w://[^\s'\"?]+)\?[^\s'\")]*[^\s'\").,;:]", r"\1", text)


def reason(error: BaseException) -> str:
    """Return a library's exception in a few words: its first line, or the type that torch refuses in a pickle."""
    if refused := re.search(r"\bGLOBAL (\S+)", str(error)):
        return f"it holds {refused[1]}, which is neither a tensor nor a plain type"
    if isinstance(error, pickle.UnpicklingError):
        return "it is not what torch writes"
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)


class UserError(Exception):
    """Says in one sentence which file and key is wrong and how to correct it; shown without a traceback.

    The constructor removes secrets in addresses and escapes control characters, since names can come from an archive.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in redacted(sentence)))
