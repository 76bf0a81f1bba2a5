"""How long a fine-tuning is, and how long its learning rate rises and falls: the same for both libraries."""

import math
from typing import Any


def schedule(training: dict[str, Any], reviews: int) -> tuple[int, int, int]:
    """Return (updates of the training, of the learning-rate schedule, of its warm-up) for so many train reviews.

    The schedule may be longer than the training, as the report's was (1,200 for 1,125); the training is never longer
    than the schedule, as with fairseq's --max-update. A share of an update counts as one, as in transformers'
    TrainingArguments.get_warmup_steps.
    """
    every = math.ceil(reviews / training["batch_size"]) * training["epochs"]
    total = every if training["total_updates"] == "auto" else training["total_updates"]
    # Never all of the schedule: transformers divides by what is left behind the warm-up.
    return min(every, total), total, min(math.ceil(total * training["warmup_ratio"]), total - 1)
