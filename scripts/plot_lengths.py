"""Draw how long the reviews of a dataset are for a fairseq model, and where it truncates them."""

from collections.abc import Mapping, Sequence
from typing import Any

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter


def draw(lengths: Sequence[pd.DataFrame], of: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the figure for tables (split, row, tokens, unknown), a panel for each table.

    `of` holds the {dataset, model, positions} of each table.
    """
    fig, panels = style.figure(height_cm=2 + 5 * len(of), nrows=len(of), sharex=True, sharey=True, squeeze=False)
    for axes, table, what in zip(panels.flat, lengths, of, strict=True):
        axes.set_title(f"{what['dataset']}, {what['model']}")
        splits = table.groupby("split", sort=False)["tokens"]
        for (split, tokens), look in zip(splits, style.looks(table["split"].unique()).values(), strict=True):
            share = f"{(tokens > what['positions']).mean():.1%}"
            axes.ecdf(tokens, color=look["color"], linestyle=look["linestyle"], label=f"{split}: {share} truncated")
        axes.axvline(what["positions"], color="black", linewidth=0.8)
        axes.annotate(f" {what['positions']} positions", (what["positions"], 0.02))
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter("")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylabel("reviews up to this length")
        axes.grid()
        axes.legend(loc="upper left", frameon=False)
    panels.flat[-1].set_xlabel("tokens of a review, including <s> and </s>")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        tables = [read_table(path) for path in snakemake.input.lengths]
        style.save(draw(tables, snakemake.params.recipe["settings"]["of"]), snakemake.output)
