"""Stops a training at the first update whose numbers are not finite."""

import math
from pathlib import Path

from semis.harness.errors import UserError


def diverged(run: str | Path, step: int, problem: str) -> UserError:
    """Return the error for the training in the folder `run` whose numbers are not finite from update `step` on."""
    return UserError(f"the training of {run} diverged: at update {step} its {problem}; lower its learning_rate.")


def check(run: str | Path, step: int, metric: str, value: float) -> None:
    """Raise UserError unless `value`, which the training in the folder `run` measured at update `step`, is finite."""
    if not math.isfinite(float(value)):
        raise diverged(run, step, f"{metric} is {value}")
