"""Simulates how often the intervals and tests of docs/statistics.md are right, and compares with its tables."""

import re
from itertools import product

from semis.results.comparisons import paired_difference
from semis.results.statistics import resampled_interval, students_interval

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
