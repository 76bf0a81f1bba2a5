"""Statistics: against figures that can be had without the code."""

import math

from semis.predictions import accuracies
from semis.statistics import (
    accuracy_interval,
    against_majority,
    correctness,
    disagreement,
    equivalence,
    holm,
    paired_difference,
    resampled_interval,
    spread,
    spread_factors,
    standard_errors,
)

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import ttost_paired
from table_accuracy import accuracy_table
from table_spread import spread_table
from table_summary import summary_table

# Best validation accuracies of the report's three seeds, on 200 reviews, and what it prints for them.
REPORT = {
    "fairseq-scratch": ([62.5, 64.5, 63.5], "63.5 ± 0.81"),
    "fairseq-pretrained": ([81.5, 78, 82.5], "80.6 ± 1.92"),
    "huggingface-pretrained": ([84, 82, 82], "82.6 ± 0.94"),
}


def cut(value, digits):
    """A number as the report prints it: cut off, not rounded."""
    return f"{math.floor(value * 10**digits) / 10**digits:.{digits}f}"


def test_the_reports_nine_accuracies_give_its_figures():
    """From the predictions of nine runs, through the tables, to the means and standard deviations that it prints."""
    predictions, runs = [], []
    for method, (best, _) in REPORT.items():
        for seed, accuracy in enumerate(best):
            rows = [("valid", row, 1, int(row < 2 * accuracy), 1.0) for row in range(200)]
            run = {"dataset": "cls-books", "method": method, "seed": seed}
            columns = ["split", "row", "label", "prediction", "probability"]
            predictions.append(pd.DataFrame(rows, columns=columns).assign(**run))
            found, n = accuracies(rows)
            runs.append({**run, "checkpoint": {"selection": "best"}, "accuracy": found, "n": n})
    table = summary_table(accuracy_table(runs), pd.concat(predictions)).set_index("method")
    for method, (best, printed) in REPORT.items():
        row = table.loc[method]
        assert f"{cut(row['mean'], 1)} ± {cut(row['std_population'], 2)}" == printed
        assert row["std_sample"] == pytest.approx(row["std_population"] * math.sqrt(1.5))
        assert row["ci_low"] < min(best) and row["ci_high"] > max(best)
    again = [spread_table(pd.concat(predictions)).to_csv() for _ in range(2)]
    assert again[0] == again[1]


def test_of_one_seed_no_spread_is_known():
    assert np.isnan(spread([63.5])["std_sample"])
    found = disagreement(np.array([["1", "0"]]))
    assert found["pairs"] == 0 and np.isnan(found["disagreement_mean"])
    assert np.isnan(standard_errors(np.array([[1.0, 0.0]]))["se_seeds"])


def test_seeds_disagree_on_the_reviews_that_they_label_differently():
    found = disagreement(np.array([list("aabbb"), list("abbbb"), list("bbbbb")]))
    assert found["pairs"] == 3
    assert found["disagreement_mean"] == pytest.approx(80 / 3)  # 20, 40 and 20 %
    assert (found["disagreement_lowest"], found["disagreement_highest"]) == (20, 40)
    assert found["disagreement_std"] == pytest.approx(np.std([20, 40, 20], ddof=1))


def test_three_seeds_know_their_spread_within_a_factor_of_half_to_six():
    """From tables of chi-squared: 2 / 7.378 and 2 / 0.0506 are the squares."""
    assert spread_factors(3) == pytest.approx((0.5207, 6.285), abs=1e-3)


def test_one_seed_gives_nearly_the_binomial_interval():
    correct = np.zeros((1, 400))
    correct[0, :280] = 1
    low, high = accuracy_interval(correct)
    half = 1.96 * 100 * np.sqrt(0.7 * 0.3 / 400)
    assert low == pytest.approx(70 - half, abs=0.6) and high == pytest.approx(70 + half, abs=0.6)


def test_resampling_one_seed_gives_nearly_the_binomial_interval():
    correct = np.zeros((1, 400))
    correct[0, :280] = 1
    half = 1.96 * 100 * np.sqrt(0.7 * 0.3 / 400)
    assert resampled_interval(correct) == pytest.approx((70 - half, 70 + half), abs=0.6)


