"""Say how sure each method's mean accuracy is: what seeds and reviews add to its error, and how far seeds disagree."""

from semis.harness.job import job
from semis.results.statistics import (
    by_seed,
    correctness,
    disagreement,
    read_predictions,
    resampled_interval,
    standard_errors,
)

import pandas as pd


def spread_table(predictions):
    """Return (dataset, method, split, n_seeds, n, se_seeds, se_reviews, resampled_low, resampled_high, pairs,
    disagreement_mean, disagreement_std, disagreement_lowest, disagreement_highest).

    Errors are in points, intervals in percent of accuracy, disagreements in percent of the reviews. `predictions`
    holds the rows of predictions.csv of all runs, with dataset, method and seed.
    """
    of = ["dataset", "method", "split"]
    rows = []
    for key, runs in predictions.groupby(of, sort=False):
        correct = correctness(runs)
        low, high = resampled_interval(correct)
        rows.append(
            dict(zip(of, key, strict=True))
            | dict(zip(("n_seeds", "n"), correct.shape, strict=True))
            | standard_errors(correct)
            | {"resampled_low": low, "resampled_high": high}
            | disagreement(by_seed(runs, "prediction"))
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job(snakemake):
        predictions = read_predictions(snakemake.input.predictions, snakemake.params.runs)
        spread_table(predictions).round(4).to_csv(snakemake.output[0], index=False)
