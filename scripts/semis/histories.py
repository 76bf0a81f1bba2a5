"""history.csv: what a training measured on its way."""

import csv


def write_history(path, rows):
    """Write rows of (step, epoch, split, metric, value); accuracies are in percent, a step is an update."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "epoch", "split", "metric", "value"])
        writer.writerows(rows)
