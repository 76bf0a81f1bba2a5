"""Compares two methods by a metric, from their labels for the same reviews.

Differences are in the unit of the metric; those of percentages are in points. docs/statistics.md has the simulated
error rates of the tests.
"""

from collections.abc import Sequence
from typing import Any

from semis.results.metrics import Metric
from semis.results.statistics import Labels, Part, from_seeds, mean_interval, scores_of

import numpy as np
from statsmodels.stats.multitest import multipletests

# The column `test`, by whether the first and the second method have several seeds.
TESTS = {
    (True, True): "t test over seeds and reviews",
    (True, False): "t test over seeds and reviews, one seed of the second method",
    (False, True): "t test over seeds and reviews, one seed of the first method",
    (False, False): "t test over reviews, one seed",
}


def paired_difference(scores_a: np.ndarray, scores_b: np.ndarray, width: float = 100.0) -> dict[str, Any]:
    """Compare two methods on the same reviews: {difference of the means, ci_low, ci_high, p_value, test, n}.

    The scores are arrays of seeds x reviews; `width` is the largest possible difference of two scores. The variance is
    the sum of the variances over each method's seeds (seed 0 of one method has nothing in common with seed 0 of the
    other) and of the variance of the differences over the reviews. Interval and p value come from the same
    distribution, so they always agree.
    """
    by_review, seeds = _differences(scores_a, scores_b)
    low, high, p_value = mean_interval(seeds, by_review, (-width, width))
    return {
        "difference": round(float(by_review.mean()), 9) + 0.0,  # exactly 0 if the methods are equal, and not -0
        "ci_low": max(low, -width),
        "ci_high": min(high, width),
        "p_value": p_value,
        "test": TESTS[len(scores_a) > 1, len(scores_b) > 1],
        "n": scores_a.shape[1],
    }


def compare(metric: Metric, a: Labels, b: Labels) -> dict[str, Any]:
    """Compare two methods by a metric, as `paired_difference` does; the difference is a's value less b's."""
    return paired_difference(scores_of(metric, a), scores_of(metric, b), metric.highest - metric.lowest)


def equivalence(scores_a: np.ndarray, scores_b: np.ndarray, margin: float, width: float = 100.0) -> dict[str, Any]:
    """Test whether two methods are equal within ±`margin`: {difference, ci90_low, ci90_high, equivalent}.

    Two one-sided tests at 5 % (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987) both reject if
    the 90 % interval of the difference lies within the margin. Reviews are paired and seeds are not, as in
    `paired_difference`. If two methods are not equivalent, they may differ, or the data are too few to tell.
    """
    by_review, seeds = _differences(scores_a, scores_b)
    low, high, _ = mean_interval(seeds, by_review, (-width, width), 0.9)
    equivalent = bool(-margin < low and high < margin)
    return {"difference": float(by_review.mean()), "ci90_low": low, "ci90_high": high, "equivalent": equivalent}


def _differences(scores_a: np.ndarray, scores_b: np.ndarray) -> tuple[np.ndarray, tuple[Part | None, Part | None]]:
    """Return (differences of the means over the seeds, by review; parts of the variance from each method's seeds)."""
    if scores_a.shape[1] != scores_b.shape[1]:
        raise ValueError("the methods were not evaluated on the same reviews")
    return scores_a.mean(0) - scores_b.mean(0), (from_seeds(scores_a), from_seeds(scores_b))


def against_majority(metric: Metric, labels: Labels) -> dict[str, float]:
    """Compare a method with the constant prediction of the most frequent label: {majority, p_majority}.

    majority is the metric of that prediction, p_majority the p value of the comparison.
    """
    names, counts = np.unique(labels.true, return_counts=True)
    constant = np.full_like(labels.true, names[counts.argmax()])
    found = compare(metric, labels, Labels(labels.true, constant[None]))
    return {"majority": metric.value(labels.true, constant), "p_majority": found["p_value"]}


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return the p values, corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    return multipletests(p_values, method="holm")[1]
