"""The code of the benchmarks works on results of the workflow, and in its environments."""

import json
import sys

import pytest
from conftest import ROOT, in_environment

sys.path.append(str(ROOT / "benchmarks"))

import equivalence  # noqa: E402

pytestmark = pytest.mark.slow


def test_the_equivalence_is_of_the_accuracies_on_test(demo, monkeypatch):
    runs = demo / "runs" / "demo-books" / "fairseq-pretrained"
    monkeypatch.setattr(equivalence, "run_of", lambda start, engine, seed: runs / f"seed{seed}")
    monkeypatch.setattr(equivalence, "SEEDS", {"pretrained": [0, 1]})
    found = [json.loads((runs / f"seed{seed}" / "metrics.json").read_text())["accuracy"]["test"] for seed in (0, 1)]
    assert equivalence.scores("pretrained", "fast").mean(1).tolist() == pytest.approx(found)
    assert list(equivalence.losses("pretrained").columns)[:2] == [("train", "fast"), ("train", "reference")]


def imported(folder, names):
    """Return the names of the benchmark modules that this environment can import."""
    import importlib

    sys.path.append(folder)
    return [importlib.import_module(name).__name__ for name in names]


@pytest.mark.parametrize(
    ("environment", "names"),
    [("fairseq", ["generate", "profile_step"]), ("transformers", ["stock"]), ("sentencepiece", ["generate"])],
)
def test_each_benchmark_can_be_imported_where_it_runs(demo, environment, names):
    assert in_environment(environment, imported, str(ROOT / "benchmarks"), names) == names
