"""provenance.json describes how a study was made, without secrets; `verify` repeats a run from it and compares."""

import copy
import json
import os
import shutil
import subprocess
import sys

from semis.harness.errors import UserError
from semis.study import provenance
from semis.study.layout import write_layout

import pytest
import verify
from conftest import ROOT, lay_out

CONFIG = (ROOT / "demo" / "config.yaml").read_text()
RECORD = {
    "config": {
        "study": "t",
        "seeds": [0, 1],
        "datasets": {"a": {"source": {"path": "books"}}, "b": {"source": {"url": "https://example.org/b.zip"}}},
        "models": {"m": {"tokenizer": {"text": [{"path": "text.txt"}]}}, "hf": {"export": "m"}, "other": {}},
        "methods": {"x": {"model": "hf"}, "y": {"model": "other"}},
        "qlora": {},
    },
    "code": {},
    "inputs": {"datasets.a.source": {"books": ""}, "qlora.data.source": {"faq.json": "0"}},
    "runs": [],
}


def test_the_code_is_a_commit_and_what_differs_from_it(tmp_path):
    lay_out(tmp_path, {"Snakefile": "1", "scripts/a.py": "2", "scripts/__pycache__/a.pyc": "3", "README.md": "4"})
    bare = provenance.code(tmp_path)
    assert (bare["commit"], bare["changed"]) == (None, None)
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for args in (["init", "-q"], ["add", "Snakefile", "scripts/a.py", "README.md"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *args], check=True)
    (tmp_path / "scripts/__pycache__/a.pyc").unlink()
    clean = provenance.code(tmp_path)
    assert len(clean["commit"]) == 40 and clean["changed"] == [] and clean["sha256"] == bare["sha256"]
    (tmp_path / "scripts/a.py").write_text("5")
    (tmp_path / "scripts/b c.py").write_text("6")
    dirty = provenance.code(tmp_path)
    assert dirty["changed"] == ["scripts/a.py", "scripts/b c.py"] and dirty["sha256"] != clean["sha256"]
    assert provenance.code(tmp_path / "scripts")["commit"] is None  # another repository's folder


def test_runs_are_added_and_a_torn_file_is_replaced(tmp_path):
    path = lay_out(tmp_path, {"books/a": "1", "benchmarks/x/y.tsv": "s\th:m:s\n1.5\t0:00:01\n"}) / "provenance.json"
    for start in (1, 2):
        provenance.write(path, ROOT, {"study": "t"}, {"books": [tmp_path / "books"]}, {}, {"started": start})
    found = provenance.read(path)
    assert [run["started"] for run in found["runs"]] == [1, 2]
    assert found["seconds"] == {"x/y": 1.5} and len(found["inputs"]["books"][f"{tmp_path}/books/a"]) == 64
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is not a record that Semis wrote"):
        provenance.read(path)
    provenance.write(path, ROOT, {"study": "t"}, {}, {}, {"started": 3})
    assert [run["started"] for run in provenance.read(path)["runs"]] == [3]


def test_the_config_of_one_run_has_what_it_needs_and_no_more(tmp_path):
    config = verify.config_of(copy.deepcopy(RECORD), "a/x/seed1")
    assert config["seeds"] == [1] and list(config["methods"]) == ["x"] and set(config["models"]) == {"m", "hf"}
    assert config["datasets"] == {"a": {"source": {"path": str(ROOT / "books")}}} and "qlora" not in config


def test_what_cannot_be_repeated_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, {"results/t/runs/a/x/seed0/predictions.csv": "", "books": "other"})
    with pytest.raises(UserError, match="results/t/provenance.json is not there"):
        verify.main("t", None, 1)
    lay_out(tmp_path, {"results/t/provenance.json": json.dumps(RECORD)})
    with pytest.raises(UserError, match="results/t holds a study of an older version"):
        verify.main("t", None, 1)
    write_layout(tmp_path / "results" / "t")
    with pytest.raises(UserError, match="no run a/z/seed0; its runs are a/x/seed0, a/x/seed1, a/y/seed0"):
        verify.main("t", "a/z/seed0", 1)
    with pytest.raises(UserError, match="results/t/runs/a/x/seed0/history.csv is not there any more"):
        verify.main("t", None, 1)
    lay_out(tmp_path, {f"results/t/runs/a/x/seed0/{name}": "" for name in verify.COMPARED})
    with pytest.raises(UserError, match=r"books \(datasets.a.source\) is not the file that the study was made from"):
        verify.main("t", None, 1)
    lay_out(
        tmp_path, {"results/t/provenance.json": json.dumps({**RECORD, "config": {**RECORD["config"], "methods": {}}})}
    )
    with pytest.raises(UserError, match="has no run of a method"):
        verify.main("t", None, 1)


@pytest.mark.slow
def test_the_demo_says_what_it_came_from(runner, demo):
    before = provenance.read(demo / "provenance.json")
    token = "hf_0123456789abcdef"
    done = runner(CONFIG, "--forcerun", "summary", HF_TOKEN=token)
    assert done.returncode == 0, done.output
    found = provenance.read(demo / "provenance.json")
    assert len(found["runs"]) == len(before["runs"]) + 1
    assert found["inputs"] == before["inputs"] and found["environments"] == before["environments"]
    assert found["runs"][-1]["processor"] and found["runs"][-1]["cores"] == 2
    assert set(found["environments"]) == {"analysis", "qlora", "fairseq", "sentencepiece", "transformers"}
    assert found["environments"]["fairseq"]["packages"]["fairseq-fixed"] == "0.12.3.1"
    assert set(found["inputs"]["qlora.data.source"]) == {"demo/faq.json"}
    assert len(found["inputs"]["datasets.demo-books.source"]) == 6
    assert found["config"]["training"]["clip_norm"] is not None  # a default
    assert found["seconds"]["pretrain/roberta-demo"] > 0
    for file in demo.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes(), file


@pytest.mark.slow
def test_a_run_is_made_again_and_compared(runner, demo):
    """If one byte of a run is changed, only that file is named: the other two are the same."""
    run = "demo-books/fairseq-scratch/seed0"
    file = demo / "runs" / run / "predictions.csv"
    whole, written, files = file.read_bytes(), file.stat().st_mtime_ns, runner.files("results/demo")
    command = [sys.executable, "scripts/verify.py", "demo", run]
    try:
        file.write_bytes(whole.replace(b"valid", b"walid", 1))
        done = subprocess.run(command, cwd=runner.folder, env=runner.env, capture_output=True, text=True)
    finally:
        file.write_bytes(whole)
        os.utime(file, ns=(written, written))
    sentence = f"Semis: predictions.csv of {run} did not come out the same (code and processor are the same as then); "
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(sentence), done.stderr
    again = runner.folder / "results" / "demo.verify"
    assert (again / "results" / "demo" / "runs" / run / "predictions.csv").read_bytes() == whole
    assert runner.files("results/demo") == files
    shutil.rmtree(again)
