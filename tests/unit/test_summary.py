"""The summary page, made from tables as a study writes them."""

from types import SimpleNamespace

from semis.results.comparisons import paired_difference
from semis.results.metrics import METRICS
from semis.results.pages import certainty, comparisons, metrics, published, training
from semis.results.pages.results import Results

import numpy as np
import page_summary
import pandas as pd
import pytest
from conftest import ROOT

PUBLISHED = pd.read_csv(ROOT / "report" / "published.csv", dtype=str, keep_default_na=False)
COUNTS = {
    "unquantized": 559214592,
    "before_lora": {"trainable": 257003520, "all": 408219648, "percent": 62.957166},
    "after_lora": {"trainable": 1572864, "all": 409792512, "percent": 0.38382},
}


def report_tables():
    """Tables with the published results of the report's own study."""
    row = {"dataset": "cls-books", "method": "fairseq-scratch", "metric": "accuracy", "ci_low": 60.0, "ci_high": 66.0}
    summary = [
        {**row, "split": "valid", "mean": 63.5, "std_population": 0.8165},
        {**row, "split": "test", "mean": 63.0, "std_population": 1.0},
    ]
    reviews = {"train": 1800, "valid": 200, "test": 2000}
    datasets = [{"dataset": "cls-books", "split": s, "quantity": "reviews", "value": n} for s, n in reviews.items()]
    tokens = {"dataset": "cls-books", "model": "roberta-small-fr", "split": "train"}
    tokens |= {"text_bytes": 1_741_234, "binarized_bytes": 569_654}
    parameters = [
        {"model": "roberta-small-fr", "module": "embed_tokens.weight", "shape": "32000x512", "parameters": 32000 * 512},
        {"model": "roberta-small-fr", "module": "total", "shape": None, "parameters": 22829056},
    ]
    return {
        "summary": pd.DataFrame(summary),
        "datasets": pd.DataFrame(datasets),
        "tokens": pd.DataFrame([tokens]),
        "parameters": pd.DataFrame(parameters),
    }


def test_the_published_figures_are_compared_with_the_studys():
    results = Results(report_tables(), qlora={"parameters": COUNTS}, published=PUBLISHED)
    _, table, _, remarks = published.section(results)
    cells = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    ours = {row[1]: (row[2], row[3]) for row in cells}
    assert ours.pop("accuracy, cls-books, fairseq-scratch, valid") == (
        "63.5 ± 0.81",
        "63.5 ± 0.82; on test 63.0 (60.0 to 66.0)",
    )
    assert ours.pop("qlora, parameters, unquantized") == ("650 million", "559,214,592")
    for name in list(ours):
        if name.startswith(("accuracy", "wall time")):  # this study lacks those methods, and times vary
            assert ours.pop(name)[1] in ("–", "in [tables/runtime.csv](tables/runtime.csv)")
    assert len(ours) >= 12 and all(theirs == here for theirs, here in ours.values())
    assert len(remarks.splitlines()) == (PUBLISHED["key"] == "").sum() == 10


def test_a_study_without_fairseq_models_or_methods_has_figures_too():
    tables = {name: table for name, table in report_tables().items() if name not in ("tokens", "parameters")}
    assert "reviews/cls-books/train" in published.figures(Results(tables))
    assert set(published.figures(Results({}, qlora={"parameters": COUNTS}))) == {
        key for key in PUBLISHED["key"] if key.startswith("qlora/")
    }


def test_a_study_without_any_part_gives_a_page_that_names_it(tmp_path):
    """No section fails or appears if its tables are missing."""
    inputs = SimpleNamespace(tables=[], figures=[], qlora=[], published=[])
    output = SimpleNamespace(page=tmp_path / "summary.md", html=tmp_path / "summary.html")
    settings = {"study": "a<b", "remark": "*so*", "figures": [], "missing": None}
    page_summary.write(page_summary.gather(inputs, settings), output, settings)
    assert output.page.read_text() == f"# a&#60;b\n\n> &#42;so&#42;\n\n{page_summary.END}\n"
    assert "<title>a&lt;b</title>" in output.html.read_text()


def test_a_page_of_the_finished_runs_says_so_and_names_the_others():
    heading, sentences = page_summary.so_far(["m on d with seed 1", "the language-model part"])
    assert heading == "## So far" and "It is not the result of the study." in sentences
    assert sentences.endswith("Not shown: m on d with seed 1, the language-model part.")
    assert page_summary.so_far([])[1].endswith("All runs are finished.")
    assert page_summary.so_far(None) == []


def test_figures_are_shown_in_the_section_of_their_category_and_inside_the_html(tmp_path):
    results = Results({}, figures=[["Data", "lengths", "lengths"], ["Models", "sizes", "sizes"]])
    assert results.images("Data") == ["![lengths](figures/lengths.png)"]
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "lengths.png").write_bytes(b"PNG")
    assert 'src="data:image/png;base64,UE5H"' in page_summary.inlined(*results.images("Data"), tmp_path)


def spread_row(n_seeds):
    """Return a row of tables/summary.csv and one of tables/spread.csv."""
    key = {"dataset": "d", "method": "m", "split": "test", "metric": "accuracy", "n_seeds": n_seeds}
    errors = {"se_seeds": 1.0, "se_reviews": 2.0, "resampled_low": 60.0, "resampled_high": 70.0}
    apart = {"disagreement_mean": 12.0, "disagreement_lowest": 11.0, "disagreement_highest": 13.0}
    return pd.DataFrame([{**key, "ci_low": 58.0, "ci_high": 72.0}]), pd.DataFrame([{**key, **errors, **apart}])


