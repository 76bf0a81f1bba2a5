"""Trainings whose numbers are not finite any more: they stop, with the update."""

import math

from semis.harness.errors import UserError


def diverged(run, step, problem):
    """The UserError for a training, of the folder `run`, whose numbers are not finite any more at update `step`."""
    return UserError(f"the training of {run} diverged: at update {step} its {problem}; lower its learning_rate.")


def check(run, step, metric, value):
    """Raise UserError unless `value`, measured in the training of the folder `run` at update `step`, is finite."""
    if not math.isfinite(float(value)):
        raise diverged(run, step, f"{metric} is {value}")
