"""Semis as a part of another workflow, which includes it twice with `module`, each time with another config."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, Snakemake, lay_out, reviews, study

OUTER = f"""
configfile: "mine.yaml"

module first:
    snakefile: "{ROOT}/Snakefile"
    config: config["first"]

module second:
    snakefile: "{ROOT}/Snakefile"
    config: config["second"]

use rule * from first as first_*
use rule * from second as second_*

rule lines:
    default_target: True
    input:
        "results/one/data/books/train.review",
        rules.second_prepare.input,
    output: "lines.txt"
    shell: "cat {{input}} | wc -l > {{output}}"

rule everything:
    input: rules.first_all.input, rules.second_all.input
"""


@pytest.fixture
def outer(tmp_path):
    """A function that runs the other workflow, with its own folder and its own config."""
    lay_out(tmp_path / "books", reviews())
    books = study({"path": "books"})
    configs = {"first": books | {"study": "one"}, "second": books | {"study": "two"}}
    lay_out(tmp_path, {"Snakefile": OUTER, "mine.yaml": json.dumps(configs)})

    def run(*args):
        command = [sys.executable, "-m", "snakemake", *args, "--cores", "2"]
        command += ["--workflow-profile", ROOT / "profiles" / "default"]
        env = Snakemake(tmp_path).env
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr + done.stdout

    return run


def test_another_workflow_plans_all_of_two_studies(outer):
    output = outer("everything", "--dry-run")
    for module in ("first", "second"):
        assert len(re.findall(rf"^rule {module}_finetune_fairseq:", output, re.M)) == 3
        assert re.search(rf"^(?:local)?rule {module}_summary:", output, re.M)


@pytest.mark.slow
def test_another_workflow_runs_rules_of_both(outer, tmp_path):
    outer()
    assert (tmp_path / "lines.txt").read_text().split() == ["8"]
    assert not (tmp_path / "results" / "one" / "data" / "books" / "test.review").exists()
    assert "Nothing to be done" in outer()


def test_the_workflow_catalog_can_list_it():
    """It lists a repository with a Snakefile at the root, .smk files in rules/ and two words in the README."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] and usage["report"]
    assert (ROOT / "Snakefile").is_file() and list((ROOT / "rules").glob("*.smk"))
    assert {"snakemake", "workflow"} <= set((ROOT / "README.md").read_text().lower().split())
