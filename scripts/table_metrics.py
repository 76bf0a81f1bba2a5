"""Gather the metrics of every run on every split into one table."""

from collections.abc import Sequence
from typing import Any

from semis.harness.job import job
from semis.results.metrics import METRICS
from semis.results.tables import write_table
from semis.text.files import read_json

import pandas as pd

RUN = ["dataset", "method", "model", "seed"]


def metrics_table(runs: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the table (dataset, method, model, seed, split, metric, value, selection, n) of metrics.json contents."""
    rows = [
        {
            **{key: run[key] for key in RUN},
            "split": split,
            "metric": metric.name,
            "value": value,
            "selection": run["checkpoint"]["selection"],
            "n": run["n"][split],
        }
        for run in runs
        for metric in METRICS
        for split, value in run[metric.name].items()
    ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job(snakemake):
        table = metrics_table([read_json(path) for path in snakemake.input.metrics])
        write_table(table, snakemake.output[0])
