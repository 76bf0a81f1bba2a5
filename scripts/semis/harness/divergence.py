"""Stops a training as soon as its numbers are not finite, and names the update."""

import math
from pathlib import Path

from semis.harness.errors import UserError


def diverged(run: str | Path, step: int, problem: str) -> UserError:
    """Return the error for a training, of the folder `run`, whose numbers stop being finite at update `step`."""
    return UserError(f"the training of {run} diverged: at update {step} its {problem}; lower its learning_rate.")


def check(run: str | Path, step: int, metric: str, value: float) -> None:
    """Raise UserError unless `value`, measured in the training of the folder `run` at update `step`, is finite."""
    if not math.isfinite(float(value)):
        raise diverged(run, step, f"{metric} is {value}")
