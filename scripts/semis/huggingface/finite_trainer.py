"""The Trainer of transformers, which would go on with a loss that is not a number."""

from pathlib import Path

from semis.harness import divergence

from transformers import Trainer


class FiniteTrainer(Trainer):
    """Raises UserError at the update whose loss is not finite. Its checkpoints stand in RUN/work/NAME/checkpoints."""

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        run = Path(self.args.output_dir).parents[2]
        divergence.check(run, self.state.global_step + 1, "loss", loss.item())
        return loss
