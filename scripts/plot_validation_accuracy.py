"""Draw the validation accuracy of every run by step, and the test accuracy of its chosen checkpoint."""

from collections.abc import Sequence
from typing import Any

from semis.harness.job import job
from semis.results import style
from semis.results.tables import metric_rows, read_table
from semis.text.files import read_json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


def draw(history: pd.DataFrame, metrics: Sequence[dict[str, Any]], seeds: Sequence[int]) -> Figure:
    """Return the figure: a panel for each dataset and method, a line for each seed.

    `history` holds the rows of tables/history.csv with the validation accuracy, `metrics` the contents of each run's
    metrics.json, `seeds` all seeds of the study.
    """
    chosen = {tuple(run[key] for key in ("dataset", "method", "seed")): run for run in metrics}
    methods = list(history.groupby(["dataset", "method"], sort=False))
    fig, panels = style.grid(len(methods), height_cm=5.5, sharex=True, sharey=True)
    looks = style.looks(seeds)
    for axes, ((dataset, method), runs) in zip(panels, methods, strict=True):
        axes.set_title(f"{dataset}\n{method}")
        axes.grid()
        for seed, run in runs.groupby("seed", sort=False):
            draw_run(axes, run, chosen[dataset, method, seed], looks[seed])
        axes.set(xlabel="step (updates)", ylabel="accuracy (%)")
        axes.tick_params(labelbottom=True)  # panels above an empty place of the grid need them too
    fig.legend(handles=marks(looks), loc="outside lower center", ncols=5, frameon=False)
    return fig


def draw_run(axes: Axes, run: pd.DataFrame, found: dict[str, Any], look: dict[str, Any]) -> None:
    """Draw the curve of one run, and its selected checkpoint on valid and on test; `found` is its metrics.json."""
    colour, marker = look["color"], look["marker"]
    best = run[run["step"] == found["checkpoint"]["step"]]
    axes.plot(run["step"], run["value"], color=colour, linestyle=look["linestyle"], linewidth=1)
    axes.plot(best["step"], best["value"], marker, color=colour)
    axes.plot(best["step"], found["accuracy"]["test"], marker, color=colour, markerfacecolor="white")


def marks(looks: dict[int, dict[str, Any]]) -> list[Line2D]:
    """Return the entries of the legend."""
    found = [Line2D([], [], label=f"seed {seed}", **look) for seed, look in looks.items()]
    if len(found) > len(style.COLOURS):
        found = []  # there are more seeds than colours, so two of them look the same
    plain: dict[str, Any] = {"color": "black", "marker": "o", "linestyle": ""}
    found.append(Line2D([], [], label="chosen, on valid", **plain))
    found.append(Line2D([], [], label="the same, on test", markerfacecolor="white", **plain))
    return found


if __name__ == "__main__":
    with job(snakemake):
        history = metric_rows(read_table(snakemake.input.history), "accuracy", "valid")
        metrics = [read_json(path) for path in snakemake.input.metrics]
        style.save(draw(history, metrics, snakemake.params.recipe["settings"]["seeds"]), snakemake.output)
