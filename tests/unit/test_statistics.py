"""Statistics, compared with numbers from other sources."""

import math
from itertools import product

from semis.results.comparisons import against_majority, compare, equivalence, holm, paired_difference
from semis.results.metrics import METRICS, measured
from semis.results.numbers import interval as interval_text
from semis.results.numbers import p_equation, p_value
from semis.results.statistics import (
    INTERVAL,
    RESAMPLED,
    Labels,
    disagreement,
    interval,
    labels_of,
    resampled_interval,
    scores_of,
    spread,
    spread_factors,
    standard_errors,
    students_interval,
)
from semis.results.tables import write_table

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from statsmodels.stats.weightstats import ttost_paired
from table_comparisons import comparisons_table
from table_metrics import metrics_table
from table_spread import spread_table
from table_summary import summary_table

ACCURACY = METRICS[0]

# Best validation accuracies of the report's three seeds, on 200 reviews, and the figures that the report prints.
REPORT = {
    "fairseq-scratch": ([62.5, 64.5, 63.5], "63.5 ± 0.81"),
    "fairseq-pretrained": ([81.5, 78, 82.5], "80.6 ± 1.92"),
    "huggingface-pretrained": ([84, 82, 82], "82.6 ± 0.94"),
}


def cut(value, digits):
    """Return a number as the report prints it: truncated, not rounded."""
    return f"{math.floor(value * 10**digits) / 10**digits:.{digits}f}"


def test_the_reports_nine_accuracies_give_its_figures():
    """The predictions of nine runs, through the tables, give the means and standard deviations of the report."""
    predictions, runs = [], []
    for method, (best, _) in REPORT.items():
        for seed, accuracy in enumerate(best):
            rows = [("valid", row, 1, int(row < 2 * accuracy), 1.0) for row in range(200)]
            run = {"dataset": "cls-books", "method": method, "seed": seed}
            columns = ["split", "row", "label", "prediction", "probability"]
            predictions.append(pd.DataFrame(rows, columns=columns).assign(**run))
            found, n = measured(rows)
            runs.append({**run, "model": "small", "checkpoint": {"selection": "best"}, **found, "n": n})
    table = summary_table(metrics_table(runs), pd.concat(predictions))
    table = table[table["metric"] == "accuracy"].set_index("method")
    assert list(table.index) == list(REPORT)  # the order of the config
    for method, (best, printed) in REPORT.items():
        row = table.loc[method]
        assert f"{cut(row['mean'], 1)} ± {cut(row['std_population'], 2)}" == printed
        assert row["std_sample"] == pytest.approx(row["std_population"] * math.sqrt(1.5))
        assert row["ci_low"] < min(best) and row["ci_high"] > max(best)
    again = [spread_table(pd.concat(predictions)).to_csv() for _ in range(2)]
    assert again[0] == again[1]


def test_one_seed_has_no_spread():
    assert np.isnan(spread([63.5])["std_sample"])
    found = disagreement(np.array([["1", "0"]]))
    assert found["pairs"] == 0 and np.isnan(found["disagreement_mean"])
    labels = Labels(np.array([1, 1]), np.array([[1, 0]]))
    assert np.isnan(standard_errors(ACCURACY, labels)["se_seeds"])


def test_seeds_and_reviews_each_have_their_standard_error():
    """Seeds with 75 and 25 % have the error 50 / sqrt(2) / sqrt(2), reviews with 100, 50, 50, 0 % 40.82 / sqrt(4)."""
    labels = Labels(np.ones(4), np.array([[1, 1, 1, 0], [1, 0, 0, 0]]))
    found = standard_errors(ACCURACY, labels)
    assert found["se_seeds"] == pytest.approx(25) and found["se_reviews"] == pytest.approx(40.8248 / 2, abs=1e-3)


def test_an_interval_stays_within_the_range_of_its_metric():
    labels = Labels(np.ones(4), np.array([[1, 1, 1, 0], [1, 1, 1, 1]]))
    low, high = interval(ACCURACY, labels)
    assert 0 <= low < 87.5 and high == 100
    assert INTERVAL.of_scores(scores_of(ACCURACY, labels))[1] > 100


def test_a_metric_that_is_not_a_mean_over_reviews_has_no_closed_form():
    metric = type(ACCURACY)("x", "x", "%", value=lambda labels, predicted: 1.0)
    with pytest.raises(ValueError, match="x is not the mean"):
        interval(metric, Labels(np.ones(2), np.ones((2, 2))))


