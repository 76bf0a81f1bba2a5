"""The results of a study, from which the sections of the summary page are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from semis.results.markup import escaped
from semis.results.metrics import METRICS, Metric

import pandas as pd


@dataclass
class Results:
    """The results of a study: its tables by name, and its other parts."""

    tables: dict[str, pd.DataFrame]
    figures: Sequence[Sequence[str]] = ()  # [category, name, label] of each, in the order of the registry
    qlora: dict[str, Any] = field(default_factory=dict)  # parameters, metrics and samples of the language-model part
    published: pd.DataFrame | None = None

    def images(self, category: str) -> list[str]:
        """Return the Markdown of the figures of a category."""
        return [f"![{escaped(label)}](figures/{name}.png)" for of, name, label in self.figures if of == category]


def by_metric(table: pd.DataFrame, section: Callable[[Metric, pd.DataFrame], list[str]]) -> list[str]:
    """Return the section of each metric, from its rows of a table; with several metrics, under a heading each."""
    parts: list[str] = []
    for metric in METRICS:
        rows = table[table["metric"] == metric.name]
        if rows.empty:
            continue
        parts += [f"### {metric.title}"] if len(METRICS) > 1 else []
        parts += section(metric, rows)
    return parts
