"""Judges whether the predictions of a method have anything to do with the labels, by its recall of each label.

Accuracy cannot tell: if nine reviews in ten are good, always saying "good" is right in 90 %, and a method that finds
most of the bad ones may have less. The mean of the recalls is the same for every prediction that ignores the reviews.
"""

from semis.results.statistics import SMALLEST_P, Labels, Part, student

import numpy as np

DRAWS = 4999  # permutations; the smallest p value is 1 / 5000
AT_ONCE = 2_000_000  # numbers of the permutations in memory at a time


def against_chance(labels: Labels) -> dict[str, float]:
    """Compare the mean recall of a method with chance: {mean_recall, chance, p_chance}, the first two in percent.

    Chance is the mean recall that the same predictions get on average if the labels are shuffled: 100 % divided by the
    number of labels, or less if a method gives labels that no review has. p_chance is two-sided, and is the larger one
    of two p values, since both must reject (Berger, Technometrics 24, 1982): one for these runs (`permutation_p`), and
    one for other seeds (`seeds_p`), which one seed does not have. If all reviews have the same label, chance and
    p_chance are NaN.
    """
    names, codes = np.unique(labels.true, return_inverse=True)
    given = labels.predicted[:, :, None] == names  # seeds x reviews x labels
    weights = 1 / (len(names) * np.bincount(codes)[codes])  # of a review in the mean recall
    recalls = given[:, np.arange(len(codes)), codes] @ weights
    chances = given.mean(1).mean(1)  # the shares of the labels, divided by the number of labels
    if len(names) < 2:
        return {"mean_recall": 100 * float(recalls.mean()), "chance": np.nan, "p_chance": np.nan}
    shares = given.mean(0)
    p_value = permutation_p(shares, codes, weights)
    if len(recalls) > 1:
        p_value = max(p_value, seeds_p(recalls - chances, permutation_variance(shares, codes, weights), len(codes)))
    return {"mean_recall": 100 * float(recalls.mean()), "chance": 100 * float(chances.mean()), "p_chance": p_value}


def labels_given(labels: Labels) -> int:
    """Return the largest number of different labels that a seed gives; 1 if each seed gives all reviews one label."""
    return max(len(set(given)) for given in labels.predicted)


def permutation_p(shares: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the p value of a permutation test that the predictions of these runs are independent of the labels.

    `shares` (reviews x labels) are the shares of the seeds that give each label; `codes` and `weights` are the label of
    each review and its weight in the mean recall. Shuffling the labels keeps the predictions of all seeds for a review
    together. The p value counts the observed order too, so it is never 0 (Phipson and Smyth, Statistical Applications
    in Genetics and Molecular Biology 9, 2010).
    """
    rng = np.random.default_rng(0)
    n = len(codes)
    expected = shares.mean(0).mean()
    observed = abs(shares[np.arange(n), codes] @ weights - expected)
    extreme, left = 0, DRAWS
    while left:
        draws = min(left, max(1, AT_ONCE // n))
        orders = rng.permuted(np.tile(np.arange(n), (draws, 1)), axis=1)
        found = abs(shares[orders, codes] @ weights - expected)
        extreme, left = extreme + int((found >= observed - 1e-9).sum()), left - draws
    return (1 + extreme) / (1 + DRAWS)


def permutation_variance(shares: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the variance of the mean recall over all shuffles of the labels.

    It is the sum of the squares of d_ij over n - 1, where d_ij is what review i contributes with the label of review j,
    less the means of its row and its column and plus the mean of all (Hoeffding, Annals of Mathematical Statistics 22,
    1951).
    """
    counts = np.bincount(codes)
    per_label = weights[np.unique(codes, return_index=True)[1]]
    contributed = shares * per_label  # of review i with a label, instead of with each review j that has the label
    by_row = contributed @ counts / len(codes)
    deviations = contributed - by_row[:, None] - contributed.mean(0) + by_row.mean()
    return float((deviations**2 @ counts).sum() / (len(codes) - 1))


def seeds_p(differences: np.ndarray, variance: float, n: int) -> float:
    """Return the p value of Student's test that the mean of the seeds' `differences` (recall less chance) is 0.

    The variance of the mean is that over the seeds plus `variance`, that of `n` reviews whose labels are shuffled; the
    degrees of freedom are Satterthwaite's. Without any variance every seed gives all reviews one label, and p is 1.
    """
    seeds = len(differences)
    parts = [Part(float(differences.var(ddof=1)) / seeds, seeds - 1), Part(variance, n - 1)]
    known = [part for part in parts if part.variance > 1e-18]
    return max(student(known, float(differences.mean()))[2], SMALLEST_P) if known else 1.0