def test_seeds_disagree_on_reviews_with_different_labels():
    found = disagreement(np.array([list("aabbb"), list("abbbb"), list("bbbbb")]))
    assert found["pairs"] == 3
    assert found["disagreement_mean"] == pytest.approx(80 / 3)  # 20, 40 and 20 %
    assert (found["disagreement_lowest"], found["disagreement_highest"]) == (20, 40)
    assert found["disagreement_std"] == pytest.approx(np.std([20, 40, 20], ddof=1))


def test_three_seeds_know_their_spread_within_a_factor_of_half_to_six():
    """By tables of chi-squared, the squares of the factors are 2 / 7.378 and 2 / 0.0506."""
    assert spread_factors(3) == pytest.approx((0.5207, 6.285), abs=1e-3)


def test_one_seed_gives_nearly_the_binomial_interval():
    scores = np.zeros((1, 400))
    scores[0, :280] = 100
    low, high = students_interval(scores)
    half = 1.96 * 100 * np.sqrt(0.7 * 0.3 / 400)
    assert low == pytest.approx(70 - half, abs=0.6) and high == pytest.approx(70 + half, abs=0.6)


def test_resampling_one_seed_gives_nearly_the_binomial_interval():
    scores = np.zeros((1, 400))
    scores[0, :280] = 100
    half = 1.96 * 100 * np.sqrt(0.7 * 0.3 / 400)
    assert resampled_interval(scores) == pytest.approx((70 - half, 70 + half), abs=0.6)


def test_resampling_draws_seeds_and_reviews():
    """With seeds that never err and one that always does, the mean accuracy of drawn seeds has five possible values."""
    seeds_alone = np.array([[100.0] * 50, [100.0] * 50, [100.0] * 50, [0.0] * 50])
    assert resampled_interval(seeds_alone) == (25, 100)
    reviews_alone = np.tile([100.0] * 30 + [0.0] * 20, (4, 1))
    low, high = resampled_interval(reviews_alone)
    assert low == pytest.approx(60 - 13.6, abs=2) and high == pytest.approx(60 + 13.6, abs=2)


def test_three_seeds_far_apart_are_covered_by_students_t_and_less_so_by_resampling():
    """For seeds that differ by 5 points around 75 %, 95 % of Student's intervals cover 75 %, fewer by resampling."""
    rng = np.random.default_rng(4)
    held = np.zeros(2)
    for _ in range(300):
        accuracies = np.clip(rng.normal(0.75, 0.05, (3, 1)), 0, 1)
        scores = 100.0 * (rng.random((3, 300)) < accuracies)
        intervals = [students_interval(scores), resampled_interval(scores, draws=400)]
        held += [low <= 75 <= high for low, high in intervals]
    assert held[0] > 0.92 * 300 > held[1]


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    alike = np.tile(100.0 * (rng.random(300) < 0.8), (3, 1))
    apart = np.stack([100.0 * (rng.random(300) < p) for p in (0.7, 0.8, 0.9)])
    assert np.ptp(students_interval(apart)) > 1.3 * np.ptp(students_interval(alike))


@pytest.mark.parametrize(("right", "chance"), [(0.5, True), (0.75, True), (0.97, False)])
def test_a_method_at_chance_does_not_differ_from_one_label_for_all_reviews(right, chance):
    """Three in four of 200 reviews have the label b; two seeds predict it by chance, or because they have learned."""
    labels = ["b" if row % 4 else "a" for row in range(200)]
    rng = np.random.default_rng(2)
    rows = [
        (seed, row, label, label if rng.random() < right else "ab".replace(label, ""))
        for seed in (0, 1)
        for row, label in enumerate(labels)
    ]
    predictions = pd.DataFrame(rows, columns=["seed", "row", "label", "prediction"]).sample(frac=1, random_state=0)
    found = against_majority(ACCURACY, labels_of(predictions))
    assert found["majority"] == 75
    better = predictions["label"].eq(predictions["prediction"]).mean() > 0.75 and found["p_majority"] < 0.05
    assert better != chance


def test_always_one_label_is_exactly_at_chance():
    predictions = pd.DataFrame({"seed": 0, "row": range(4), "label": list("abbb"), "prediction": "b"})
    assert against_majority(ACCURACY, labels_of(predictions)) == {"majority": 75.0, "p_majority": 1.0}


