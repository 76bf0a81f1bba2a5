"""The messages and files at the end of a run, with a Snakemake whose answers the test defines."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

from semis.study import finish
from semis.study.plan import Study

import pytest

CONFIG = {"study": "t", "datasets": {}, "models": {}, "methods": {}, "seeds": [0]}
RECIPE = {"code": "1", "environment": "2", "settings": {"learning_rate": 0.1}}
RUN = "results/t/runs/d/m/seed0"
TARGETS = ["results/t/summary.md", "results/t/tables/metrics.csv"]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study with all results in this folder, and the recipe that one training recorded."""
    monkeypatch.chdir(tmp_path)
    for name in [*TARGETS, f"{RUN}/training.recipe.json", "results/t/finished"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(RECIPE))
    monkeypatch.setattr(finish.provenance, "write", lambda path, *args: path.write_text("{}"))
    monkeypatch.setattr(finish, "_write_report", lambda *args: None)
    return Study(CONFIG)


def snakemake(planned=RECIPE, whole=True, touches=False, due=True, unmade=()):
    """An object with Snakemake's answers for `finish`; it plans one training, and has not made the files `unmade`."""
    jobs = [("finetune_fairseq", f"{RUN}/training.recipe.json", planned)]
    return SimpleNamespace(
        touches=touches,
        deployment=["conda"],
        targets=set(),
        is_whole=whole,
        cores=1,
        snakefile="Snakefile",
        recipes=lambda due=False: jobs,
        environments=dict,
        unmade=lambda: list(unmade),
    )


def said(capsys):
    """Return the only sentence on the terminal."""
    [line] = capsys.readouterr().err.splitlines()
    return line


def written(tmp_path):
    """Return whether the record of the study and its marker exist."""
    return [(tmp_path / "results/t" / name).exists() for name in ("provenance.json", "finished")]


def test_a_complete_study_is_recorded(study, tmp_path, capsys):
    finish.finish(study, snakemake(), tmp_path, TARGETS)
    assert said(capsys).startswith("Semis: done. Read results/t/summary.md")
    assert written(tmp_path) == [True, True]


@pytest.mark.parametrize(
    "planned",
    [
        {**RECIPE, "code": "9"},
        {**RECIPE, "environment": "9"},
        {**RECIPE, "settings": {"learning_rate": 0.2}},
    ],
    ids=["code", "environment", "settings"],
)
def test_a_result_of_other_code_or_settings_is_named_and_not_recorded(study, tmp_path, capsys, planned):
    finish.finish(study, snakemake(planned), tmp_path, TARGETS)
    sentence = said(capsys)
    assert f"1 result of results/t came from other settings or code than those of today: {RUN}/training. " in sentence
    assert "snakemake --forcerun finetune_fairseq" in sentence and "done" not in sentence
    assert written(tmp_path) == [False, False]


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_result_without_a_readable_recipe_is_named_too(study, tmp_path, capsys, content):
    file = tmp_path / RUN / "training.recipe.json"
    file.unlink() if content is None else file.write_text(content)
    finish.finish(study, snakemake(), tmp_path, TARGETS)
    assert f"{RUN}/training" in said(capsys) and written(tmp_path) == [False, False]


def test_a_recipe_is_compared_in_its_json_form(study, tmp_path, capsys):
    """Snakemake's config may contain tuples and other types of mapping."""
    (tmp_path / RUN / "training.recipe.json").write_text(json.dumps({**RECIPE, "settings": {"betas": [0.9, 0.98]}}))
    finish.finish(study, snakemake({**RECIPE, "settings": {"betas": (0.9, 0.98)}}), tmp_path, TARGETS)
    assert "done" in said(capsys)


def test_a_partial_run_a_touch_and_a_failure_record_nothing(study, tmp_path, capsys):
    finish.finish(study, snakemake(whole=False), tmp_path, TARGETS)
    sentence = "it was asked for, and checked no other. 2 of the 2 results of results/t are there. `snakemake`"
    assert sentence in said(capsys)
    (tmp_path / TARGETS[1]).unlink()
    finish.finish(study, snakemake(whole=False), tmp_path, TARGETS)
    assert (
        "1 of the 2 results of results/t are there; missing or out of date are results/t/tables/metrics.csv. "
        in said(capsys)
    )
    finish.finish(study, snakemake(touches=True), tmp_path, TARGETS)
    assert "--touch has only marked results as new" in said(capsys)
    finish.fail(study, snakemake(unmade=[TARGETS[1]]), TARGETS)
    assert (
        "the study is not finished, since a job failed. 1 of the 2 results of results/t are there; missing or out of "
        "date are" in said(capsys)
    )
    assert written(tmp_path) == [False, False]


