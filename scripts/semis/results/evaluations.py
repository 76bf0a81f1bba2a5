"""Writes the results of an evaluation: predictions.csv and metrics.json.

They have a module apart from the results of a training (`runs`): if a training depended on the metrics, a new metric
would repeat every training.
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
    """Write predictions.csv, with the name in `labels` for each class.

    `row` numbers the reviews of a split from 0, in the order of its file. Raises UserError if a probability is not a
    number.
    """
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["split", "row", "label", "prediction", "probability"])
        for split, row, target, predicted, probability in rows:
            if math.isnan(probability):
                raise UserError(f"{path}: the model gives no number for review {row + 1} of {split}; train it again.")
            writer.writerow([split, row, labels[target], labels[predicted], f"{probability:.6f}"])


def write_metrics(
    path: str | Path,
    wildcards: Any,
    name: str,
    model: str,
    rows: Iterable[Prediction],
    texts: dict[str, dict[str, int]] | None = None,
) -> None:
    """Write metrics.json of a run: its names, training.json from the folder `model`, and its metrics.

    `texts` are {split: {reviews, cut}} of the splits that are evaluated, beside those of the training.
    """
    trained = json.loads(Path(model, "training.json").read_text(encoding="utf-8"))
    metrics, n = measured(rows)
    run = {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed), "model": name}
    if texts:
        trained["texts"] = trained.get("texts", {}) | texts
    found = {**run, **trained, **metrics, "n": n}
    Path(path).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
