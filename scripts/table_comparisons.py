"""Compare each two methods of a dataset on the same test reviews."""

from itertools import combinations

from semis.harness.job import job
from semis.results.statistics import correctness, holm, paired_difference, read_predictions

import pandas as pd

COLUMNS = ["dataset", "method_a", "method_b", "difference", "ci_low", "ci_high", "p_value", "p_holm", "test", "n"]


def comparisons_table(predictions):
    """Return one row for each two methods of a dataset; the difference is accuracy of method_a less that of method_b.

    `predictions` holds the test rows of predictions.csv of all runs, with dataset, method and seed. p_holm is corrected
    for the number of comparisons on one dataset.
    """
    tables = []
    for dataset, rows in predictions.groupby("dataset", sort=False):
        correct = {method: correctness(runs) for method, runs in rows.groupby("method", sort=False)}
        found = [
            {"dataset": dataset, "method_a": a, "method_b": b, **paired_difference(correct[a], correct[b])}
            for a, b in combinations(correct, 2)
        ]
        if found:
            tables.append(pd.DataFrame(found).assign(p_holm=lambda table: holm(table["p_value"])))
    return pd.concat(tables)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


if __name__ == "__main__":
    with job(snakemake):
        predictions = read_predictions(snakemake.input.predictions, snakemake.params.runs)
        table = comparisons_table(predictions[predictions["split"] == "test"])
        table.round(4).to_csv(snakemake.output[0], index=False)
