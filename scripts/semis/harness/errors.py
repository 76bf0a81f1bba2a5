"""The one exception for mistakes of the user's, whose text is the sentence that they read, and what goes into it."""

import pickle
import re


def redacted(text):
    """`text` without what may be a secret in the addresses in it: a user name with password, and a query."""
    text = re.sub(r"(\w://)[^/\s'\"]*@", r"\1", text)
    return re.sub(r"(\w://[^\s'\"?]+)\?[^\s'\")]*[^\s'\").,;:]", r"\1", text)


def reason(error):
    """A library's exception in a few words: its first line, or what a pickle holds that torch does not let in."""
    if refused := re.search(r"\bGLOBAL (\S+)", str(error)):
        return f"it holds {refused[1]}, which is neither a tensor nor a plain type"
    if isinstance(error, pickle.UnpicklingError):
        return "it is not what torch writes"
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)


class UserError(Exception):
    """Says in one sentence which file and key is wrong and how to mend it; shown without a traceback.

    It holds no secret of an address, and nothing that a terminal would obey: names can come from an archive.
    """

    def __init__(self, sentence):
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in redacted(sentence)))
