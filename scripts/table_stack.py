"""Stack tables of the same columns into one."""

from semis.harness.job import job

import pandas as pd


def join(tables, rows):
    """Stack `tables`; `rows` says of each what it is of ({column: value}), which comes to stand before its columns."""
    stacked = [table.assign(**row)[[*row, *table.columns]] for table, row in zip(tables, rows, strict=True)]
    return pd.concat(stacked)


if __name__ == "__main__":
    with job(snakemake):
        tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in snakemake.input.tables]
        join(tables, snakemake.params.rows).to_csv(snakemake.output[0], index=False)
