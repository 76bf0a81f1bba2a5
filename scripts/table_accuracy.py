"""Gather the accuracy of every run on every split into one table."""

from semis.harness.job import job
from semis.results.tables import read_json

import pandas as pd


def accuracy_table(metrics):
    """Return the table (dataset, method, seed, split, selection, accuracy, n) of a list of metrics.json contents."""
    rows = [
        {
            **{key: run[key] for key in ("dataset", "method", "seed")},
            "split": split,
            "selection": run["checkpoint"]["selection"],
            "accuracy": accuracy,
            "n": run["n"][split],
        }
        for run in metrics
        for split, accuracy in run["accuracy"].items()
    ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job(snakemake):
        table = accuracy_table([read_json(path) for path in snakemake.input.metrics])
        table.round(4).to_csv(snakemake.output[0], index=False)
