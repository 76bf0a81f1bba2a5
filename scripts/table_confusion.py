"""Count for every run how often each label was predicted for reviews of each label."""

from collections.abc import Mapping, Sequence
from itertools import product

from semis.harness.job import job
from semis.results.tables import read_predictions

import pandas as pd

RUN = ["dataset", "method", "seed", "split"]


def confusion_table(predictions: pd.DataFrame, labels: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return (dataset, method, seed, split, label, prediction, n), a row for each pair of labels, also where n is 0.

    `predictions` holds the rows of predictions.csv of all runs, `labels` the labels of each dataset in their order.
    """
    tables = []
    for run, rows in predictions.groupby(RUN, sort=False):
        pairs = pd.MultiIndex.from_tuples(product(labels[run[0]], repeat=2), names=["label", "prediction"])
        counted = rows.groupby(["label", "prediction"]).size().reindex(pairs, fill_value=0)
        tables.append(counted.rename("n").reset_index().assign(**dict(zip(RUN, run, strict=True))))
    return pd.concat(tables)[[*RUN, "label", "prediction", "n"]]


if __name__ == "__main__":
    with job(snakemake):
        settings = snakemake.params.recipe["settings"]
        predictions = read_predictions(snakemake.input.predictions, settings["runs"])
        confusion_table(predictions, settings["labels"]).to_csv(snakemake.output[0], index=False)
