"""The fast engine for fairseq."""

from semis.fairseq.engine import Engine

ENGINE = Engine("fairseq_fast/__init__.py", "roberta_small_fast", "row_adam", "masked_lm_fast")