def test_a_method_does_not_differ_from_itself_and_does_from_a_far_better_one():
    rng = np.random.default_rng(1)
    weak, strong = (100.0 * (rng.random((3, 500)) < p) for p in (0.6, 0.8))
    same = paired_difference(weak, weak)
    assert same["difference"] == 0 and same["ci_low"] <= 0 <= same["ci_high"] and same["p_value"] > 0.5
    found = paired_difference(strong, weak)
    assert found["difference"] == pytest.approx(strong.mean() - weak.mean())
    assert found["ci_low"] > 0 and found["p_value"] < 0.01 and found["n"] == 500


def test_the_p_value_and_the_interval_agree():
    rng = np.random.default_rng(2)
    for gap in (0, 0.02, 0.04, 0.06, 0.08):
        found = paired_difference(*(100.0 * (rng.random((3, 300)) < p) for p in (0.7 + gap, 0.7)))
        assert (found["p_value"] < 0.05) == (found["ci_low"] > 0 or found["ci_high"] < 0)


def test_holm_is_the_textbooks():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_seeds_must_be_evaluated_on_the_same_reviews():
    rows = pd.DataFrame({"seed": [0, 0, 1], "row": [0, 1, 0], "label": ["1"] * 3, "prediction": ["1", "0", "1"]})
    with pytest.raises(ValueError, match="same reviews"):
        labels_of(rows)
    found = labels_of(rows[rows["seed"] == 0])
    assert (found.true.tolist(), found.predicted.tolist()) == (["1", "1"], [["1", "0"]])
    assert scores_of(ACCURACY, found).tolist() == [[100.0, 0.0]]


def test_methods_are_compared_in_the_order_of_the_config_and_corrected_by_metric():
    rng = np.random.default_rng(7)
    rows = [
        {"dataset": "d", "method": m, "seed": s, "row": r, "label": "1", "prediction": str(int(rng.random() < p))}
        for m, p in (("z", 0.9), ("a", 0.5), ("m", 0.6))
        for s in (0, 1)
        for r in range(80)
    ]
    table = comparisons_table(pd.DataFrame(rows))
    assert list(zip(table["method_a"], table["method_b"])) == [("z", "a"), ("z", "m"), ("a", "m")]
    assert set(table["metric"]) == {"accuracy"} and table["p_holm"].tolist() == list(holm(table["p_value"]))
    labels = {m: labels_of(pd.DataFrame(rows).query("method == @m")) for m in ("z", "a")}
    assert table["difference"][0] == compare(ACCURACY, labels["z"], labels["a"])["difference"] > 0


@pytest.mark.parametrize(
    ("p", "cell", "equation"),
    [(0.0, "< 0.001", "p < 0.001"), (0.00099, "< 0.001", "p < 0.001"), (0.0012, "0.001", "p = 0.001")],
)
def test_no_p_value_is_zero(p, cell, equation):
    assert (p_value(p), p_equation(p)) == (cell, equation)


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_methods_rarely_differ_significantly(seeds):
    """Seeds of equal methods that differ by 5 points by chance must not make one method look better."""
    rng = np.random.default_rng(3)

    def method():
        accuracies = np.clip(rng.normal(0.75, 0.05, (seeds, 1)), 0, 1)
        return 100.0 * (rng.random((seeds, 1000)) < accuracies)

    found = [paired_difference(method(), method())["p_value"] < 0.05 for _ in range(400)]
    assert np.mean(found) < 0.09  # the level is 5 %; three standard errors of 400 draws above it are 8.3 %


def test_equivalence_is_that_of_two_one_sided_tests():
    """With one seed each, only the reviews add to the variance, so statsmodels' paired test gives the same result."""
    rng = np.random.default_rng(5)
    decided = set()
    for share in (0.002, 0.02, 0.05, 0.1):
        one = 100.0 * (rng.random((1, 1000)) < 0.8)
        other = np.where(rng.random((1, 1000)) < share, 100 - one, one)
        found = equivalence(one, other, 2)
        p_value, *_ = ttost_paired(one[0], other[0], -2, 2)
        assert found["equivalent"] == (p_value < 0.05)
        decided.add(found["equivalent"])
    assert decided == {True, False}


def test_methods_two_points_apart_are_rarely_called_equal_within_two_points():
    rng = np.random.default_rng(6)

    def method(accuracy):
        seeds = np.clip(rng.normal(accuracy, 0.01, (5, 1)), 0, 1)
        return 100.0 * (rng.random((5, 1000)) < seeds)

    found = [equivalence(method(0.72), method(0.7), 2)["equivalent"] for _ in range(400)]
    assert np.mean(found) < 0.09  # the level is 5 %, as above


