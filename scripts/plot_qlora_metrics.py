"""Draw the metrics of the answers before training, and after the training of each method."""

from collections.abc import Sequence
from typing import Any

from semis.harness.job import job
from semis.results import style
from semis.text.files import read_json

from matplotlib.figure import Figure

LABELS = {
    "stopped_share": "share of answers\nthat stop",
    "mean_tokens": "mean length\n(tokens)",
    "repeated_4grams": "share of repeated\n4-grams",
    "distinct_2": "distinct-2",
    "nll_per_token": "held-out answers:\nnats per token",
}
SHARES = ["stopped_share", "repeated_4grams", "distinct_2"]


def draw(metrics: dict[str, Any], methods: Sequence[str]) -> Figure:
    """Return the figure for qlora/metrics.json, a panel for each metric and a bar for each stage."""
    stages = [metrics["before"], *(metrics["methods"][method]["after"] for method in methods)]
    places = range(len(stages))  # not the names: a method may be called "before"
    looks = style.looks(places)
    fig, panels = style.figure(width_cm=22, height_cm=7, ncols=len(LABELS))
    for axes, (metric, label) in zip(panels, LABELS.items(), strict=True):
        axes.set_title(label)
        for place, found in enumerate(stages):
            value = {**found["holdout"], **found}[metric]
            bar = axes.bar(place, value or 0, color=looks[place]["color"], width=0.6)
            axes.bar_label(bar, ["none" if value is None else f"{value:.3g}"], padding=2)
        axes.set_xticks(places, ["before", *methods], rotation=60)
        axes.set_ymargin(0.15)  # leaves room for the numbers
        if metric in SHARES:
            axes.set_ylim(0, 1.15)
    return fig


if __name__ == "__main__":
    with job(snakemake):
        methods = snakemake.params.recipe["settings"]["methods"]
        style.save(draw(read_json(snakemake.input.metrics), methods), snakemake.output)
