"""Draw how many parameters each part of a model has."""

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

# The first matching pattern decides the part of a tensor, so the norm of the attention is a norm.
PARTS = {
    "token embeddings": "embed_tokens",
    "position embeddings": "embed_positions",
    "layer norms": "layer_?norm",
    "attention": "self_attn",
    "feed-forward": "fc[12]",
}


def parts(table: pd.DataFrame) -> pd.DataFrame:
    """Sum up tables/parameters.csv; return a table of parts (in the order of `PARTS`) x models."""
    table = table[table["module"] != "total"].assign(part="other")
    for part, pattern in reversed(PARTS.items()):
        table.loc[table["module"].str.contains(pattern), "part"] = part
    order = [part for part in [*PARTS, "other"] if part in set(table["part"])]
    return table.pivot_table(index="part", columns="model", values="parameters", aggfunc="sum", sort=False).loc[order]


def draw(counts: pd.DataFrame) -> Figure:
    """Return the figure for a table of parts x models, a panel for each model."""
    height = 1.5 + len(counts.columns) * (1 + 0.75 * len(counts))
    fig, panels = style.figure(height_cm=height, nrows=len(counts.columns), sharex=True, squeeze=False)
    for axes, (model, values) in zip(panels.flat, counts.items(), strict=True):
        total = values.sum()
        axes.set_title(f"{model}: {total:,.0f} parameters")
        bars = axes.barh(values.index, values, color=style.COLOURS[0], height=0.65)
        axes.bar_label(bars, [f"{value:,.0f} ({value / total:.1%})" for value in values], padding=4)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    panels.flat[-1].set_xmargin(0.25)  # leaves room for the numbers
    panels.flat[-1].set_xlabel("parameters")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        style.save(draw(parts(read_table(snakemake.input.parameters))), snakemake.output)
