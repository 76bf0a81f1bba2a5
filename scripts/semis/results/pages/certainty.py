"""The section on the uncertainty of the metrics, and on how little a few seeds can show."""

from typing import Any

from semis.results.markdown_tables import records
from semis.results.metrics import Metric
from semis.results.numbers import interval
from semis.results.pages.results import Results, by_metric
from semis.results.statistics import INTERVAL, RESAMPLED, spread_factors

import pandas as pd

EXPLANATION = (
    "The errors are standard errors, in the unit of the metric (points): how much the mean on test varies with the "
    "choice of the seeds and of the reviews. A dash stands where the sample cannot tell: one seed or one review, or "
    "several that do not differ at all. "
    f"The interval by {INTERVAL.name} {INTERVAL.sentence} "
    f"The one by {RESAMPLED.name} {RESAMPLED.sentence} "
    "Seeds disagree on this share (%) of the test reviews: the mean over all pairs of seeds, and the pairs that "
    "disagree least and most."
)


def section(results: Results) -> list[str]:
    """Return the section, with a table for each metric."""
    if "spread" not in results.tables:
        return []
    summary, spread = (results.tables[name] for name in ("summary", "spread"))
    on_test = summary[summary["split"] == "test"].merge(spread, on=["dataset", "method", "split", "metric", "n_seeds"])
    return ["## How sure is that?", *by_metric(on_test, metric_table), EXPLANATION, few(on_test["n_seeds"].iloc[0])]


def metric_table(metric: Metric, rows: pd.DataFrame) -> list[str]:
    """Return the table of one metric, from its rows on test of tables/summary.csv and tables/spread.csv together."""
    return [records([table_row(row) for row in rows.itertuples()])]


def table_row(row: Any) -> dict[str, Any]:
    """Return the cells for one method."""
    return {
        "dataset": row.dataset,
        "method": row.method,
        "error from seeds": row.se_seeds,
        "from reviews": row.se_reviews,
        f"95 % interval ({INTERVAL.name})": interval(row.ci_low, row.ci_high),
        f"by {RESAMPLED.name}": interval(row.resampled_low, row.resampled_high),
        "seeds disagree on": row.disagreement_mean,
        "least": row.disagreement_lowest,
        "most": row.disagreement_highest,
    }


def few(n_seeds: int) -> str:
    """Return a warning about how little so few seeds show of the spread between seeds."""
    if n_seeds < 2:
        return "**One seed tells nothing about other seeds**: every figure here is that of one run."
    low, high = spread_factors(n_seeds)
    return (
        f"**{n_seeds} seeds tell little.** The true standard deviation between seeds may be anything from {low:.1f} to "
        f"{high:.1f} times the sample one (95 %, chi-squared). Only more seeds help: `seeds` in the config."
    )
