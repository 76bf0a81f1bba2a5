"""predictions.csv: what a model said of each review."""

import csv


def write_predictions(path, rows, labels):
    """Write rows of (split, row, class, predicted class, its probability); classes are written as their `labels`.

    `row` counts the reviews of a split from 0, in the order of its file.
    """
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["split", "row", "label", "prediction", "probability"])
        for split, row, target, predicted, probability in rows:
            writer.writerow([split, row, labels[target], labels[predicted], f"{probability:.6f}"])
