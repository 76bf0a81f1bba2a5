"""The uncertainty of a metric over seeds and reviews: spread, standard errors, intervals.

All values are in the unit of the metric. `scores` is an array of seeds x reviews whose mean is the metric.
docs/statistics.md has the simulated coverage of the intervals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semis.results.metrics import Metric

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import pdist

PERCENT = (0.0, 100.0)
ROUNDING = 1e-9  # two means over seeds that differ by less are equal
SMALLEST_P = float(np.finfo(float).tiny)  # a p value is never 0; smaller ones are beyond the numbers of a computer


@dataclass(frozen=True)
class Labels:
    """The true labels of a split's reviews, and the predicted labels of a method: seeds x reviews."""

    true: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class Part:
    """The part of a mean's variance that comes from one source (seeds or reviews), and its degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class Interval:
    """A method for a 95 % interval over other seeds and other reviews, and its explanation for the pages."""

    name: str
    sentence: str
    of_scores: Callable[..., tuple[float, float]]  # of scores, and of the lowest and highest possible score


def labels_of(rows: pd.DataFrame) -> Labels:
    """Return the labels in the rows (seed, row, label, prediction) of one method on one split.

    Raises ValueError if the seeds were not evaluated on the same reviews.
    """
    table = rows.pivot(index="seed", columns="row", values=["label", "prediction"])
    if table.isna().any(axis=None):
        raise ValueError("the seeds were not evaluated on the same reviews")
    return Labels(table["label"].to_numpy()[0], table["prediction"].to_numpy())


def scores_of(metric: Metric, labels: Labels) -> np.ndarray:
    """Return the scores (seeds x reviews) whose mean is the metric. Raises ValueError for another metric."""
    if metric.per_review is None:
        raise ValueError(f"{metric.name} is not the mean of a score of each review")
    return metric.per_review(labels.true, labels.predicted)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return {mean, std_population, std_sample} of the values of several seeds; the report's ± is the population's.

    With one seed the sample standard deviation does not exist and is NaN.
    """
    found = np.asarray(values, dtype=float)
    sample = found.std(ddof=1) if len(found) > 1 else np.nan
    return {"mean": found.mean(), "std_population": found.std(), "std_sample": sample}


def mean_interval(
    seeds: Sequence[Part | None], by_review: np.ndarray, reach: tuple[float, float], confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return (low, high, p) of the mean of `by_review`: its interval, and the two-sided p value for a true mean of 0.

    The variance of the mean is the sum of the parts from `seeds` (None if unknown) and of the part from the reviews.
    Its degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946); interval and p value are Student's. If the
    reviews do not vary, the sample says nothing about their variance: the interval is the hull of Student's over the
    seeds and of `unvaried_interval`. `reach` is (lowest, highest) of what one review can contribute.
    """
    mean = float(by_review.mean())
    known = [part for part in [*seeds, from_reviews(by_review)] if part and part.variance > 0]
    found = [student(known, mean, confidence)] if known else []
    if not varies(by_review):
        found.append(unvaried_interval(mean, len(by_review), reach, confidence))
    lows, highs, p_values = zip(*found)
    return min(lows), max(highs), max(max(p_values), SMALLEST_P)


def student(parts: Sequence[Part], mean: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return (low, high, p) by Student's t of a mean whose variance is the sum of the `parts`."""
    variance = sum(part.variance for part in parts)
    freedom = variance**2 / sum(part.variance**2 / part.freedom for part in parts)
    low, high = stats.t(freedom, loc=mean, scale=np.sqrt(variance)).interval(confidence)
    return float(low), float(high), float(2 * stats.t.sf(abs(mean) / np.sqrt(variance), freedom))


