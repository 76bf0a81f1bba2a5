"""Sum up each method over its seeds: mean accuracy, spread, and an interval over seeds and reviews."""

from semis.harness.job import job
from semis.results.statistics import accuracy_interval, against_majority, correctness, read_predictions, spread
from semis.results.tables import read_table

import pandas as pd


def summary_table(accuracy, predictions):
    """Return (dataset, method, split, selection, n_seeds, mean, std_population, std_sample, ci_low, ci_high, majority,
    p_majority).

    `accuracy` is tables/accuracy.csv, `predictions` the rows of predictions.csv of all runs with dataset, method, seed.
    """
    of = ["dataset", "method", "split"]
    predicted = predictions.groupby(of)
    rows = []
    for key, runs in accuracy.groupby(of, sort=False):
        correct = correctness(predicted.get_group(key))
        low, high = accuracy_interval(correct)
        rows.append(
            dict(zip(of, key, strict=True))
            | {"selection": runs["selection"].iloc[0], "n_seeds": len(runs)}
            | spread(runs["accuracy"])
            | {"ci_low": low, "ci_high": high}
            | against_majority(predicted.get_group(key), correct)
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job(snakemake):
        predictions = read_predictions(snakemake.input.predictions, snakemake.params.runs)
        table = summary_table(read_table(snakemake.input.accuracy), predictions)
        table.round(4).to_csv(snakemake.output[0], index=False)
