"""Measure how certain each method's metrics are: the errors from seeds and from reviews, and how far seeds disagree."""

from semis.harness.job import job
from semis.results.metrics import METRICS
from semis.results.statistics import RESAMPLED, disagreement, interval, labels_of, standard_errors
from semis.results.tables import read_predictions, write_table

import pandas as pd

METHOD = ["dataset", "method", "split"]


def spread_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return (dataset, method, split, metric, n_seeds, n, se_seeds, se_reviews, resampled_low, resampled_high, pairs,
    disagreement_mean, disagreement_std, disagreement_lowest, disagreement_highest).

    Errors and intervals are in the unit of the metric, disagreements in percent of the reviews whatever the metric.
    `predictions` holds the rows of predictions.csv of all runs, with dataset, method and seed.
    """
    rows = []
    for key, runs in predictions.groupby(METHOD, sort=False):
        labels = labels_of(runs)
        for metric in METRICS:
            low, high = interval(metric, labels, RESAMPLED)
            rows.append(
                dict(zip(METHOD, key, strict=True))
                | {"metric": metric.name}
                | dict(zip(("n_seeds", "n"), labels.predicted.shape, strict=True))
                | standard_errors(metric, labels)
                | {"resampled_low": low, "resampled_high": high}
                | disagreement(labels.predicted)
            )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job(snakemake):
        predictions = read_predictions(snakemake.input.predictions, snakemake.params.recipe["settings"]["runs"])
        write_table(spread_table(predictions), snakemake.output[0])