@pytest.mark.parametrize(("n_seeds", "said"), [(1, "One seed tells nothing"), (3, "from 0.5 to 6.3 times")])
def test_the_page_says_how_little_a_few_seeds_show(n_seeds, said):
    summary, spread = spread_row(n_seeds)
    page = "\n".join(certainty.section(Results({"summary": summary, "spread": spread})))
    assert said in page and "58.0 to 72.0" in page and "60.0 to 70.0" in page and "two-level resampling" in page


@pytest.mark.parametrize(
    ("p_holm", "said"),
    [(0.0001, "| < 0.001 | a is better than b"), (0.01, "a is better than b"), (0.2, "undecided: no difference shown")],
)
def test_a_method_is_called_better_only_if_the_test_shows_it(p_holm, said):
    row = {"dataset": "d", "metric": "accuracy", "method_a": "a", "method_b": "b", "difference": 3.0, "p_holm": p_holm}
    table = pd.DataFrame([{**row, "ci_low": 1.0, "ci_high": 5.0, "test": "t test over seeds and reviews"}])
    page = " ".join(" ".join(comparisons.section(Results({"comparisons": table}))).split())
    assert said in page and "0.000" not in page


def test_with_one_seed_a_run_is_called_better_and_not_a_method():
    row = {"dataset": "d", "metric": "accuracy", "method_a": "a", "method_b": "b", "difference": -3.0, "p_holm": 0.01}
    for scores_a, scores_b, said in [
        ((1, 9), (1, 9), "the run of b is better than the run of a"),
        ((1, 9), (2, 9), "b is better than the run of a"),
        ((2, 9), (1, 9), "the run of b is better than a"),
    ]:
        test = paired_difference(np.zeros(scores_a), np.zeros(scores_b))["test"]
        table = pd.DataFrame([{**row, "ci_low": -5.0, "ci_high": -1.0, "test": test}])
        page = "\n".join(comparisons.section(Results({"comparisons": table})))
        assert f"| {said} " in page


def metric_page(**changes):
    """Return the section on accuracy for one method, whose row of tables/summary.csv has these values."""
    row = {"dataset": "books", "method": "scratch", "selection": "best", "n_seeds": 3, "mean": 70.0}
    row |= {"std_population": 1.0, "std_sample": 1.0, "ci_low": 40.0, "ci_high": 80.0, "labels_given": 2}
    row |= {"majority": 50.0, "p_majority": 0.01, "mean_recall": 70.0, "chance": 50.0, "p_chance": 0.0002, **changes}
    both = pd.DataFrame([{**row, "split": "valid", "mean": 99.0}, {**row, "split": "test"}])
    return "\n".join(metrics.metric_section(METRICS[0], both))


# {values of the row: what the page says about the method}
VERDICTS = [
    ({}, ""),
    (
        {"mean": 76.1, "majority": 90.1, "p_majority": 1e-9, "mean_recall": 79.1},
        "scratch on books **is worse than one label for all reviews** (76.1 %, against 90.1 % by the most frequent "
        "label; p < 0.001); it is better than chance, though, by its mean recall (79.1 % against 50.0 %, p < 0.001).",
    ),
    (
        {"mean": 52.0, "p_majority": 0.4, "mean_recall": 51.0, "p_chance": 0.3},
        "scratch on books **is not shown to be better or worse than one label for all reviews**: undecided (52.0 %, "
        "against 50.0 % by the most frequent label; p = 0.400); **it is not shown to differ from chance** by its mean "
        "recall (51.0 % against 50.0 %, p = 0.300): undecided.",
    ),
    (
        {"mean": 20.0, "mean_recall": 20.0, "n_seeds": 1},
        "The run of scratch on books **is worse than one label for all reviews** (20.0 %, against 50.0 % by the most "
        "frequent label; p = 0.010); **it is worse than chance** by its mean recall (20.0 % against 50.0 %, p < "
        "0.001), as if labels were exchanged.",
    ),
    (
        {"mean": 10.0, "majority": 90.0, "p_majority": 1e-9, "mean_recall": 50.0, "p_chance": 1.0, "labels_given": 1},
        "scratch on books **is at chance**: each seed gives all reviews one label (10.0 %, against 90.0 % by the most "
        "frequent label; p < 0.001).",
    ),
    (
        {"mean_recall": 55.0, "p_chance": 0.06},
        "scratch on books is better than one label for all reviews, but **it is not shown to differ from chance** by "
        "its mean recall (55.0 % against 50.0 %, p = 0.060): undecided.",
    ),
    (
        {"majority": 100.0, "chance": float("nan"), "p_chance": float("nan")},
        "scratch on books **is worse than one label for all reviews** (70.0 %, against 100.0 % by the most frequent "
        "label; p = 0.010); chance cannot be judged, since all test reviews have the same label.",
    ),
]


@pytest.mark.parametrize(("changes", "said"), VERDICTS)
def test_the_page_says_what_is_doubtful_about_a_method(changes, said):
    _, table, *sentences = metric_page(**changes).splitlines()
    assert sentences[-1] == said if said else sentences[-1].startswith("|")


def test_a_curve_that_was_not_logged_is_named():
    history = pd.DataFrame([("d", "a", "train", "loss")], columns=["dataset", "method", "split", "metric"])
    methods = pd.DataFrame({"dataset": "d", "method": ["a", "b"]})
    assert training.missing(history, methods) == [
        "Of b on d no training loss was logged: training.log_every is longer than its trainings."
    ]
