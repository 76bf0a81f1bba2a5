"""The Trainer of transformers, which alone would continue with a loss that is not a number."""

from pathlib import Path
from typing import Any

from semis.harness import divergence

from transformers import Trainer


class FiniteTrainer(Trainer):
    """Raises UserError at the update whose loss is not finite. Its checkpoints are in RUN/work/NAME/checkpoints.

    With `schedule_updates` the learning-rate schedule has that many updates and may be longer than the training, as in
    the report's fairseq runs.
    """

    def __init__(self, *args: Any, schedule_updates: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schedule_updates = schedule_updates

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule, of `schedule_updates` updates where that is given."""
        return super().create_scheduler(self.schedule_updates or num_training_steps, optimizer)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Make one step; return its loss."""
        loss = super().training_step(*args, **kwargs)
        run = Path(self.args.output_dir or ".").parents[2]
        divergence.check(run, self.state.global_step + 1, "loss", loss.item())
        return loss