def unvaried_interval(
    value: float, n: int, reach: tuple[float, float], confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return (low, high, p) of a mean over reviews if all `n` reviews in the sample have the same `value`.

    None of n reviews differs from it, so at most a share u = 1 - ((1 - confidence) / 2) ** (1 / n) of all reviews does
    (Clopper and Pearson, Biometrika 26, 1934), and each of those lies within `reach`. For n reviews that are all right
    or all wrong, this is the interval of Clopper and Pearson. p is the level at which the interval reaches 0. If one
    method is right on all n reviews and the other on none, p of their difference is that of McNemar's exact test.
    """
    lowest, highest = reach
    share = 1 - ((1 - confidence) / 2) ** (1 / n)
    beyond = lowest if value > 0 else highest  # the side on which 0 lies
    p_value = min(1.0, 2 * (beyond / (beyond - value)) ** n) if value else 1.0
    return value - share * (value - lowest), value + share * (highest - value), p_value


def varies(by_review: np.ndarray) -> bool:
    """Say whether reviews differ by more than rounding; a single review does not vary."""
    return bool(np.ptp(by_review) > ROUNDING)


def from_seeds(scores: np.ndarray) -> Part | None:
    """Return the part of the variance of a method's mean score that comes from the seeds; None for one seed."""
    return _part(scores.mean(1))


def from_reviews(by_review: np.ndarray) -> Part | None:
    """Return the part that comes from the choice of the reviews, given one number per review; None for one review."""
    return _part(by_review)


def _part(values: np.ndarray) -> Part | None:
    """Return the variance of the mean of independent values, with its degrees of freedom; None for one value."""
    if len(values) < 2:
        return None
    variance = values.var(ddof=1) / len(values) if varies(values) else 0.0
    return Part(float(variance), len(values) - 1)


def standard_errors(metric: Metric, labels: Labels) -> dict[str, float]:
    """Return {se_seeds, se_reviews}, the parts of a metric's standard error from each source.

    A part is NaN if it is unknown: one seed or one review, or several that do not differ at all.
    """
    scores = scores_of(metric, labels)
    parts = {"se_seeds": from_seeds(scores), "se_reviews": from_reviews(scores.mean(0))}
    return {name: np.sqrt(part.variance) if part and part.variance else np.nan for name, part in parts.items()}


def students_interval(scores: np.ndarray, reach: tuple[float, float] = PERCENT) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of a method's mean score over other seeds and other reviews.

    The variances of seeds and of reviews are added, as for two crossed random effects; on average the sum is slightly
    too large (Owen, Annals of Applied Statistics 1, 2007). With one seed the interval is about that seed alone. It does
    not correct for selecting the checkpoint on the same reviews. See `mean_interval` for reviews that do not vary.
    """
    low, high, _ = mean_interval([from_seeds(scores)], scores.mean(0), reach)
    return low, high


def resampled_interval(
    scores: np.ndarray, reach: tuple[float, float] = PERCENT, draws: int = 2000
) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of a method's mean score by two-level resampling.

    A sample draws as many seeds and as many reviews as there are, both with replacement; all its seeds share the drawn
    reviews, because seeds find the same reviews hard. The interval holds the middle 95 % of the means of `draws`
    samples (Owen's pigeonhole bootstrap, see `students_interval`). Reviews that do not vary look the same in every
    draw, so that interval is then widened to `unvaried_interval`.
    """
    rng = np.random.default_rng(0)
    seeds, reviews = (rng.multinomial(n, np.full(n, 1 / n), size=draws) for n in scores.shape)
    means = (reviews @ scores.T * seeds).sum(1) / scores.size
    low, high = np.percentile(means, [2.5, 97.5])
    by_review = scores.mean(0)
    if not varies(by_review):
        lowest, highest, _ = unvaried_interval(float(by_review.mean()), len(by_review), reach)
        low, high = min(low, lowest), max(high, highest)
    return float(low), float(high)


INTERVAL = Interval(
    "Student's t",
    "adds the two variances (degrees of freedom by Satterthwaite). For a method with one seed it is about that seed "
    "alone. If the reviews do not vary, such as five that are all right, it is exact (Clopper and Pearson).",
    students_interval,
)
# The pages also show this one, for comparison.
RESAMPLED = Interval(
    "two-level resampling",
    "draws seeds and reviews again (the pigeonhole bootstrap). A few seeds drawn again differ less than new seeds "
    "would, so this interval is too narrow where the seeds differ much; quote the other one.",
    resampled_interval,
)


def interval(metric: Metric, labels: Labels, way: Interval = INTERVAL) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of a metric, clipped to the range of its possible values."""
    low, high = way.of_scores(scores_of(metric, labels), (metric.lowest, metric.highest))
    return max(low, metric.lowest), min(high, metric.highest)


def disagreement(predicted: np.ndarray) -> dict[str, float]:
    """Return how far seeds disagree on single reviews: {pairs, disagreement_mean, _std, _lowest, _highest}.

    `predicted` is an array of labels, seeds x reviews. The disagreement of two seeds is the share (%) of reviews to
    which they give different labels (the Hamming distance). With one seed the values are NaN.
    """
    codes = np.unique(predicted, return_inverse=True)[1].reshape(predicted.shape)
    shares = pd.Series(100 * pdist(codes, "hamming") if len(codes) > 1 else [], dtype=float)
    found = {"mean": shares.mean(), "std": shares.std(), "lowest": shares.min(), "highest": shares.max()}
    return {"pairs": len(shares)} | {f"disagreement_{name}": value for name, value in found.items()}


def spread_factors(n_seeds: int) -> tuple[float, float]:
    """Return (low, high): the true standard deviation of normal seeds lies between these multiples of the sample's.

    The confidence is 95 %, from the chi-squared distribution.
    """
    freedom = n_seeds - 1
    low, high = np.sqrt(freedom / stats.chi2.ppf([0.975, 0.025], freedom))
    return low, high
