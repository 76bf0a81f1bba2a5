"""Figures, drawn from tables as a study writes them."""

from semis.results import curves, style
from semis.results.metrics import METRICS
from semis.study.figures import FIGURES

import pandas as pd
import plot_confusion
import plot_lengths
import plot_metric_by_method
import plot_validation_accuracy
from conftest import ROOT

COLUMNS = ["dataset", "method", "seed", "step", "epoch", "split", "metric", "value"]


def test_a_training_that_is_too_short_for_a_log_gives_a_figure_that_says_so():
    fig = curves.draw(pd.DataFrame(columns=COLUMNS), "training loss", ["a"])
    assert "training.log_every" in fig.axes[0].get_title(loc="left")


def test_each_run_is_a_line_and_each_method_is_named_at_its_end():
    rows = [("d", m, s, step, 1, "train", "loss", 50 + step) for m in "ab" for s in (0, 1) for step in (1, 2)]
    fig = curves.draw(pd.DataFrame(rows, columns=COLUMNS), "training loss", ["a", "b"])
    [axes] = fig.axes
    assert [list(line.get_ydata()) for line in axes.lines if len(line.get_xdata())] == [[51, 52]] * 4
    assert sorted(text.get_text() for text in axes.texts) == ["a", "b"]


def test_each_figure_has_a_script_and_a_caption_and_each_script_a_figure():
    assert {path.stem.removeprefix("plot_") for path in (ROOT / "scripts").glob("plot_*.py")} == set(FIGURES)
    assert all((ROOT / "report" / f"{name}.rst").is_file() for name in FIGURES)


def test_a_missing_method_and_a_new_one_at_the_end_keep_all_colours():
    rows = [("d", m, 0, step, 1, "train", "loss", 1.0) for m in ("c", "b") for step in (1, 2)]
    for methods in (["a", "b", "c"], ["a", "b", "c", "d"]):
        [axes] = curves.draw(pd.DataFrame(rows, columns=COLUMNS), "training loss", methods).axes
        drawn = [line.get_color() for line in axes.lines if len(line.get_xdata())]
        assert drawn == [style.COLOURS[2], style.COLOURS[1]]


def test_the_first_metric_is_drawn_for_each_method_in_the_order_of_the_config():
    methods = ["z", "a"]
    values = {"z": [70.0, 74.0], "a": [50.0, 52.0]}
    runs = [{"dataset": "d", "method": m, "seed": s, "value": v} for m in methods for s, v in enumerate(values[m])]
    bounds = {"z": (65.0, 80.0), "a": (45.0, 55.0)}
    means = [
        {"dataset": "d", "method": m, "mean": sum(values[m]) / 2, "ci_low": bounds[m][0], "ci_high": bounds[m][1]}
        for m in methods
    ]
    [axes] = plot_metric_by_method.draw(pd.DataFrame(runs), pd.DataFrame(means), METRICS[0], methods).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == methods
    assert axes.get_xlabel() == "accuracy on the test reviews (%)"
    bars, seeds, _ = (list(axes.lines)[start::3] for start in range(3))
    assert [tuple(line.get_xdata()) for line in bars] == [bounds[m] for m in methods]
    assert [list(line.get_xdata()) for line in seeds] == [values[m] for m in methods]
    assert [text.get_text() for text in axes.texts] == ["72.0 %", "51.0 %"]


def points(axes, filled):
    """Return the single points of axes, filled or open, as (x, y)."""
    marks = [line for line in axes.lines if line.get_marker() != "None"]
    return [tuple(*line.get_xydata()) for line in marks if (line.get_markerfacecolor() != "white") == filled]


def test_the_chosen_checkpoint_is_marked_on_valid_and_on_test():
    rows = [("d", m, s, step, 1, "valid", "accuracy", 50.0 + step + s) for m in "ab" for s in (0, 1) for step in (1, 2)]
    runs = [
        {"dataset": "d", "method": m, "seed": s, "checkpoint": {"step": 1 + s}, "accuracy": {"test": 40.0 + s}}
        for m in "ab"
        for s in (0, 1)
    ]
    fig = plot_validation_accuracy.draw(pd.DataFrame(rows, columns=COLUMNS), runs, [0, 1])
    assert [axes.get_title(loc="left") for axes in fig.axes] == ["d\na", "d\nb"]
    for axes in fig.axes:
        assert points(axes, filled=True) == [(1, 51), (2, 53)]
        assert points(axes, filled=False) == [(1, 40), (2, 41)]
    [legend] = fig.legends
    assert [text.get_text() for text in legend.texts][:2] == ["seed 0", "seed 1"]


def test_a_confusion_matrix_has_the_shares_of_each_label_over_all_seeds():
    counts = {("nul", "nul"): 8, ("nul", "bon"): 2, ("bon", "nul"): 5, ("bon", "bon"): 15}
    rows = [("d", "m", s, "test", *pair, n) for s in (0, 1) for pair, n in counts.items()]
    names = ["dataset", "method", "seed", "split", "label", "prediction", "n"]
    [axes] = plot_confusion.draw(pd.DataFrame(rows, columns=names)).axes
    assert [text.get_text() for text in axes.texts] == ["80%", "20%", "25%", "75%"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["nul", "bon"]


def test_lengths_say_how_many_reviews_are_truncated():
    table = pd.DataFrame({"split": ["train"] * 4 + ["test"] * 2, "tokens": [3, 8, 9, 20, 8, 9]})
    [axes] = plot_lengths.draw([table], [{"dataset": "d", "model": "m", "positions": 8}]).axes
    said = [text.get_text() for text in axes.get_legend().texts]
    assert said == ["train: 50.0% truncated", "test: 50.0% truncated"]
