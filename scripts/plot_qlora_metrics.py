"""Draw the metrics of the answers before training and after it, per arm."""

import json

from semis.harness.job import job
from semis.results import style

LABELS = {
    "stopped_share": "share of answers\nthat stop",
    "mean_tokens": "mean length\n(tokens)",
    "repeated_4grams": "share of repeated\n4-grams",
    "distinct_2": "distinct-2",
    "nll_per_token": "held-out answers:\nnats per token",
}
SHARES = ["stopped_share", "repeated_4grams", "distinct_2"]


def draw(metrics):
    """Return the figure for bloom/metrics.json, a panel for each metric and a bar for each stage."""
    stages = {"before": metrics["before"], **{arm: found["after"] for arm, found in metrics["arms"].items()}}
    fig, panels = style.figure(width_cm=22, height_cm=7, ncols=len(LABELS))
    for axes, (metric, label) in zip(panels, LABELS.items(), strict=True):
        axes.set_title(label)
        for (stage, found), look in zip(stages.items(), style.looks(stages).values(), strict=True):
            value = {**found["holdout"], **found}[metric]
            bar = axes.bar(stage, value or 0, color=look["color"], width=0.6)
            axes.bar_label(bar, ["none" if value is None else f"{value:.3g}"], padding=2)
        axes.tick_params(axis="x", rotation=60)
        axes.set_ymargin(0.15)  # room for the figures above the bars
        if metric in SHARES:
            axes.set_ylim(0, 1.15)
    return fig


if __name__ == "__main__":
    with job(snakemake):
        with open(snakemake.input.metrics, encoding="utf-8") as stream:
            metrics = json.load(stream)
        style.save(draw(metrics), snakemake.output)
