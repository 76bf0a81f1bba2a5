"""Tables, figures and pages follow the config's order, and methods keep their colours."""

import copy

from semis.results import curves, style
from semis.results.metrics import METRICS
from semis.study.figures import FIGURES
from semis.study.plan import Study
from semis.study.tables import TABLES

import pandas as pd
import plot_metric_by_method
import plot_qlora_metrics
import plot_qlora_training
import pytest

ORDER = ["z", "a", "m"]
TINY = {"library": "fairseq", "positions": 8, "pretraining": {"batch_size": 2}}
CONFIG = {
    "study": "t",
    "seeds": [3, 1],
    "datasets": {
        "late": {"source": {"path": "x"}, "labels": ["1", "0"]},
        "early": {"source": {"path": "y"}, "labels": ["0"]},
    },
    "models": {"tiny": TINY, "small": TINY},
    "methods": {name: {"model": model, "start": "pretrained"} for name, model in zip(ORDER, ["tiny", "small", "tiny"])},
    "qlora": {"methods": {"second": {}, "first": {}}},
}


def names_in(value):
    """Return the names of methods in settings or paths, in the order of their first occurrence."""
    if isinstance(value, dict):
        return [name for part in value.values() for name in names_in(part)]
    if isinstance(value, list | tuple):
        return [name for part in value for name in names_in(part)]
    parts = str(value).split("/")
    return [name for name in [*ORDER, "second", "first"] if name in parts]


def unique(names):
    return list(dict.fromkeys(names))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in (TABLES, FIGURES) for name in kind], ids=lambda value: str(value)[:20]
)
def test_settings_list_methods_in_the_order_of_the_config(kind, name):
    """They are lists, since the keys of a mapping are sorted for Snakemake."""
    study = Study(copy.deepcopy(CONFIG))
    found = unique(names_in(kind[name].settings(study)))
    assert found in ([], ORDER, ["second", "first"])
    for settings in kind[name].settings(study).values():
        assert not isinstance(settings, dict) or not set(settings) & {*ORDER, "second", "first"}
    inputs = kind[name].inputs(study)
    assert all(unique(names_in(paths)) in ([], ORDER, ["second", "first"]) for paths in inputs.values())


@pytest.mark.parametrize("name", TABLES)
def test_the_settings_of_a_table_hold_the_order_of_its_runs(name):
    """Snakemake compares the inputs of a job as a set, so the settings must hold their order."""
    study = Study(copy.deepcopy(CONFIG))
    turned = copy.deepcopy(CONFIG)
    turned["methods"] = dict(reversed(turned["methods"].items()))
    turned["qlora"]["methods"] = dict(reversed(turned["qlora"]["methods"].items()))
    other = Study(turned)
    table = TABLES[name]
    if table.inputs(study) != table.inputs(other):
        assert table.settings(study) != table.settings(other)


def history(methods):
    rows = [("d", m, 0, step, 1, "train", "loss", 1.0) for m in methods for step in (1, 2)]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "step", "epoch", "split", "metric", "value"])


def colours_of_curves(methods):
    [axes] = curves.draw(history(methods), "training loss", methods).axes
    return [line.get_color() for line in axes.lines if len(line.get_xdata())]


def colours_of_results(methods):
    runs = pd.DataFrame({"dataset": "d", "method": methods, "seed": 0, "value": 1.0})
    means = pd.DataFrame({"dataset": "d", "method": methods, "mean": 1.0, "ci_low": 0.0, "ci_high": 2.0})
    [axes] = plot_metric_by_method.draw(runs, means, METRICS[0], methods).axes
    return [line.get_color() for line in axes.lines[::3]]


def colours_of_qlora_curves(methods):
    fig = plot_qlora_training.draw(history(methods)[["method", "step", "metric", "value"]], methods)
    legend = fig.axes[0].get_legend()
    assert [text.get_text() for text in legend.texts] == methods
    return [line.get_color() for line in fig.axes[0].lines]


def colours_of_answers(methods):
    measured = {"holdout": {"nll_per_token": 1.0}}
    measured |= dict.fromkeys(("stopped_share", "mean_tokens", "repeated_4grams", "distinct_2"), 1.0)
    found = {"before": measured, "methods": {name: {"after": measured} for name in sorted(methods)}}
    axes = plot_qlora_metrics.draw(found, methods).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["before", *methods]
    return [bar.get_facecolor() for bar in axes.patches]


@pytest.mark.parametrize(
    "colours", [colours_of_curves, colours_of_results, colours_of_qlora_curves, colours_of_answers]
)
def test_a_new_method_at_the_end_keeps_all_colours(colours):
    before, after = colours(ORDER), colours([*ORDER, "b"])
    assert after[: len(before)] == before and len(after) == len(before) + 1
    assert len(set(after)) == len(after)


def test_a_look_depends_only_on_the_place():
    names = [str(number) for number in range(20)]
    whole = style.looks(names)
    assert list(whole) == names
    assert all(style.looks(names[:count]) == {name: whole[name] for name in names[:count]} for count in range(20))
