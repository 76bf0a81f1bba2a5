"""Writes the results of a training: history.csv and training.json."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

from semis.harness import divergence

from tensorboardX import SummaryWriter


def write_history(path: str | Path, tensorboard: str | Path, rows: Sequence[tuple]) -> None:
    """Write rows (step, epoch, split, metric, value) to the CSV `path`, and as an event file to `tensorboard`.

    Accuracies are in percent; a step is an update. The event file is written at the end, so that a resumed training has
    each step once. It contains the time and the host, so no rule reads it. Raises UserError if a value is not finite.
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
    model: str | Path,
    training: dict,
    threads: int,
    step: int,
    rows: Sequence[tuple],
    start: dict,
    texts: dict | None = None,
) -> None:
    """Write training.json into the folder `model`: settings, threads, the selected checkpoint, its start, its texts.

    The checkpoint belongs to the validation at `step` (an update), and the history's `rows` give its epoch. `texts` are
    {split: {reviews, cut}}, the numbers of all reviews and of truncated ones; fairseq's are in another table.
    """
    epoch = next(epoch for at, epoch, split, *_ in rows if (at, split) == (step, "valid"))
    found = {
        "training": training,
        "threads": threads,
        "checkpoint": {"selection": training["selection"], "step": step, "epoch": math.ceil(epoch)},
        "start": start,
    }
    found |= {"texts": texts} if texts else {}
    Path(model, "training.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
