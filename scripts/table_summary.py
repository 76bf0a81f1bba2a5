"""Summarise each method over its seeds: the mean of each metric, its spread, and an interval over seeds and reviews."""

from semis.harness.job import job
from semis.results.chance import against_chance, labels_given
from semis.results.comparisons import against_majority
from semis.results.metrics import METRICS
from semis.results.statistics import interval, labels_of, spread
from semis.results.tables import read_predictions, read_table, write_table

import pandas as pd

METHOD = ["dataset", "method", "split"]


def summary_table(metrics: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return (dataset, method, split, metric, selection, n_seeds, mean, std_population, std_sample, ci_low, ci_high,
    majority, p_majority, mean_recall, chance, p_chance, labels_given).

    `metrics` is tables/metrics.csv, `predictions` the rows of predictions.csv of all runs with dataset, method, seed.
    """
    labels = {key: labels_of(rows) for key, rows in predictions.groupby(METHOD)}
    rows = []
    for key, runs in metrics.groupby(METHOD, sort=False):
        judged = against_chance(labels[key]) | {"labels_given": labels_given(labels[key])}
        for metric in METRICS:
            found = runs[runs["metric"] == metric.name]
            low, high = interval(metric, labels[key])
            rows.append(
                dict(zip(METHOD, key, strict=True))
                | {"metric": metric.name, "selection": found["selection"].iloc[0], "n_seeds": len(found)}
                | spread(found["value"])
                | {"ci_low": low, "ci_high": high}
                | against_majority(metric, labels[key])
                | judged
            )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job(snakemake):
        predictions = read_predictions(snakemake.input.predictions, snakemake.params.recipe["settings"]["runs"])
        table = summary_table(read_table(snakemake.input.metrics), predictions)
        write_table(table, snakemake.output[0])
