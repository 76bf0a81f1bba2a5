"""Draws values from the history of all runs against the step: a colour for each method, a line for each seed."""

from collections.abc import Sequence

from semis.results import style

import pandas as pd
from matplotlib.figure import Figure


def draw(history: pd.DataFrame, label: str, methods: Sequence[str]) -> Figure:
    """Return the figure for rows of tables/history.csv of one metric, a panel for each dataset.

    `label` names the values. `methods` are all methods of the study, so that each has its colour in every figure.
    """
    if history.empty:
        fig, axes = style.figure()
        axes.set_title(f"no {label} was logged: training.log_every is longer than the trainings")
        return fig
    datasets, looks = history["dataset"].unique(), style.looks(methods)
    fig, panels = style.figure(
        height_cm=2 + 6 * len(datasets), nrows=len(datasets), sharex=True, sharey=True, squeeze=False
    )
    for axes, (dataset, rows) in zip(panels.flat, history.groupby("dataset", sort=False), strict=True):
        axes.set_title(dataset)
        axes.set_ylabel(label)
        axes.grid()
        for (method, _), run in rows.groupby(["method", "seed"], sort=False):
            look = looks[method]
            axes.plot(run["step"], run["value"], color=look["color"], linestyle=look["linestyle"], linewidth=1)
    panels.flat[-1].set_xlabel("step (updates)")
    for axes, (_, rows) in zip(panels.flat, history.groupby("dataset", sort=False), strict=True):
        ends = [(method, *end(runs), looks[method]["color"]) for method, runs in rows.groupby("method", sort=False)]
        style.label_ends(fig, axes, ends)
    return fig


def end(runs: pd.DataFrame) -> tuple[float, float]:
    """Return the last step of a method's runs, and the mean of its seeds there."""
    last = runs[runs["step"] == runs["step"].max()]
    return last["step"].iloc[0], last["value"].mean()
