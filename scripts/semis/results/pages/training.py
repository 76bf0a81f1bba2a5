"""The section on the course of the trainings and on their wall time."""

from semis.results.markup import escaped
from semis.results.pages.results import Results

import pandas as pd


def section(results: Results) -> list[str]:
    """Return the curves and the wall time."""
    if "history" not in results.tables:
        return []
    return [
        "## Training",
        *missing(results.tables["history"], results.tables["summary"]),
        *results.images("Training"),
    ]


def missing(history: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """Return a sentence for each method whose training loss was not logged."""
    logged = set(history[["dataset", "method", "split", "metric"]].itertuples(index=False, name=None))
    runs = summary[["dataset", "method"]].drop_duplicates().itertuples(index=False, name=None)
    return [
        f"Of {escaped(method)} on {escaped(dataset)} no training loss was logged: training.log_every is longer than "
        "its trainings."
        for dataset, method in runs
        if (dataset, method, "train", "loss") not in logged
    ]
