"""Figures from tables that a study can leave."""

import pandas as pd
import plot_history

COLUMNS = ["dataset", "method", "seed", "step", "epoch", "split", "metric", "value"]


def test_a_training_too_short_to_log_a_step_gives_a_figure_that_says_so():
    fig = plot_history.draw(pd.DataFrame(columns=COLUMNS), "training loss")
    assert "training.log_every" in fig.axes[0].get_title(loc="left")


def test_each_run_is_a_line_and_each_method_is_named_at_its_end():
    rows = [("d", m, s, step, 1, "valid", "accuracy", 50 + step) for m in "ab" for s in (0, 1) for step in (1, 2)]
    fig = plot_history.draw(pd.DataFrame(rows, columns=COLUMNS), "accuracy", [("d", "a", 0, 2)])
    [axes] = fig.axes
    assert sum(len(line.get_xdata()) == 2 for line in axes.lines) == 4
    assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() != "None" and len(line.get_xdata())] == [
        [2]
    ]
    assert sorted(text.get_text() for text in axes.texts) == ["a", "b"]
