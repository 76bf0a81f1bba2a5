"""What an evaluation leaves: predictions.csv and metrics.json.

Not beside what a training leaves: a training must not depend on the metrics, or a new one would train everything again.
"""

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.results.metrics import measured

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


def write_metrics(path: str | Path, wildcards: Any, name: str, model: str, rows: Iterable[Prediction]) -> None:
    """Write metrics.json of a run: its names, what the training left in the folder `model`, and its metrics."""
    trained = json.loads(Path(model, "training.json").read_text(encoding="utf-8"))
    metrics, n = measured(rows)
    run = {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed), "model": name}
    found = {**run, **trained, **metrics, "n": n}
    Path(path).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
