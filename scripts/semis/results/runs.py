"""What a run leaves: predictions.csv, metrics.json, history.csv and training.json, written in one place."""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from semis.harness import divergence
from semis.harness.errors import UserError
from semis.results.metrics import METRICS, values

from tensorboardX import SummaryWriter

Prediction = tuple[str, int, int, int, float]  # split, row, class, predicted class, its probability


def write_predictions(path: str | Path, rows: Iterable[Prediction], labels: Sequence[str]) -> None:
    """Write predictions.csv; classes are written as their `labels`.

    `row` counts the reviews of a split from 0, in the order of its file. Raises UserError for a probability that is
    not a number.
    """
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["split", "row", "label", "prediction", "probability"])
        for split, row, target, predicted, probability in rows:
            if math.isnan(probability):
                raise UserError(f"{path}: the model gives no number for review {row + 1} of {split}; train anew.")
            writer.writerow([split, row, labels[target], labels[predicted], f"{probability:.6f}"])


def metrics_of(rows: Iterable[Prediction]) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Return ({metric: {split: value}}, {split: number of reviews}) of predictions."""
    by_split = defaultdict(list)
    for split, _, target, predicted, _ in rows:
        by_split[split].append((target, predicted))
    found = {split: values(*map(list, zip(*by_split[split]))) for split in sorted(by_split)}
    by_metric = {metric.name: {split: found[split][metric.name] for split in found} for metric in METRICS}
    return by_metric, {split: len(by_split[split]) for split in found}


def write_metrics(path: str | Path, wildcards: Any, name: str, model: str, rows: Iterable[Prediction]) -> None:
    """Write metrics.json of a run: its names, what the training left in the folder `model`, and its metrics."""
    trained = json.loads(Path(model, "training.json").read_text(encoding="utf-8"))
    metrics, n = metrics_of(rows)
    run = {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed), "model": name}
    found = {**run, **trained, **metrics, "n": n}
    Path(path).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


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
