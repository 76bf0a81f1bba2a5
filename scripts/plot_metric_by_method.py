"""Draw the first metric of each method on test: a point for each seed, their mean and its interval."""

from collections.abc import Sequence

from semis.harness.job import job
from semis.results import style
from semis.results.metrics import METRICS, Metric
from semis.results.tables import metric_rows, read_table

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw(metrics: pd.DataFrame, summary: pd.DataFrame, metric: Metric, methods: Sequence[str]) -> Figure:
    """Return the figure, a panel for each dataset.

    `metrics` and `summary` hold the rows of tables/metrics.csv and tables/summary.csv of one metric on test.
    """
    datasets = summary["dataset"].unique()
    height = 2 + len(datasets) * (1 + 0.9 * len(methods))
    fig, panels = style.figure(height_cm=height, nrows=len(datasets), sharex=True, squeeze=False)
    looks = style.looks(methods)
    for axes, dataset in zip(panels.flat, datasets, strict=True):
        axes.set_title(dataset)
        axes.grid(axis="x")
        for place, method in enumerate(methods):
            found, points = (
                table[(table["dataset"] == dataset) & (table["method"] == method)].to_dict("records")
                for table in (summary, metrics)
            )
            if found:  # so far, a method may have no finished run
                draw_method(axes, place, found[0], [point["value"] for point in points], metric.unit, looks[method])
        axes.set_yticks(range(len(methods)), methods)
        axes.set_ylim(len(methods) - 0.5, -0.7)
    panels.flat[-1].set_xlabel(f"{metric.label} on the test reviews ({metric.unit})")
    return fig


def draw_method(axes: Axes, place: int, found: dict, points: Sequence[float], unit: str, look: dict) -> None:
    """Draw one method at the height `place`, from its row `found` of the summary and the value of each seed."""
    colour = look["color"]
    axes.plot([found["ci_low"], found["ci_high"]], [place, place], color=colour, linewidth=2.5, alpha=0.4)
    axes.plot(points, [place] * len(points), look["marker"], color=colour, markerfacecolor="white")
    axes.plot(found["mean"], place, "|", color=colour, markersize=14, markeredgewidth=2)
    axes.annotate(f"{found['mean']:.1f} {unit}", (found["mean"], place - 0.3), ha="center", va="bottom")


if __name__ == "__main__":
    with job(snakemake):
        metrics, summary = (
            metric_rows(read_table(path), METRICS[0].name, "test")
            for path in (snakemake.input.metrics, snakemake.input.summary)
        )
        methods = snakemake.params.recipe["settings"]["methods"]
        style.save(draw(metrics, summary, METRICS[0], methods), snakemake.output)