def test_results_that_a_failed_run_should_have_renewed_are_not_counted(study, capsys):
    """All files are there, from an earlier run."""
    finish.fail(study, snakemake(unmade=[f"{RUN}/metrics.json", *TARGETS, finish.marker(study)]), TARGETS)
    assert "0 of the 2 results of results/t are there; missing or out of date are results/t/summary.md, " in said(
        capsys
    )
    finish.fail(study, snakemake(unmade=["results/t/provenance"]), TARGETS)
    assert "2 of the 2 results of results/t are there; missing or out of date are results/t/provenance. " in said(
        capsys
    )
    finish.fail(study, snakemake(whole=False, unmade=[f"{RUN}/metrics.json"]), TARGETS)
    assert said(capsys) == (
        "Semis: the study is not finished, since a job failed. This run was asked for a part of it, and has not made "
        f"{RUN}/metrics.json. It checked no other part; `snakemake` without targets makes or checks the rest."
    )


def test_a_text_cannot_end_the_script_of_snakemakes_report():
    """Snakemake writes params into a script element; the text must mean the same to JavaScript."""
    text = "</script><script>alert(1)</script><!--"
    data = json.dumps({"summary": {"params": text}})
    page = f"<script>\n    var results = {data};\n    </script>\n<script>var other = 1 < 2;</script>\n"
    found = finish.without_tags(page)
    assert found.count("<script>") == found.count("</script>") == 2 and "1 < 2" in found and "<!--" not in found
    assert json.loads(re.search(r"results = (.*);", found)[1]) == {"summary": {"params": text}}


def test_a_report_that_cannot_be_written_is_tried_again(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(finish, "_write_report", lambda *args: "no room")
    finish.finish(study, snakemake(), tmp_path, TARGETS)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Semis: Snakemake could not write results/t/report.html: no room" and "done" not in second
    assert written(tmp_path) == [True, False]


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        (RECIPE, None),
        ({**RECIPE, "settings": {}}, None),
        ({**RECIPE, "code": "9"}, "1 finished training will be made again: results/t/runs/d/m/seed0. "),
        ({**RECIPE, "environment": "9"}, "1 finished training will be made again"),
    ],
)
def test_trainings_that_changed_code_repeats_are_counted_before_the_start(study, capsys, planned, expected):
    finish.start(study, snakemake(planned))
    found = capsys.readouterr().err
    assert expected in found if expected else found == ""


@pytest.mark.parametrize(
    ("section", "before", "now", "device"), [("training", 1, 0, "the CPU"), ("pretraining", 0, 1, "a GPU")]
)
def test_the_device_and_trainings_of_another_one_are_said_before_the_start(study, capsys, section, before, now, device):
    Path(f"{RUN}/training.recipe.json").write_text(json.dumps({**RECIPE, "settings": {section: {"gpus": before}}}))
    finish.start(study, snakemake({**RECIPE, "settings": {section: {"gpus": now}}}))
    used, moved = capsys.readouterr().err.splitlines()
    assert used == f"Semis: trainings use {device} (`gpus` in the config)."
    assert moved.startswith(f"Semis: 1 finished training used another device and will be made again: {RUN}. Interrupt")


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (
            "Building DAG of jobs...\nAdding a.svg (3 KB).\nWorkflowError:\n    a.svg is missing\n",
            "WorkflowError: a.svg is missing",
        ),
        ("Creating report...\nTraceback (most recent call last):\n  File x\n\nOSError: no room\n", "OSError: no room"),
        ("Semis: no conda in use; ...\nSemis: study is missing.\n", "Semis: study is missing."),
        ("", ""),
    ],
)
def test_of_a_failed_report_the_reason_is_shown_and_not_its_progress(printed, reason):
    assert finish._reason(printed) == reason
