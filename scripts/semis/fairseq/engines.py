"""The engines: what each is to fairseq."""

from collections import namedtuple

Engine = namedtuple("Engine", "plugin architecture optimizer masked_lm")

# A --user-dir, and the names under which it has the model, Adam and the masked language model's criterion.
ENGINES = {
    "reference": Engine("fairseq_plugin", "roberta_small", "adam", "masked_lm"),
    "fast": Engine("fairseq_fast", "roberta_small_fast", "row_adam", "masked_lm_fast"),
}
