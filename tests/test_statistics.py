"""Statistics: against figures that can be had without the code."""

from semis.statistics import accuracy_interval, correctness, holm, paired_difference, spread

import numpy as np
import pandas as pd
import pytest


def test_spread_is_the_reports_for_its_three_seeds():
    found = spread([62.5, 64.5, 63.5])
    assert found["mean"] == 63.5
    assert found["std_population"] == pytest.approx(0.8165, abs=1e-4)  # the report's 0.81, cut off after two digits
    assert found["std_sample"] == pytest.approx(1.0)
    assert np.isnan(spread([63.5])["std_sample"])


def test_one_seed_gives_nearly_the_binomial_interval():
    correct = np.zeros((1, 400))
    correct[0, :280] = 1
    low, high = accuracy_interval(correct)
    half = 1.96 * 100 * np.sqrt(0.7 * 0.3 / 400)
    assert low == pytest.approx(70 - half, abs=0.6) and high == pytest.approx(70 + half, abs=0.6)


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    alike = np.tile(rng.random(300) < 0.8, (3, 1)).astype(float)
    apart = np.stack([rng.random(300) < p for p in (0.7, 0.8, 0.9)]).astype(float)
    assert np.ptp(accuracy_interval(apart)) > 1.3 * np.ptp(accuracy_interval(alike))


def test_a_method_does_not_differ_from_itself_and_does_from_a_far_better_one():
    rng = np.random.default_rng(1)
    weak, strong = (rng.random((3, 500)) < p for p in (0.6, 0.8))
    same = paired_difference(weak.astype(float), weak.astype(float))
    assert same["difference"] == 0 and same["ci_low"] <= 0 <= same["ci_high"] and same["p_value"] > 0.5
    found = paired_difference(strong.astype(float), weak.astype(float))
    assert found["difference"] == pytest.approx(100 * (strong.mean() - weak.mean()))
    assert found["ci_low"] > 0 and found["p_value"] < 0.01 and found["n"] == 500


def test_the_p_value_and_the_interval_agree():
    rng = np.random.default_rng(2)
    for gap in (0, 0.02, 0.04, 0.06, 0.08):
        found = paired_difference(*((rng.random((3, 300)) < p).astype(float) for p in (0.7 + gap, 0.7)))
        assert (found["p_value"] < 0.05) == (found["ci_low"] > 0 or found["ci_high"] < 0)


def test_holm_is_the_textbooks():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_seeds_must_have_seen_the_same_reviews():
    rows = pd.DataFrame({"seed": [0, 0, 1], "row": [0, 1, 0], "label": ["1"] * 3, "prediction": ["1", "0", "1"]})
    with pytest.raises(ValueError, match="same reviews"):
        correctness(rows)
    assert correctness(rows[rows["seed"] == 0]).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_methods_are_seldom_told_apart(seeds):
    """Seeds that differ by 5 points, as those of equal methods do by luck, make no method better than another."""
    rng = np.random.default_rng(3)

    def method():
        accuracies = np.clip(rng.normal(0.75, 0.05, (seeds, 1)), 0, 1)
        return (rng.random((seeds, 1000)) < accuracies).astype(float)

    found = [paired_difference(method(), method())["p_value"] < 0.05 for _ in range(400)]
    assert np.mean(found) < 0.09  # 5 % is meant; three times the error of 400 draws above it is 8.3 %
