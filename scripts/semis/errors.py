"""The one exception for mistakes of the user's, whose text is the sentence that they read, and what goes into it."""


class UserError(Exception):
    """Says in one sentence which file and key is wrong and how to mend it; shown without a traceback."""


def reason(error):
    """The first line of what another library's exception says, for a place in a sentence."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
