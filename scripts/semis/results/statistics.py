"""Statistics over seeds and reviews. Accuracies are in percent; `correct` is an array of 0 and 1, seeds x reviews."""

from semis.results.tables import read_table

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import pdist
from statsmodels.stats.multitest import multipletests


def read_predictions(paths, runs):
    """All rows of the predictions.csv `paths`, with what each file is of ({dataset, method, seed} in `runs`)."""
    tables = [read_table(path) for path in paths]
    return pd.concat([table.assign(**run) for table, run in zip(tables, runs, strict=True)])


def by_seed(rows, column):
    """The values of a column of predictions of one method on one split, as an array of seeds x reviews.

    Raises ValueError where the seeds were not evaluated on the same reviews.
    """
    table = rows.pivot(index="seed", columns="row", values=column)
    if table.isna().any(axis=None):
        raise ValueError("the seeds were not evaluated on the same reviews")
    return table.to_numpy()


def correctness(predictions):
    """The array `correct` of one method on one split, from its rows (seed, row, label, prediction) of predictions."""
    right = predictions.assign(right=predictions["label"] == predictions["prediction"])
    return by_seed(right, "right").astype(float)


def spread(accuracies):
    """Mean, population standard deviation (the report's +-) and sample one of the accuracies of several seeds.

    With one seed the sample standard deviation does not exist and is NaN.
    """
    values = np.asarray(accuracies, dtype=float)
    sample = values.std(ddof=1) if len(values) > 1 else np.nan
    return {"mean": values.mean(), "std_population": values.std(), "std_sample": sample}


def mean_interval(parts, mean, confidence=0.95):
    """Interval (low, high) of a mean whose variance is a sum of `parts`, and the two-sided p value that it is 0.

    A part is (variance of the mean from one source, its degrees of freedom). The sum has those of Satterthwaite
    (Biometrics Bulletin 2, 1946); the interval and the p value are Student's. Without any variance the interval is a
    point, and p is 1 at 0 and else 0.
    """
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return mean, mean, float(mean == 0)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts if part)
    student = stats.t(freedom, loc=mean, scale=np.sqrt(variance))
    return *student.interval(confidence), 2 * stats.t.sf(abs(mean) / np.sqrt(variance), freedom)


def from_seeds(correct):
    """What the seeds add to the variance of a method's mean accuracy: [(variance, degrees of freedom)], in points^2.

    With one seed this cannot be known, and nothing is added.
    """
    n_seeds = len(correct)
    return [((100 * correct.mean(1)).var(ddof=1) / n_seeds, n_seeds - 1)] if n_seeds > 1 else []


def from_reviews(values):
    """The same for the choice of the reviews; `values` has one number in points for each review."""
    return [(values.var(ddof=1) / len(values), len(values) - 1)] if len(values) > 1 else []


def standard_errors(correct):
    """What seeds and reviews each add to the standard error of a method's mean accuracy: {se_seeds, se_reviews}.

    In points; NaN where it cannot be known, from one seed or one review.
    """
    parts = {"se_seeds": from_seeds(correct), "se_reviews": from_reviews(100 * correct.mean(0))}
    return {name: np.sqrt(found[0][0]) if found else np.nan for name, found in parts.items()}


def accuracy_interval(correct):
    """95 % interval (low, high) of a method's mean accuracy: how it would move with other seeds and other reviews.

    The variances of seeds and of reviews are added, as for two crossed random effects (on average a little too much:
    Owen, Annals of Applied Statistics 1, 2007). With one seed it holds for that seed alone. It does not make good for
    choosing a checkpoint on the very reviews of `correct`.

    How often it held the true mean (80 %) in simulations: seeds with a standard deviation of 0, 1, 2 or 5 points, 200
    or 1,000 reviews, all as hard as each other or not, 1,000 times each; behind it the same of `resampled_interval`.
    2 seeds: 85 to 98 % (68 to 100 %); 3: 92 to 99 % (80 to 100 %); 5: 93 to 99 % (85 to 100 %); 10: 94 to 99 % (92 to
    100 %). The lowest are always those of 5 points and 1,000 reviews.
    """
    by_review = 100 * correct.mean(0)
    low, high, _ = mean_interval(from_seeds(correct) + from_reviews(by_review), by_review.mean())
    return max(low, 0.0), min(high, 100.0)


