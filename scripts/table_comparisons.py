"""Compare the methods of a dataset in pairs, by each metric on the same test reviews."""

from itertools import combinations
from typing import Any

from semis.harness.job import job
from semis.results.comparisons import compare, holm
from semis.results.metrics import METRICS, Metric
from semis.results.statistics import Labels, labels_of
from semis.results.tables import read_predictions, write_table

import pandas as pd

COLUMNS = ["dataset", "metric", "method_a", "method_b", "difference", "ci_low", "ci_high", "p_value", "p_holm"]
COLUMNS += ["test", "n"]


def comparisons_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each metric and two methods of a dataset; the difference is method_a's value less method_b's.

    `predictions` holds the test rows of predictions.csv of all runs, with dataset, method and seed. p_holm is corrected
    for the number of comparisons by one metric on one dataset.
    """
    rows: list[dict[str, Any]] = []
    for dataset, found in predictions.groupby("dataset", sort=False):
        labels = {str(method): labels_of(runs) for method, runs in found.groupby("method", sort=False)}
        for metric in METRICS:
            rows += [{"dataset": dataset, "metric": metric.name, **row} for row in compared(metric, labels)]
    return pd.DataFrame(rows, columns=COLUMNS)


def compared(metric: Metric, labels: dict[str, Labels]) -> list[dict[str, Any]]:
    """Return the rows of one metric on one dataset, from the labels of each method."""
    pairs = list(combinations(labels, 2))
    rows = [{"method_a": a, "method_b": b, **compare(metric, labels[a], labels[b])} for a, b in pairs]
    if not rows:
        return []
    corrected = holm([row["p_value"] for row in rows])
    return [{**row, "p_holm": p} for row, p in zip(rows, corrected, strict=True)]


if __name__ == "__main__":
    with job(snakemake):
        predictions = read_predictions(snakemake.input.predictions, snakemake.params.recipe["settings"]["runs"])
        table = comparisons_table(predictions[predictions["split"] == "test"])
        write_table(table, snakemake.output[0])
