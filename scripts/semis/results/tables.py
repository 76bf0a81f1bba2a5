"""Reads the tables that the workflow writes; names and labels stay text, even if they look like numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

NAMES = ["dataset", "method", "model", "metric", "split", "label", "prediction", "quantity", "module"]


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV: a method called 2024 or a label called None is text, and only an empty cell is missing."""
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])


def read_predictions(paths: Sequence[str], runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of all predictions.csv `paths`, with the {dataset, method, seed} of each file from `runs`."""
    tables = [read_table(path) for path in paths]
    return pd.concat([table.assign(**run) for table, run in zip(tables, runs, strict=True)])


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a CSV with four decimals. The columns of p values keep ten digits instead, so that none becomes 0."""
    p_values = [name for name in table.columns if name.startswith("p_")]
    rounded = table.round(dict.fromkeys(set(table.select_dtypes("number")) - set(p_values), 4))
    rounded.assign(**{name: table[name].map(lambda p: float(f"{p:.10g}")) for name in p_values}).to_csv(
        path, index=False
    )


def metric_rows(table: pd.DataFrame, metric: str, split: str) -> pd.DataFrame:
    """Return the rows of one metric on one split."""
    return table[(table["metric"] == metric) & (table["split"] == split)]