def resampled_interval(correct, draws=2000):
    """95 % interval (low, high) of the same by two-level resampling, to be compared with `accuracy_interval`.

    Seeds are drawn with replacement, and for all of them the same reviews, as many as there are of each; the interval
    holds the middle 95 % of the mean accuracies of `draws` such samples (Owen's pigeonhole bootstrap, cited there). A
    few seeds, drawn again, spread less than new ones would: see there what it covers. Other reviews for each seed would
    be worse, since seeds find the same ones hard: that held the true mean in as few as 77 % even with 10 seeds.
    """
    rng = np.random.default_rng(0)
    seeds, reviews = (rng.multinomial(n, np.full(n, 1 / n), size=draws) for n in correct.shape)
    means = 100 * (reviews @ correct.T * seeds).sum(1) / correct.size
    return tuple(np.percentile(means, [2.5, 97.5]))


def disagreement(predicted):
    """How far seeds disagree on single reviews: {pairs, disagreement_mean, _std, _lowest, _highest}.

    `predicted` is an array of labels, seeds x reviews. For each pair of seeds the share of the reviews (%) that they
    label differently is taken (the Hamming distance); the figures sum up the pairs. With one seed they are NaN.
    """
    codes = np.unique(predicted, return_inverse=True)[1].reshape(predicted.shape)
    shares = pd.Series(100 * pdist(codes, "hamming") if len(codes) > 1 else [], dtype=float)
    found = {"mean": shares.mean(), "std": shares.std(), "lowest": shares.min(), "highest": shares.max()}
    return {"pairs": len(shares)} | {f"disagreement_{name}": value for name, value in found.items()}


def spread_factors(n_seeds):
    """Between which factors (low, high) of the sample standard deviation of normal seeds the true one lies, at 95 %."""
    freedom = n_seeds - 1
    return tuple(np.sqrt(freedom / stats.chi2.ppf([0.975, 0.025], freedom)))


def paired_difference(correct_a, correct_b):
    """Difference in mean accuracy of two methods on the same reviews: {difference, ci_low, ci_high, p_value, test, n}.

    The variance is that of the seeds of each method (seed 0 of one has nothing in common with seed 0 of the other) and
    that of the differences review by review. Interval and p value come from one distribution, so they never disagree.

    In simulations of equal methods (2, 3 and 5 seeds whose accuracies differ by 0, 2 or 5 points, 400 and 2,000
    reviews, 600 times each) p was below 0.05 in 0 to 7 % of the cases. A bootstrap over two or three seeds, tried
    first, was so in up to 28 %: it can draw no seed that it has not seen.
    """
    difference, parts, seeds = _differences(correct_a, correct_b)
    low, high, p_value = mean_interval(parts, difference)
    return {
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "p_value": p_value,
        "test": "t test over seeds and reviews" if seeds else "t test over reviews, one seed",
        "n": correct_a.shape[1],
    }


def equivalence(correct_a, correct_b, margin):
    """Whether two methods are equal within +-`margin` points: {difference, ci90_low, ci90_high, equivalent}.

    Two one-sided tests at 5 % (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987): both reject
    where the 90 % interval of the difference lies within the margin. Reviews are paired and seeds not, as in
    `paired_difference`. Not to be equivalent says that too little is known, or that they differ.
    """
    difference, parts, _ = _differences(correct_a, correct_b)
    low, high, _ = mean_interval(parts, difference, 0.9)
    equivalent = bool(-margin < low and high < margin)
    return {"difference": difference, "ci90_low": low, "ci90_high": high, "equivalent": equivalent}


def _differences(correct_a, correct_b):
    """(difference in points, parts of its variance for `mean_interval`, those of them that come from seeds)."""
    if correct_a.shape[1] != correct_b.shape[1]:
        raise ValueError("the methods were not evaluated on the same reviews")
    by_review = 100 * (correct_a.mean(0) - correct_b.mean(0))
    seeds = from_seeds(correct_a) + from_seeds(correct_b)
    difference = round(by_review.mean(), 9)  # no rest of rounding where they are equal
    return difference, seeds + from_reviews(by_review), seeds


def against_majority(predictions, correct):
    """Compare a method with always giving the most frequent label: {majority, p_majority}.

    `predictions` are its rows on one split and `correct` what `correctness` makes of them. majority is the accuracy of
    that label in percent, p_majority the p value of `paired_difference`.
    """
    first = predictions[predictions["seed"] == predictions["seed"].iloc[0]].sort_values("row")
    constant = (first["label"] == first["label"].mode()[0]).to_numpy(dtype=float)[None]
    return {"majority": 100 * constant.mean(), "p_majority": paired_difference(correct, constant)["p_value"]}


def holm(p_values):
    """The p values, corrected for being several (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    return multipletests(p_values, method="holm")[1]
