"""The messages at the end of a run, and when it writes provenance.json and report.html; on a finished demo."""

import re
import shutil

import pytest
import yaml
from conftest import ROOT, Snakemake

pytestmark = pytest.mark.slow
CONFIG = (ROOT / "demo" / "config.yaml").read_text()
RECORD = ["provenance.json", "report.html"]
FIGURE = "results/demo/figures/wall_time.svg"
SCRATCH = "results/demo/runs/demo-books/fairseq-scratch"


def dates(folder):
    """Return the dates of the study's record."""
    return [(folder / "results" / "demo" / name).stat().st_mtime_ns for name in RECORD]


def said(done):
    """Return the sentences of Semis on the terminal, without those that every run says."""
    usual = ("Semis: no conda", "Semis: trainings use")
    return [line for line in done.output.splitlines() if line.startswith("Semis: ") and not line.startswith(usual)]


@pytest.fixture(scope="module")
def finished(runner, demo):
    """The runner of a demo that is complete and recorded."""
    for _ in range(2):
        done = runner(CONFIG)
        assert done.returncode == 0, done.output
    assert "Nothing to be done" in done.output
    return runner


@pytest.mark.parametrize(
    "args",
    [
        [FIGURE, "--forcerun", "plot_wall_time"],
        ["--until", "plot_wall_time", "--forcerun", "plot_wall_time"],
        ["--omit-from", "summary", "--forcerun", "plot_wall_time"],
        ["--batch", "all=2/2", "--forcerun", "plot_wall_time", "page_parameters"],
    ],
    ids=lambda args: " ".join(args),
)
def test_a_part_is_called_a_part_and_the_whole_is_recorded_next(finished, args):
    before = dates(finished.folder)
    done = finished(CONFIG, *args)
    assert done.returncode == 0, done.output
    [sentence] = said(done)
    assert "made only the part that it was asked for, and checked no other. " in sentence
    assert "results of results/demo are there. " in sentence
    assert dates(finished.folder) == before
    done = finished(CONFIG)
    assert "Semis: done. " in said(done)[-1] and all(now > then for now, then in zip(dates(finished.folder), before))


def test_a_result_that_was_removed_is_made_again(finished):
    removed = [
        finished.folder / "results" / "demo" / name for name in ("tables/spread.csv", "summary.md", "summary.html")
    ]
    for file in removed:
        file.unlink()
    done = finished(CONFIG)
    assert done.returncode == 0, done.output
    assert all(file.exists() for file in removed) and "Semis: done. " in said(done)[-1]


def test_a_failure_says_what_is_missing(finished):
    script = finished.folder / "scripts" / "plot_wall_time.py"
    text, before = script.read_text(), dates(finished.folder)
    try:
        script.write_text(text.replace("def draw(", "def other("))
        done = finished(CONFIG)
    finally:
        script.write_text(text)
    assert done.returncode != 0
    assert "the study is not finished" in said(done)[-1] and f"missing or out of date are {FIGURE}" in said(done)[-1]
    assert dates(finished.folder) == before
    assert "Semis: done. " in said(finished(CONFIG))[-1]


def test_results_that_an_evaluation_should_have_renewed_are_not_counted(finished):
    """All files of the whole study are there, from the run before."""
    script = finished.folder / "scripts" / "evaluate_huggingface.py"
    text = script.read_text()
    try:
        script.write_text(text.replace("def classify(", "def other("))
        done = finished(CONFIG)
    finally:
        script.write_text(text)
    assert done.returncode != 0
    found, targets = map(
        int, re.search(r"(\d+) of the (\d+) results of results/demo are there", said(done)[-1]).groups()
    )
    assert found < targets and "; missing or out of date are results/demo/tables/metrics.csv" in said(done)[-1]
    assert "Semis: done. " in said(finished(CONFIG))[-1]


@pytest.mark.parametrize("quiet", [[], ["--quiet", "all"]], ids=str)
def test_a_report_that_cannot_be_written_says_why(finished, quiet):
    before, hindrance = dates(finished.folder), finished.folder / "results" / "demo" / "report.new.html"
    hindrance.mkdir()
    try:
        done = finished(CONFIG, "--forcerun", "plot_wall_time", *quiet)
    finally:
        hindrance.rmdir()
    after = dates(finished.folder)
    assert after[0] > before[0] and after[1] == before[1]
    first, second = said(done)
    assert first.startswith("Semis: Snakemake could not write results/demo/report.html: IsADirectoryError: [Errno 21] ")
    assert second.startswith("Semis: the study is complete; read results/demo/summary.md.")
    assert "Semis: done. " in said(finished(CONFIG))[-1]  # the next run tries again
    assert dates(finished.folder)[1] > before[1]


@pytest.fixture
def copied(finished, tmp_path):
    """A runner of a copy of the finished demo, in which a test may damage the records."""
    copy = shutil.copytree(finished.folder, tmp_path / "semis", symlinks=True)
    return Snakemake(copy, root=copy)


def test_code_that_never_ran_is_not_recorded(copied):
    """One seed is trained by changed code, --touch marks all else, then a new seed comes: older results are named."""
    config = yaml.safe_load(CONFIG)
    config["methods"] = {"fairseq-scratch": config["methods"]["fairseq-scratch"]}
    del config["qlora"]
    script = copied.folder / "scripts" / "finetune_fairseq.py"
    script.write_text(f"{script.read_text()}\nEXTRA = 1\n")
    before = dates(copied.folder)

    done = copied(config, f"{SCRATCH}/seed0/history.csv")
    assert done.returncode == 0, done.output
    assert said(done)[0].startswith(
        "Semis: the code or an environment has changed, so 1 finished training will be made again: "
        f"{SCRATCH}/seed0. Interrupt"
    )
    done = copied(config, "--forceall", "--touch")
    assert done.returncode == 0 and said(done) == [
        "Semis: --touch has only marked results as new; nothing was made, and provenance.json is unchanged."
    ], done.output
    assert "demo/finished" in copied(config, "--dry-run").output  # rule all must check whether the study is complete

    config["seeds"].append(2)
    for _ in range(2):
        done = copied(config)
        assert done.returncode == 0, done.output
        assert said(done)[-1] == (
            "Semis: 1 result of results/demo came from other settings or code than those of today: "
            f"{SCRATCH}/seed1/training. provenance.json and report.html are not written; "
            "`snakemake --forcerun finetune_fairseq` makes them again."
        )
        assert dates(copied.folder) == before
    assert (copied.folder / SCRATCH / "seed2" / "metrics.json").exists()
