"""Draw the perplexity of each pretraining against the step, on the training text and on the held-out lines."""

import math

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, ScalarFormatter


def draw(pretraining: pd.DataFrame) -> Figure:
    """Return the figure for rows of tables/pretraining.csv, a panel for each model."""
    losses = pretraining[pretraining["metric"] == "loss"]
    models = losses["model"].unique()
    fig, panels = style.figure(
        height_cm=2 + 6 * len(models), nrows=len(models), sharex=True, sharey=True, squeeze=False
    )
    for axes, (model, rows) in zip(panels.flat, losses.groupby("model", sort=False), strict=True):
        train, valid = (rows[rows["split"] == split] for split in ("train", "valid"))
        axes.plot(train["step"], train["value"].map(math.exp), color=style.COLOURS[0], label="train")
        axes.plot(
            valid["step"],
            valid["value"].map(math.exp),
            color=style.COLOURS[1],
            linestyle="--",
            marker="o",
            label="held out",
        )
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=[1, 2, 5]))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter("")
        axes.set_title(model)
        axes.set_ylabel("perplexity (logarithmic)")
        axes.grid()
        axes.legend()
    panels.flat[-1].set_xlabel("step (updates)")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        style.save(draw(read_table(snakemake.input.pretraining)), snakemake.output)
