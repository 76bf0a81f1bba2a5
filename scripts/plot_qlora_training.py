"""Draw training loss and learning rate of each method of the language-model part against the step."""

from collections.abc import Sequence

from semis.harness.job import job
from semis.results import style
from semis.results.tables import read_table

import pandas as pd
from matplotlib.figure import Figure

LABELS = {"loss": "training loss", "learning_rate": "learning rate"}


def draw(history: pd.DataFrame, methods: Sequence[str]) -> Figure:
    """Return the figure for tables/qlora_history.csv (method, step, metric, value), a panel for each metric."""
    fig, panels = style.figure(height_cm=12, nrows=len(LABELS), sharex=True)
    looks = style.looks(methods)
    for axes, (metric, label) in zip(panels, LABELS.items(), strict=True):
        axes.set_ylabel(label)
        axes.grid()
        for method, rows in history[history["metric"] == metric].groupby("method", sort=False):
            look = looks[method]
            axes.plot(rows["step"], rows["value"], label=method, color=look["color"], linestyle=look["linestyle"])
    panels[0].legend(frameon=False)
    panels[-1].set_xlabel("step (updates)")
    return fig


if __name__ == "__main__":
    with job(snakemake):
        history = read_table(snakemake.input.qlora_history)
        style.save(draw(history, snakemake.params.recipe["settings"]["methods"]), snakemake.output)
