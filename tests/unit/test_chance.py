"""The verdicts on one label for all reviews and on chance, for predictions of which the truth is known."""

from itertools import permutations

from semis.results.chance import against_chance, labels_given, permutation_variance
from semis.results.metrics import METRICS
from semis.results.pages import metrics
from semis.results.statistics import Labels

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from table_summary import summary_table

WORSE, UNSHOWN = "**is worse than one label for all reviews**", "**is not shown to be better or worse than one label"
AT_CHANCE, NO_RELATION = "**is at chance**", "**it is not shown to differ from chance**"
INVERTED, TOLD_APART = "**it is worse than chance**", "it is better than chance, though"
MARKS = [WORSE, UNSHOWN, AT_CHANCE, NO_RELATION, INVERTED, TOLD_APART]


def verdict(true, predicted):
    """Return which of the `MARKS` the summary page has about a method with these labels (seeds x reviews) on test."""
    rows = [
        {"dataset": "d", "method": "m", "seed": seed, "split": split, "row": row, "label": str(t), "prediction": str(p)}
        for split in ("valid", "test")
        for seed, given in enumerate(predicted)
        for row, (t, p) in enumerate(zip(true, given, strict=True))
    ]
    predictions = pd.DataFrame(rows)
    right = predictions.assign(value=100.0 * (predictions["label"] == predictions["prediction"]))
    found = right.groupby(["dataset", "method", "split", "seed"], as_index=False)["value"].mean()
    summary = summary_table(found.assign(metric="accuracy", selection="best"), predictions)
    page = "\n".join(metrics.metric_section(METRICS[0], summary))
    return [mark for mark in MARKS if mark in page]


def imbalanced(recalls=(0.82, 0.76), counts=(200, 22), seeds=1):
    """Return labels whose recalls are these, with these numbers of reviews; every seed finds other reviews."""
    true = np.repeat(np.arange(len(counts)), counts)
    predicted = np.tile((true + 1) % len(counts), (seeds, 1))
    for seed in range(seeds):
        for label, (recall, n) in enumerate(zip(recalls, counts, strict=True)):
            places = np.flatnonzero(true == label)
            predicted[seed, np.roll(places, 7 * seed)[: round(recall * n)]] = label
    return true, predicted


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_method_that_finds_both_labels_is_not_at_chance_although_one_label_is_right_more_often(seeds):
    assert verdict(*imbalanced(seeds=seeds)) == [WORSE, TOLD_APART]


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_truth_is_told(seeds, classes):
    """Perfect, exchanged, constant and random labels, of 2 to 5 classes, with one seed and with several."""
    rng = np.random.default_rng(classes)
    true = np.repeat(np.arange(classes), 30)
    again = np.tile(true, (seeds, 1))
    assert verdict(true, again) == []
    assert verdict(true, (again + 1) % classes) == [WORSE, INVERTED]
    assert verdict(true, 0 * again) == [AT_CHANCE]
    assert verdict(true, again[:, rng.permutation(len(true))]) == [UNSHOWN, NO_RELATION]
    assert verdict(np.zeros(20, int), np.zeros((seeds, 20), int)) == [UNSHOWN]  # chance cannot be judged


def test_each_seed_with_one_label_of_its_own_is_at_chance():
    true = np.repeat([0, 1], 20)
    predicted = np.stack([np.zeros(40, int), np.ones(40, int), np.zeros(40, int)])
    assert verdict(true, predicted) == [AT_CHANCE]
    assert labels_given(Labels(true, predicted)) == 1


def test_five_reviews_decide_nothing():
    """Fisher's exact p value of five right ones is 1 / C(5, 2) = 0.1."""
    true = np.array([0, 0, 0, 1, 1])
    assert NO_RELATION in verdict(true, true[None])
    assert against_chance(Labels(true, true[None]))["p_chance"] == pytest.approx(0.1, abs=0.015)


def test_one_rare_review_that_is_found_may_be_luck():
    """A method gives the rare label to 15 of 300 reviews; that the rare one is among them has the probability 0.05."""
    true = np.array([1] + [0] * 299)
    predicted = np.array([[1] * 15 + [0] * 285])
    found = against_chance(Labels(true, predicted))
    assert found["mean_recall"] == pytest.approx((100 + 100 * 285 / 299) / 2)
    assert found["p_chance"] == pytest.approx(15 / 300, abs=0.01)


def test_seeds_that_go_both_ways_do_not_show_that_the_method_learns():
    """Two seeds are right in 70 % and one in 35 %: the runs are no chance, another seed may be anything."""
    recalls = [(0.7, 0.7), (0.7, 0.7), (0.35, 0.35)]
    parts = [imbalanced(recall, (200, 200)) for recall in recalls]
    found = Labels(parts[0][0], np.concatenate([predicted for _, predicted in parts]))
    assert against_chance(Labels(found.true, found.predicted[:1]))["p_chance"] < 0.001
    assert against_chance(found)["p_chance"] > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_with_two_labels_and_one_seed_the_test_is_nearly_fishers(seed):
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, 2, 40), rng.integers(0, 2, (1, 40))
    predicted[0, :8] = true[:8]
    table = pd.crosstab(true, predicted[0])
    p_fisher = stats.fisher_exact(table).pvalue
    assert against_chance(Labels(true, predicted))["p_chance"] == pytest.approx(p_fisher, abs=0.03)


def test_the_variance_over_shuffles_is_that_of_all_of_them():
    rng = np.random.default_rng(0)
    true = np.array([0, 0, 0, 1, 1, 2])
    shares = (rng.integers(0, 3, (2, 6))[:, :, None] == np.arange(3)).mean(0)
    weights = 1 / (3 * np.bincount(true)[true])
    means = [
        np.mean([np.mean([shares[i, k] for i, j in enumerate(order) if true[j] == k]) for k in range(3)])
        for order in permutations(range(6))
    ]
    assert permutation_variance(shares, true, weights) == pytest.approx(np.var(means))


def test_labels_that_no_review_has_lower_what_chance_gives():
    """A tenth of the reviews get a label that test lacks; nothing else depends on the reviews."""
    true = np.tile([0, 1], 50)
    predicted = np.repeat([0, 1], 50)[None].copy()
    predicted[0, ::10] = predicted[0, 1::10] = 2
    found = against_chance(Labels(true, predicted))
    assert (found["mean_recall"], found["chance"]) == pytest.approx((40, 40)) and found["p_chance"] > 0.9
