"""The reference engine for fairseq: fairseq's own code, with the report's architecture."""

from typing import NamedTuple


class Engine(NamedTuple):
    """An engine in fairseq's terms: its --user-dir, and the names of its parts."""

    plugin: str  # the module of the --user-dir, in the folder of the scripts
    architecture: str
    optimizer: str
    masked_lm: str


ENGINE = Engine("fairseq_plugin/__init__.py", "roberta_small", "adam", "masked_lm")
