"""Stack tables of the same columns into one."""

from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.job import job

import pandas as pd


def stack(tables: Sequence[pd.DataFrame], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Stack `tables`; `rows` gives, for each table, the columns {name: value} that go before its own."""
    stacked = [table.assign(**row)[[*row, *table.columns]] for table, row in zip(tables, rows, strict=True)]
    return pd.concat(stacked)


if __name__ == "__main__":
    with job(snakemake):
        tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in snakemake.input.tables]
        rows = snakemake.params.recipe["settings"]["rows"]
        stack(tables, rows).to_csv(snakemake.output[0], index=False)
