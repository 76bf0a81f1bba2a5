"""Draw the confusion matrix of each method on the test reviews, over all its seeds."""

from semis.harness.job import job
from semis.results import style
from semis.results.markup import shown
from semis.results.tables import read_table

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw(confusion: pd.DataFrame) -> Figure:
    """Return the figure for the test rows of tables/confusion.csv: a matrix for each dataset and method.

    Shades and percentages are shares of the reviews with that label, over all seeds.
    """
    methods = list(confusion.groupby(["dataset", "method"], sort=False))
    classes = max(rows["label"].nunique() for _, rows in methods)
    fig, panels = style.grid(len(methods), height_cm=2.2 + 0.8 * classes)
    for axes, ((dataset, method), rows) in zip(panels, methods, strict=True):
        draw_matrix(axes, rows)
        axes.set_title(f"{dataset}\n{method}")
    return fig


def draw_matrix(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one matrix from the rows (label, prediction, n) of one or more seeds."""
    labels = rows["label"].unique()
    counts = rows.pivot_table("n", "label", "prediction", "sum").loc[labels, labels]
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)  # a label may have no review
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for i, j in [(i, j) for i in range(len(labels)) for j in range(len(labels))]:
        ink = "white" if shares.iat[i, j] > 0.5 else "black"
        axes.text(j, i, f"{shares.iat[i, j]:.0%}", ha="center", va="center", color=ink)
    names = [shown(label) for label in labels]
    axes.set_xticks(range(len(labels)), names)
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="predicted label", ylabel="label")


if __name__ == "__main__":
    with job(snakemake):
        confusion = read_table(snakemake.input.confusion)
        style.save(draw(confusion[confusion["split"] == "test"]), snakemake.output)
