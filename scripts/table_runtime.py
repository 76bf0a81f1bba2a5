"""Gather Snakemake's benchmark files of all runs: wall time, memory and processor time of each stage."""

from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.job import job

import pandas as pd

NAMES = {"s": "seconds", "max_rss": "max_rss_mb", "cpu_time": "cpu_seconds"}


def runtime_table(benchmarks: Sequence[pd.DataFrame], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return (dataset, method, seed, stage, seconds, max_rss_mb, cpu_seconds).

    `benchmarks` are Snakemake's tables, and `rows` names the run and stage of each. A job of less than a second or so
    has no measured memory or processor time.
    """
    return pd.concat(
        [
            table.rename(columns=NAMES)[[*NAMES.values()]].assign(**row)[[*row, *NAMES.values()]]
            for table, row in zip(benchmarks, rows, strict=True)
        ]
    )


if __name__ == "__main__":
    with job(snakemake):
        benchmarks = [pd.read_csv(path, sep="\t", na_values=["-", "NA"]) for path in snakemake.input.benchmarks]
        runs, stages = (snakemake.params.recipe["settings"][key] for key in ("runs", "stages"))
        rows = [{**run, "stage": stage} for stage in stages for run in runs]
        runtime_table(benchmarks, rows).to_csv(snakemake.output[0], index=False)
