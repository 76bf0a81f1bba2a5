"""The length of a fine-tuning, of its learning-rate schedule and of the warm-up, the same in both libraries."""

import math
from typing import Any


def schedule(training: dict[str, Any], reviews: int) -> tuple[int, int, int]:
    """Return (updates of the training, of the learning-rate schedule, of its warm-up) for a number of train `reviews`.

    The schedule may be longer than the training, as in the report (1,200 for 1,125). The training is never longer than
    the schedule, as with fairseq's --max-update. The warm-up is rounded up to whole updates, as in transformers'
    TrainingArguments.get_warmup_steps.
    """
    every = math.ceil(reviews / training["batch_size"]) * training["epochs"]
    total = every if training["total_updates"] == "auto" else training["total_updates"]
    # The warm-up never fills the schedule: transformers divides by the number of updates after it.
    return min(every, total), total, min(math.ceil(total * training["warmup_ratio"]), total - 1)