def test_resampling_draws_seeds_and_reviews():
    """Seeds that never err beside one that always does: the mean accuracy of drawn seeds is one of five values."""
    seeds_alone = np.array([[1.0] * 50, [1.0] * 50, [1.0] * 50, [0.0] * 50])
    assert resampled_interval(seeds_alone) == (25, 100)
    reviews_alone = np.tile([1.0] * 30 + [0.0] * 20, (4, 1))
    low, high = resampled_interval(reviews_alone)
    assert low == pytest.approx(60 - 13.6, abs=2) and high == pytest.approx(60 + 13.6, abs=2)


def test_three_seeds_far_apart_are_covered_by_students_t_and_less_so_by_resampling():
    """Seeds that differ by 5 points around 75 %: a 95 % interval holds 75 % that often, resampling clearly less."""
    rng = np.random.default_rng(4)
    held = np.zeros(2)
    for _ in range(300):
        accuracies = np.clip(rng.normal(0.75, 0.05, (3, 1)), 0, 1)
        correct = (rng.random((3, 300)) < accuracies).astype(float)
        intervals = [accuracy_interval(correct), resampled_interval(correct, draws=400)]
        held += [low <= 75 <= high for low, high in intervals]
    assert held[0] > 0.92 * 300 > held[1]


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    alike = np.tile(rng.random(300) < 0.8, (3, 1)).astype(float)
    apart = np.stack([rng.random(300) < p for p in (0.7, 0.8, 0.9)]).astype(float)
    assert np.ptp(accuracy_interval(apart)) > 1.3 * np.ptp(accuracy_interval(alike))


@pytest.mark.parametrize(("right", "chance"), [(0.5, True), (0.75, True), (0.97, False)])
def test_a_method_at_chance_is_not_told_from_one_label_for_all_reviews(right, chance):
    """Of 200 reviews 3 in 4 have the label b, which two seeds give by chance, or by what they have learned."""
    labels = ["b" if row % 4 else "a" for row in range(200)]
    rng = np.random.default_rng(2)
    rows = [
        (seed, row, label, label if rng.random() < right else "ab".replace(label, ""))
        for seed in (0, 1)
        for row, label in enumerate(labels)
    ]
    predictions = pd.DataFrame(rows, columns=["seed", "row", "label", "prediction"]).sample(frac=1, random_state=0)
    found = against_majority(predictions, correctness(predictions))
    assert found["majority"] == 75
    better = predictions["label"].eq(predictions["prediction"]).mean() > 0.75 and found["p_majority"] < 0.05
    assert better != chance


def test_always_one_label_is_exactly_at_chance():
    predictions = pd.DataFrame({"seed": 0, "row": range(4), "label": list("abbb"), "prediction": "b"})
    assert against_majority(predictions, correctness(predictions)) == {"majority": 75.0, "p_majority": 1.0}


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


def test_equivalence_is_that_of_two_one_sided_tests():
    """Of one seed each, where only the reviews add to the variance, statsmodels' paired test is the same."""
    rng = np.random.default_rng(5)
    decided = set()
    for share in (0.002, 0.02, 0.05, 0.1):
        one = (rng.random((1, 1000)) < 0.8).astype(float)
        other = np.where(rng.random((1, 1000)) < share, 1 - one, one)
        found = equivalence(one, other, 2)
        p_value, *_ = ttost_paired(100 * one[0], 100 * other[0], -2, 2)
        assert found["equivalent"] == (p_value < 0.05)
        decided.add(found["equivalent"])
    assert decided == {True, False}


def test_methods_two_points_apart_are_seldom_called_equal_within_two_points():
    rng = np.random.default_rng(6)

    def method(accuracy):
        seeds = np.clip(rng.normal(accuracy, 0.01, (5, 1)), 0, 1)
        return (rng.random((5, 1000)) < seeds).astype(float)

    found = [equivalence(method(0.72), method(0.7), 2)["equivalent"] for _ in range(400)]
    assert np.mean(found) < 0.09  # 5 % is meant, as above
