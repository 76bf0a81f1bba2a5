"""`snakemake so_far`: tables, figures and summary of the runs that are finished, while others failed or are missing."""

import csv
import shutil

import pytest
import yaml
from conftest import ROOT, Snakemake

pytestmark = pytest.mark.slow
RUNS = "results/demo/runs/demo-books"


@pytest.fixture(scope="module")
def unfinished(runner, demo, tmp_path_factory):
    """A runner in a copy of the finished demo without two runs, and the config."""
    config = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    copy = shutil.copytree(runner.folder, tmp_path_factory.mktemp("so_far") / "semis", symlinks=True)
    for run in ("fairseq-scratch/seed1", "huggingface-pretrained/seed0", "huggingface-pretrained/seed1"):
        shutil.rmtree(copy / RUNS / run)
    return Snakemake(copy, root=copy), config


def files(results):
    """Return the files of a study but for those so far, and the mark of a finished run, which each run takes away."""
    found = {path.relative_to(results) for path in results.rglob("*") if path.is_file()}
    return {path for path in found if "so_far" not in path.parts and path.name != "finished"}


def rows(folder, table):
    """Return the rows of a table."""
    with open(folder / "tables" / f"{table}.csv", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_finished_runs_are_shown_and_the_others_are_named(unfinished):
    snakemake, config = unfinished
    results = snakemake.folder / "results" / "demo"
    whole = {table: rows(results, table) for table in ("metrics", "comparisons")}
    before = files(results)
    config["methods"]["diverges"] = {"model": "roberta-demo-hf", "start": "pretrained"}
    done = snakemake(config, "so_far")
    assert done.returncode == 0, done.output
    so_far = results / "so_far"
    kept = {("fairseq-scratch", "0"), ("fairseq-pretrained", "0"), ("fairseq-pretrained", "1")}
    assert rows(so_far, "metrics") == [row for row in whole["metrics"] if (row["method"], row["seed"]) in kept]
    assert len(rows(so_far, "metrics")) == 2 * len(kept)
    assert {(row["method_a"], row["method_b"]) for row in rows(so_far, "comparisons")} == {
        ("fairseq-scratch", "fairseq-pretrained")
    }
    page = (so_far / "summary.md").read_text()
    assert "It is not the result of the study." in page and "provenance.json" not in page
    missing = ["fairseq-scratch", "huggingface-pretrained", "huggingface-pretrained", "diverges", "diverges"]
    names = [part.split(" on ")[0] for part in page.split("Not shown: ")[1].split(".\n")[0].split(", ")]
    assert names == [*missing, "the language-model part"]
    assert "results/demo/so_far/summary.html shows the runs that are finished. It is not the result" in done.output
    assert files(results) == before  # neither a training nor a result of the study was made


def test_nothing_is_trained_for_it(unfinished):
    snakemake, config = unfinished
    label = snakemake.folder / "demo" / "reviews" / "train.label"
    first, second, *rest = label.read_text().splitlines()
    try:
        label.write_text("\n".join([second, first, *rest]) + "\n")
        sentence = snakemake.sentence(config, "so_far")
    finally:
        label.write_text("\n".join([first, second, *rest]) + "\n")
    assert sentence.startswith("Semis: so_far trains nothing, but 3 finished trainings would be made again: ")


def test_without_a_finished_run_it_says_so(snakemake):
    (snakemake.folder / "demo").symlink_to(ROOT / "demo")
    sentence = snakemake.sentence((ROOT / "demo" / "config.yaml").read_text(), "so_far")
    assert sentence.startswith("Semis: no classifier of results/demo is finished with the settings and code of today;")
