"""A Trainer that stops when the loss is not finite; transformers' own would continue."""

from pathlib import Path
from typing import Any

from semis.harness import divergence

from transformers import Trainer


class FiniteTrainer(Trainer):
    """Raises UserError at the first update whose loss is not finite. Its checkpoints are in RUN/work/NAME/checkpoints.

    `schedule_updates` sets the length of the learning-rate schedule, which may be longer than the training, as in the
    report's fairseq runs.
    """

    def __init__(self, *args: Any, schedule_updates: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schedule_updates = schedule_updates

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule, with `schedule_updates` updates if that is given."""
        return super().create_scheduler(self.schedule_updates or num_training_steps, optimizer)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Make one step; return its loss. Raises UserError if the loss is not finite."""
        loss = super().training_step(*args, **kwargs)
        run = Path(self.args.output_dir or ".").parents[2]
        divergence.check(run, self.state.global_step + 1, "loss", loss.item())
        return loss
