"""What a training leaves: history.csv and training.json."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

from semis.harness import divergence

from tensorboardX import SummaryWriter


def write_history(path: str | Path, tensorboard: str | Path, rows: Sequence[tuple]) -> None:
    """Write rows of (step, epoch, split, metric, value) to the CSV `path`, and as an event file into `tensorboard`.

    Accuracies are in percent, a step is an update. The event file is written once and whole, so that a training that
    was resumed has each step once. It holds the time and the host: no rule reads it. Raises UserError
    where a value is not finite.
    """
    for step, _, split, metric, value in rows:
        divergence.check(Path(path).parent, step, f"{metric} ({split})", value)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "epoch", "split", "metric", "value"])
        writer.writerows(rows)
    with SummaryWriter(str(tensorboard)) as events:
        for step, _, split, metric, value in rows:
            events.add_scalar(f"{split}/{metric}", float(value), step)


def write_training(
    model: str | Path, training: dict, threads: int, step: int, rows: Sequence[tuple], start: dict
) -> None:
    """Write training.json into the folder `model`: settings, threads, the chosen checkpoint, and where it started.

    The checkpoint is that of the validation at `step` (an update); the epoch in which, or at the end of which, that was
    is looked up in the history's `rows`.
    """
    epoch = next(epoch for at, epoch, split, *_ in rows if (at, split) == (step, "valid"))
    found = {
        "training": training,
        "threads": threads,
        "checkpoint": {"selection": training["selection"], "step": step, "epoch": math.ceil(epoch)},
        "start": start,
    }
    Path(model, "training.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
