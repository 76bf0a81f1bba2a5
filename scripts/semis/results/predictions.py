"""predictions.csv, what a model said of each review, and metrics.json, what its run comes to."""

import csv
import json
import math
from collections import defaultdict
from pathlib import Path

from semis.harness.errors import UserError


def write_predictions(path, rows, labels):
    """Write rows of (split, row, class, predicted class, its probability); classes are written as their `labels`.

    `row` counts the reviews of a split from 0, in the order of its file.
    """
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["split", "row", "label", "prediction", "probability"])
        for split, row, target, predicted, probability in rows:
            if math.isnan(probability):
                raise UserError(f"{path}: the model gives no number for review {row + 1} of {split}; train anew.")
            writer.writerow([split, row, labels[target], labels[predicted], f"{probability:.6f}"])


def accuracies(rows):
    """Return ({split: accuracy in percent}, {split: number of reviews}) of such rows."""
    right = defaultdict(list)
    for split, _, target, predicted, _ in rows:
        right[split].append(target == predicted)
    n = {split: len(found) for split, found in sorted(right.items())}
    return {split: round(100 * sum(right[split]) / n[split], 6) for split in n}, n


def write_metrics(path, wildcards, name, model, rows):
    """Write metrics.json of a run: its names, what the training left in the folder `model`, accuracies of the rows."""
    trained = json.loads(Path(model, "training.json").read_text(encoding="utf-8"))
    accuracy, n = accuracies(rows)
    run = {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed), "model": name}
    found = {**run, **trained, "accuracy": accuracy, "n": n}
    Path(path).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
