"""The one exception for mistakes of the user's: its text is the sentence that they read."""


class UserError(Exception):
    """Says in one sentence which file and key is wrong and how to mend it; shown without a traceback."""
