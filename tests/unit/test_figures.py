"""Figures from tables that a study can leave."""

import pandas as pd
import plot_confusion
import plot_history
import plot_lengths
import plot_validation_accuracy

COLUMNS = ["dataset", "method", "seed", "step", "epoch", "split", "metric", "value"]


def test_a_training_too_short_to_log_a_step_gives_a_figure_that_says_so():
    fig = plot_history.draw(pd.DataFrame(columns=COLUMNS), "training loss")
    assert "training.log_every" in fig.axes[0].get_title(loc="left")


def test_each_run_is_a_line_and_each_method_is_named_at_its_end():
    rows = [("d", m, s, step, 1, "train", "loss", 50 + step) for m in "ab" for s in (0, 1) for step in (1, 2)]
    fig = plot_history.draw(pd.DataFrame(rows, columns=COLUMNS), "training loss")
    [axes] = fig.axes
    assert [list(line.get_ydata()) for line in axes.lines if len(line.get_xdata())] == [[51, 52]] * 4
    assert sorted(text.get_text() for text in axes.texts) == ["a", "b"]


def points(axes, filled):
    """The single points of axes, drawn filled or open, as (x, y)."""
    marks = [line for line in axes.lines if line.get_marker() != "None"]
    return [tuple(*line.get_xydata()) for line in marks if (line.get_markerfacecolor() != "white") == filled]


def test_the_chosen_checkpoint_is_marked_on_valid_and_on_test():
    rows = [("d", m, s, step, 1, "valid", "accuracy", 50.0 + step + s) for m in "ab" for s in (0, 1) for step in (1, 2)]
    runs = [
        {"dataset": "d", "method": m, "seed": s, "checkpoint": {"step": 1 + s}, "accuracy": {"test": 40.0 + s}}
        for m in "ab"
        for s in (0, 1)
    ]
    fig = plot_validation_accuracy.draw(pd.DataFrame(rows, columns=COLUMNS), runs)
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


def test_lengths_say_how_many_reviews_are_cut():
    table = pd.DataFrame({"split": ["train"] * 4 + ["test"] * 2, "tokens": [3, 8, 9, 20, 8, 9]})
    [axes] = plot_lengths.draw([table], [{"dataset": "d", "model": "m", "positions": 8}]).axes
    said = [text.get_text() for text in axes.get_legend().texts]
    assert said == ["train: 50.0% cut", "test: 50.0% cut"]
