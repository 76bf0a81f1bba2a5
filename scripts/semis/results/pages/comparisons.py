"""The section that compares the methods in pairs."""

from typing import Any

from semis.results.comparisons import TESTS
from semis.results.markdown_tables import records
from semis.results.metrics import Metric
from semis.results.numbers import interval, p_value
from semis.results.pages.results import Results, by_metric

import pandas as pd


def section(results: Results) -> list[str]:
    """Return the section, with a table for each metric; nothing for a single method."""
    comparisons = results.tables.get("comparisons")
    if comparisons is None or comparisons.empty:
        return []
    return [
        "## Which method is better?",
        *by_metric(comparisons, metric_table),
        f"Differences on test, in points; {' or '.join(comparisons['test'].unique())}. The p values are corrected by "
        "Holm for the number of comparisons on a dataset; the intervals are not. With few seeds only a large "
        "difference can be shown; where a method has one seed, the comparison is of that run alone, not of the method.",
    ]


def metric_table(metric: Metric, rows: pd.DataFrame) -> list[str]:
    """Return the table of one metric, from its rows of tables/comparisons.csv."""
    return [records([table_row(row) for row in rows.itertuples()])]


def table_row(row: Any) -> dict[str, Any]:
    """Return the cells for two methods."""
    return {
        "dataset": row.dataset,
        "methods": f"{row.method_a} – {row.method_b}",
        "difference": f"{row.difference:+.1f}",
        "95 % interval": interval(row.ci_low, row.ci_high, "+"),
        "p (Holm)": p_value(row.p_holm),
        "at the 5 % level": verdict(row),
    }


def verdict(row: Any) -> str:
    """Return the conclusion of a comparison of two methods; of a method with one seed it is about its run."""
    if row.p_holm < 0.05:
        [several] = (several for several, test in TESTS.items() if test == row.test)
        names = [name if many else f"the run of {name}" for name, many in zip((row.method_a, row.method_b), several)]
        better, worse = names if row.difference > 0 else names[::-1]
        return f"{better} is better than {worse}"
    return "undecided: no difference shown"
