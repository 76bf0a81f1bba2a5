"""The reader's page, from tables as a study leaves them."""

import pandas as pd
import pytest
import summary
from conftest import ROOT

PUBLISHED = pd.read_csv(ROOT / "report" / "published.csv", dtype=str, keep_default_na=False)
COUNTS = {
    "unquantized": 559214592,
    "before_lora": {"trainable": 257003520, "all": 408219648, "percent": 62.957166},
    "after_lora": {"trainable": 1572864, "all": 409792512, "percent": 0.38382},
}


def report_tables():
    """Tables as the report's own study would have left them, as far as it is published."""
    row = {"dataset": "cls-books", "method": "fairseq-scratch", "ci_low": 60.0, "ci_high": 66.0}
    summary = [
        {**row, "split": "valid", "mean": 63.5, "std_population": 0.8165},
        {**row, "split": "test", "mean": 63.0, "std_population": 1.0},
    ]
    reviews = {"train": 1800, "valid": 200, "test": 2000}
    checks = [{"dataset": "cls-books", "split": s, "check": "reviews", "value": n} for s, n in reviews.items()]
    tokens = {"dataset": "cls-books", "model": "roberta-small-fr", "split": "train"}
    tokens |= {"text_bytes": 1_741_234, "binarized_bytes": 569_654}
    parameters = [
        {"model": "roberta-small-fr", "module": "embed_tokens.weight", "shape": "32000x512", "parameters": 32000 * 512},
        {"model": "roberta-small-fr", "module": "total", "shape": None, "parameters": 22829056},
    ]
    return {
        "summary": pd.DataFrame(summary),
        "checks": pd.DataFrame(checks),
        "tokens": pd.DataFrame([tokens]),
        "parameters": pd.DataFrame(parameters),
    }


def test_the_published_figures_stand_beside_ours():
    found = summary.ours(report_tables(), {"parameters": COUNTS})
    _, table, _, remarks = summary.published_section(PUBLISHED, found)
    cells = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    ours = {row[1]: (row[2], row[3]) for row in cells}
    assert ours.pop("accuracy, cls-books, fairseq-scratch, valid") == (
        "63.5 ± 0.81",
        "63.5 ± 0.82; on test 63.0 (60.0 to 66.0)",
    )
    assert ours.pop("bloom, parameters, unquantized") == ("650 million", "559,214,592")
    for name in list(ours):
        if name.startswith(("accuracy", "wall time")):  # methods that are not in this study; times are no constants
            assert ours.pop(name)[1] in ("–", "in [tables/runtime.csv](tables/runtime.csv)")
    assert len(ours) >= 12 and all(published == here for published, here in ours.values())
    assert len(remarks.splitlines()) == (PUBLISHED["key"] == "").sum() == 10


def test_a_study_without_fairseq_models_or_methods_has_figures_too():
    tables = report_tables() | {"tokens": None, "parameters": None}
    assert "reviews/cls-books/train" in summary.ours(tables, None)
    assert set(summary.ours(dict.fromkeys(tables), {"parameters": COUNTS})) == {
        key for key in PUBLISHED["key"] if key.startswith("bloom/")
    }


def spread_row(n_seeds):
    """A row of tables/summary.csv and one of tables/spread.csv."""
    key = {"dataset": "d", "method": "m", "split": "test", "n_seeds": n_seeds}
    errors = {"se_seeds": 1.0, "se_reviews": 2.0, "resampled_low": 60.0, "resampled_high": 70.0}
    apart = {"disagreement_mean": 12.0, "disagreement_lowest": 11.0, "disagreement_highest": 13.0}
    return pd.DataFrame([{**key, "ci_low": 58.0, "ci_high": 72.0}]), pd.DataFrame([{**key, **errors, **apart}])


@pytest.mark.parametrize(("n_seeds", "said"), [(1, "One seed tells nothing"), (3, "from 0.5 to 6.3 times")])
def test_the_page_says_how_little_few_seeds_can_tell(n_seeds, said):
    page = "\n".join(summary.spread_section(*spread_row(n_seeds)))
    assert said in page and "58.0 to 72.0" in page and "60.0 to 70.0" in page and "two-level resampling" in page


@pytest.mark.parametrize(("p_holm", "said"), [(0.01, "a is better than b"), (0.2, "no difference shown")])
def test_a_method_is_called_better_only_where_it_is_shown(p_holm, said):
    row = {"dataset": "d", "method_a": "a", "method_b": "b", "difference": 3.0, "ci_low": 1.0, "ci_high": 5.0}
    page = "\n".join(summary.comparisons_section(pd.DataFrame([{**row, "p_holm": p_holm, "test": "t test"}])))
    assert said in page


@pytest.mark.parametrize(("mean", "p_majority", "said"), [(52.0, 0.4, True), (40.0, 0.01, True), (70.0, 0.01, False)])
def test_a_method_at_chance_is_named(mean, p_majority, said):
    row = {"dataset": "cls-books", "method": "fairseq-scratch", "selection": "best", "n_seeds": 3, "mean": mean}
    row |= {"std_population": 1.0, "std_sample": 1.0, "ci_low": 40.0, "ci_high": 80.0}
    row |= {"majority": 50.0, "p_majority": p_majority}
    both = pd.DataFrame([{**row, "split": "valid", "mean": 99.0}, {**row, "split": "test"}])
    page = "\n".join(summary.results_section(both))
    sentence = (
        "**fairseq-scratch on cls-books is at chance: it is not shown to do better than one label for all reviews**"
    )
    assert (f"{sentence} ({mean:.1f} % against 50.0 %, p = {p_majority:.2f})." in page) == said


def test_a_curve_that_was_not_logged_is_named():
    history = pd.DataFrame([("d", "a", "train", "loss")], columns=["dataset", "method", "split", "metric"])
    methods = pd.DataFrame({"dataset": "d", "method": ["a", "b"]})
    assert summary.missing(history, methods) == [
        "Of b on d no training loss was logged: training.log_every is longer than its trainings."
    ]