def table_of(right, seeds=1):
    """Return the labels of a method that is right or wrong on each review, the same with every seed."""
    right = np.asarray(right, dtype=int)
    return Labels(np.ones(len(right), int), np.tile(right, (seeds, 1)))


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 5, 20, 500])
@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("way", [INTERVAL, RESAMPLED])
def test_reviews_that_are_all_right_or_all_wrong_have_the_interval_of_clopper_and_pearson(right, n, seeds, way):
    exact = binomtest(n * right, n).proportion_ci(method="exact")
    assert interval(ACCURACY, table_of([right] * n, seeds), way) == pytest.approx((100 * exact.low, 100 * exact.high))


def test_twenty_seeds_on_one_review_know_no_more_than_one_review():
    labels = Labels(np.ones(1), np.ones((20, 1)))
    labels.predicted[0] = 0
    low, high = interval(ACCURACY, labels)
    assert low < 2.5 and high > 97.5


@pytest.mark.parametrize("n", [1, 5, 6, 40])
def test_a_method_that_is_always_right_where_the_other_is_wrong_has_mcnemars_p_value(n):
    found = compare(ACCURACY, table_of([1] * n, 2), table_of([0] * n, 3))
    assert found["p_value"] == pytest.approx(binomtest(n, n).pvalue)
    assert found["ci_high"] == 100 and (found["ci_low"] > 0) == (found["p_value"] < 0.05)
    again = compare(ACCURACY, table_of([0] * n), table_of([1] * n))
    assert (again["p_value"], again["ci_high"]) == (pytest.approx(found["p_value"]), pytest.approx(-found["ci_low"]))


@pytest.mark.parametrize("n", [1, 5, 200])
def test_methods_with_equal_results_may_differ_on_other_reviews(n):
    """On up to 1 - 0.025 ** (1 / n) of all reviews, by Clopper and Pearson, one may be right and the other wrong."""
    found = compare(ACCURACY, table_of([1] * n), table_of([1] * n))
    most = 100 * binomtest(0, n).proportion_ci(method="exact").high
    assert (found["difference"], found["p_value"]) == (0, 1)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((-most, most))
    equal = 100.0 * np.ones((1, n))
    assert equivalence(equal, equal, 2)["equivalent"] == (n == 200)


def test_no_interval_has_the_width_0_and_no_p_value_is_0():
    """All tables of up to two seeds and three reviews, and some pairs of them."""
    rng = np.random.default_rng(0)
    tables = [
        Labels(np.ones(n), np.array(cells).reshape(seeds, n))
        for seeds, n in product((1, 2), (1, 2, 3))
        for cells in product((0, 1), repeat=seeds * n)
    ]
    for labels in tables:
        for way in (INTERVAL, RESAMPLED):
            low, high = interval(ACCURACY, labels, way)
            mean = 100 * labels.predicted.mean()
            assert 0 <= low <= mean <= high <= 100 and high - low > 20
        assert all(np.isnan(error) or error > 0 for error in standard_errors(ACCURACY, labels).values())
    for a, b in product(tables, tables):
        if a.predicted.shape == b.predicted.shape and rng.random() < 0.2:
            found = compare(ACCURACY, a, b)
            assert found["ci_high"] - found["ci_low"] > 20 and 0 < found["p_value"] <= 1
            assert (found["p_value"] < 0.05) == (found["ci_low"] > 0 or found["ci_high"] < 0)


def test_a_p_value_that_a_computer_rounds_to_0_is_not_0():
    rng = np.random.default_rng(0)
    right = 100.0 * (rng.random((1, 100_000)) < 0.99)
    found = paired_difference(right, 100 - right)
    assert 0 < found["p_value"] < 1e-300


def test_a_table_keeps_the_digits_of_p_values(tmp_path):
    file = tmp_path / "t.csv"
    write_table(pd.DataFrame({"m": ["a"], "mean": [1 / 3], "p_value": [1.23456789e-30], "p_holm": [0.04999]}), file)
    assert file.read_text() == "m,mean,p_value,p_holm\na,0.3333,1.23456789e-30,0.04999\n"


@pytest.mark.parametrize(
    ("low", "high", "sign", "text"),
    [
        (60, 70.04, "", "60.0 to 70.0"),
        (99.97, 100, "", "99.97 to 100.00"),
        (-0.004, 0.004, "+", "-0.004 to +0.004"),
        (-1, 2.25, "+", "-1.0 to +2.2"),
    ],
)
def test_the_ends_of_an_interval_never_look_equal(low, high, sign, text):
    assert interval_text(low, high, sign) == text
