"""Simulates how often the intervals and tests of docs/statistics.md are right, and compares with its tables."""

import re
from itertools import product

from semis.results.chance import against_chance
from semis.results.comparisons import paired_difference
from semis.results.statistics import Labels, resampled_interval, students_interval

import numpy as np
import pytest
from conftest import ROOT
from scipy import stats

pytestmark = pytest.mark.long
PAGE = (ROOT / "docs" / "statistics.md").read_text()
# {seeds: lowest and highest share (%) of Student's t, and of resampling} in the table of the page
TABLE = {
    int(seeds): tuple(map(int, shares))
    for seeds, *shares in re.findall(r"^\| (\d+) \| (\d+) to (\d+) % \| (\d+) to (\d+) % \|", PAGE, re.M)
}
TRUE, REPEATS = 0.8, 1000


def scores(rng, seeds, reviews, deviation, difficulty):
    """Return scores of 0 and 100 (seeds x reviews) of seeds around 80 % with this standard deviation (points).

    With `difficulty` some reviews are harder than others, for all seeds alike.
    """
    accuracy = np.clip(rng.normal(TRUE, deviation / 100, (seeds, 1)), 0, 1)
    if difficulty:
        ease = rng.beta(2 * TRUE, 2 * (1 - TRUE), (1, reviews))  # its mean is 80 %
        quantile = stats.norm.ppf
        moved = stats.norm.cdf(quantile(np.clip(ease, 1e-9, 1 - 1e-9)) + quantile(accuracy) - quantile(TRUE))
        return 100.0 * (rng.random((seeds, reviews)) < moved)
    return 100.0 * (rng.random((seeds, reviews)) < accuracy)


def test_the_page_has_a_table():
    assert sorted(TABLE) == [2, 3, 5, 10]


@pytest.mark.parametrize("seeds", sorted(TABLE))
def test_intervals_hold_the_true_mean_as_often_as_the_page_says(seeds):
    """The tolerance is three points: each of the 16 simulated shares has a standard error of 0.7 points."""
    found = []
    for deviation, reviews, difficulty in product([0, 1, 2, 5], [200, 1000], [False, True]):
        rng = np.random.default_rng([seeds, deviation, reviews, difficulty])
        drawn = [scores(rng, seeds, reviews, deviation, difficulty) for _ in range(REPEATS)]
        true = np.mean([one.mean() for one in drawn])
        intervals = [(students_interval(one), resampled_interval(one, draws=400)) for one in drawn]
        found.append([100 * np.mean([low <= true <= high for low, high in way]) for way in zip(*intervals)])
    lowest, highest = np.min(found, axis=0), np.max(found, axis=0)
    said = TABLE[seeds]
    print(seeds, lowest, highest)
    assert said[0] - 3 <= lowest[0] and highest[0] <= said[1] + 3
    assert said[2] - 3 <= lowest[1] and highest[1] <= said[3] + 3


@pytest.mark.parametrize(("seeds", "deviation", "reviews"), list(product([2, 3, 5], [0, 2, 5], [400, 2000])))
def test_equal_methods_are_seldom_told_apart(seeds, deviation, reviews):
    """The page says p < 0.05 in 0 to 7 % of 600 studies; with two standard errors, that is at most 9 %."""
    rng = np.random.default_rng([seeds, deviation, reviews])
    pairs = ([scores(rng, seeds, reviews, deviation, False) for _ in "ab"] for _ in range(600))
    assert np.mean([paired_difference(*pair)["p_value"] < 0.05 for pair in pairs]) <= 0.09


@pytest.mark.parametrize(("true", "n", "seeds"), list(product([0.02, 0.3, 0.5, 0.9, 0.99], [1, 2, 5, 20, 100], [1, 3])))
def test_exact_intervals_seldom_miss(true, n, seeds):
    """Of all studies, at most 2.5 % have reviews that are all right, or all wrong, and an interval without the truth.

    The seeds give the same labels. Three standard errors of 10,000 studies are half a point.
    """
    rng = np.random.default_rng([int(100 * true), n, seeds])
    missed = 0
    for _ in range(10_000):
        right = rng.random(n) < true
        if right.all() or not right.any():
            low, high = students_interval(100.0 * np.tile(right, (seeds, 1)))
            missed += not low <= 100 * true <= high
    assert missed <= 300


@pytest.mark.parametrize(("better", "worse", "n"), list(product([0.001, 0.02, 0.5, 0.85], [0, 0.02, 0.1], [2, 5, 50])))
def test_exact_intervals_of_differences_seldom_miss(better, worse, n):
    """As above, for two methods: the shares of reviews on which the first or the second alone is right."""
    rng = np.random.default_rng([int(1000 * better), int(1000 * worse), n])
    missed = 0
    for _ in range(10_000):
        by_review = rng.choice([1, -1, 0], n, p=[better, worse, 1 - better - worse])
        if not np.ptp(by_review):
            found = paired_difference(100.0 * (by_review[None] == 1), 100.0 * (by_review[None] == -1))
            missed += not found["ci_low"] <= 100 * (better - worse) <= found["ci_high"]
    assert missed <= 300


def unrelated(rng, kind, seeds, counts):
    """Return labels, and predictions (seeds x reviews) that have nothing to do with them on average over the seeds."""
    true, classes = np.repeat(np.arange(len(counts)), counts), len(counts)
    shape = (seeds, len(true))
    guesses = rng.integers(0, classes, shape)
    if kind == "mostly one label":
        return Labels(true, np.where(rng.random(shape) < 0.8, 0, guesses))
    if kind == "seeds alike":
        return Labels(true, np.where(rng.random(shape) < 0.8, rng.integers(0, classes, len(true)), guesses))
    if kind == "seeds for or against":  # such as heads that nothing has trained
        right = rng.random(shape) < 0.5 + rng.normal(0, 0.05, (seeds, 1))
        return Labels(true, np.where(right, true, 1 - true))
    return Labels(true, guesses)


KINDS = ["guesses", "mostly one label", "seeds alike", "seeds for or against"]
COUNTS = [[100, 100], [200, 22], [300, 1], [3, 2], [50, 30, 10], [40, 40, 40, 40, 3]]


@pytest.mark.parametrize(("kind", "seeds", "counts"), list(product(KINDS, [1, 2, 3, 5], COUNTS)), ids=str)
def test_chance_is_seldom_taken_for_more(kind, seeds, counts):
    """The page says p < 0.05 in at most 7.5 % of 200 studies, for a level of 5 %; one standard error is 1.5 points."""
    if kind == "seeds for or against" and (seeds == 1 or len(counts) > 2):
        pytest.skip("one seed is judged alone, and exchanging is for two labels")
    rng = np.random.default_rng([KINDS.index(kind), seeds, *counts])
    found = [against_chance(unrelated(rng, kind, seeds, counts))["p_chance"] < 0.05 for _ in range(200)]
    assert np.mean(found) <= 0.09


@pytest.mark.parametrize(("seeds", "share"), [(1, 1), (2, 0.88), (3, 1), (5, 1)])
def test_recalls_of_82_and_76_percent_are_told_from_chance(seeds, share):
    """The shares are those of the page; two seeds know little of a third."""
    rng = np.random.default_rng(seeds)
    true = np.repeat([0, 1], [200, 22])
    found = [
        against_chance(Labels(true, np.where(rng.random((seeds, 222)) < np.where(true, 0.76, 0.82), true, 1 - true)))
        for _ in range(200)
    ]
    assert np.mean([one["p_chance"] < 0.05 for one in found]) > share - 0.05
