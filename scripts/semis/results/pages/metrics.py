"""The section on the metrics of each method, on test and on valid."""

from typing import Any

from semis.results.markdown_tables import records
from semis.results.markup import escaped
from semis.results.metrics import METRICS, Metric
from semis.results.numbers import interval, p_equation
from semis.results.pages.results import Results

import pandas as pd

EXPLANATION = (
    "The checkpoint of each run was chosen on the validation reviews (best: the highest accuracy; last: the end of "
    "training) and evaluated once on test. The standard deviations and the interval are those on test. On valid, a "
    "checkpoint that was chosen there looks better than it is. “One label” is what one gets on test by always "
    "predicting the most frequent label. The mean recall is that over all labels; it is 100 % divided by the "
    "number of labels if the predictions have nothing to do with the reviews."
)
LEVEL = 0.05


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
        *(f"{named(row)} {doubts(row, metric)}" for row in test if doubts(row, metric)),
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
        "mean recall": row.mean_recall,
    }


def named(row: Any) -> str:
    """Return the subject of a sentence: the method, or its only run."""
    return f"{'The run of ' * (row.n_seeds == 1)}{escaped(row.method)} on {escaped(row.dataset)}"


def doubts(row: Any, metric: Metric) -> str:
    """Return the rest of the sentence: whether a method beats one label for all reviews, and chance; "" if it does."""
    if row.labels_given == 1 and not pd.isna(row.chance):
        return f"**is at chance**: each seed gives all reviews one label {figures(row, metric)}."
    one_label, chance = against_one_label(row), against_chance(row)
    if one_label:
        return f"{one_label} {figures(row, metric)}; {chance or tells_apart(row)}"
    return f"is better than one label for all reviews, but {chance}" if chance else ""


def figures(row: Any, metric: Metric) -> str:
    """Return a method's metric, that of the most frequent label for all reviews, and the p value of the comparison."""
    found, other = (f"{value:.1f} {metric.unit}" for value in (row.mean, row.majority))
    return f"({found}, against {other} by the most frequent label; {p_equation(row.p_majority)})"


def against_one_label(row: Any) -> str:
    """Return the verdict on a method and the most frequent label for all reviews; "" if the method is shown better."""
    if row.p_majority >= LEVEL:
        return "**is not shown to be better or worse than one label for all reviews**: undecided"
    return "" if row.mean > row.majority else "**is worse than one label for all reviews**"


def against_chance(row: Any) -> str:
    """Return what is doubtful about a method beside chance, by its mean recall; "" if it is shown better."""
    if pd.isna(row.chance):
        return "chance cannot be judged, since all test reviews have the same label."
    if row.p_chance >= LEVEL:
        return f"**it is not shown to differ from chance** by its mean recall ({recalls(row)}): undecided."
    if row.mean_recall < row.chance:
        return f"**it is worse than chance** by its mean recall ({recalls(row)}), as if labels were exchanged."
    return ""


def tells_apart(row: Any) -> str:
    """Return the clause for a method that is better than chance."""
    return f"it is better than chance, though, by its mean recall ({recalls(row)})."


def recalls(row: Any) -> str:
    """Return the mean recall, chance and the p value of their comparison."""
    return f"{row.mean_recall:.1f} % against {row.chance:.1f} %, {p_equation(row.p_chance)}"
