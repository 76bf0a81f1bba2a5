"""The section on the metrics of each method, on test and on valid."""

from typing import Any

from semis.results.markdown_tables import records
from semis.results.metrics import METRICS, Metric
from semis.results.numbers import interval, p_equation
from semis.results.pages.results import Results

import pandas as pd

EXPLANATION = (
    "The checkpoint of each run was chosen on the validation reviews (best: the highest accuracy; last: the end of "
    "training) and evaluated once on test. The standard deviations and the interval are those on test. On valid, a "
    "checkpoint that was chosen there looks better than it is. The last column shows what one gets on test by always "
    "predicting the most frequent label."
)


def section(results: Results) -> list[str]:
    """Return a part for each metric, and the figures."""
    if "summary" not in results.tables:
        return []
    summary = results.tables["summary"]
    parts: list[str] = []
    for metric in METRICS:
        parts += metric_section(metric, summary[summary["metric"] == metric.name])
    return [*parts, EXPLANATION, *results.images("Results")]


def metric_section(metric: Metric, summary: pd.DataFrame) -> list[str]:
    """Return the table of one metric, and a sentence for each method that may have learned nothing."""
    test = list(summary[summary["split"] == "test"].itertuples())
    valid = {(row.dataset, row.method): row.mean for row in summary[summary["split"] == "valid"].itertuples()}
    return [
        f"## {metric.title} ({metric.unit})",
        records([table_row(row, valid[row.dataset, row.method]) for row in test]),
        *(chance(row, metric) for row in test if row.mean <= row.majority or row.p_majority >= 0.05),
    ]


def table_row(row: Any, on_valid: float) -> dict[str, Any]:
    """Return the cells for one row of tables/summary.csv on test."""
    return {
        "dataset": row.dataset,
        "method": row.method,
        "checkpoint": row.selection,
        "seeds": row.n_seeds,
        "on valid": on_valid,
        "on test": row.mean,
        "std (population)": row.std_population,
        "std (sample)": row.std_sample,
        "95 % interval": interval(row.ci_low, row.ci_high),
        "one label": row.majority,
    }


def chance(row: Any, metric: Metric) -> str:
    """Return the sentence for a method that may have learned nothing."""
    return (
        f"**{row.method} on {row.dataset} is at chance: it is not shown to do better than one label for all reviews** "
        f"({row.mean:.1f} {metric.unit} against {row.majority:.1f} {metric.unit}, {p_equation(row.p_majority)})."
    )
