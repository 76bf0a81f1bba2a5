"""The registry of metrics by which methods are compared. Figures show the first one.

This module imports only numpy, since the environments that evaluate models have no pandas.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Metric:
    """A number that measures predicted labels; more is better.

    `value` takes the true and the predicted labels of one run, two arrays with an element for each review. If the
    metric is the mean of a score for each review, `per_review` returns these scores. It broadcasts, so that the
    predictions of several seeds may be an array of seeds x reviews. Such means have intervals and comparisons in closed
    form.
    """

    name: str  # in tables, and the key in metrics.json
    label: str  # in figures and pages
    unit: str
    value: Callable[[np.ndarray, np.ndarray], float]
    per_review: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    lowest: float = 0.0
    highest: float = 100.0

    @property
    def title(self) -> str:
        """The label as a heading begins with it."""
        return self.label[0].upper() + self.label[1:]


def right(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return 100 for each review with the right prediction, and 0 for the others."""
    return 100.0 * (labels == predicted)


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of right predictions, in percent."""
    return float(right(labels, predicted).mean())


METRICS = [Metric("accuracy", "accuracy", "%", accuracy, right)]


def measured(rows: Iterable[Sequence[Any]]) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Return ({metric: {split: value}}, {split: number of reviews}) of the predictions of one run.

    A row is (split, row, class, predicted class, probability).
    """
    pairs: dict[str, list[tuple[int, int]]] = {}
    for split, _, target, predicted, _ in rows:
        pairs.setdefault(split, []).append((target, predicted))
    labels = {split: np.array(pairs[split]).T for split in sorted(pairs)}
    found = {m.name: {split: round(m.value(*both), 6) for split, both in labels.items()} for m in METRICS}
    return found, {split: both.shape[1] for split, both in labels.items()}
