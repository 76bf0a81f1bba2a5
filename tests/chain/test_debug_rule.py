"""tests/tools/debug_rule.py: a rule's script gives the rule's results outside Snakemake, and stops at breakpoints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
TOOL = "tests/tools/debug_rule.py"
TARGETS = [
    "tables/spread.csv",
    "data/demo-books/test.jsonl",
    "runs/demo-books/huggingface-pretrained/seed1/metrics.json",
]


def run(runner, target, *args, typed=""):
    """Start the tool on a file of the demo with this input; return (its output, the folder that it names)."""
    command = [sys.executable, runner.root / TOOL, f"results/demo/{target}", "--configfile", "demo/config.yaml"]
    done = subprocess.run(
        [*command, *args], cwd=runner.folder, env=runner.env, input=typed, capture_output=True, text=True
    )
    assert " in /" in done.stdout, done.stderr
    return done, Path(re.search(r" in (/.*)", done.stdout)[1])


@pytest.mark.parametrize("target", TARGETS)
def test_a_script_by_itself_writes_what_its_rule_wrote(runner, demo, target):
    before = (demo / target).stat().st_mtime_ns
    done, folder = run(runner, target, "--call")
    assert done.returncode == 0, done.stderr
    assert (folder / "results" / "demo" / target).read_bytes() == (demo / target).read_bytes()
    assert (demo / target).stat().st_mtime_ns == before


def test_pdb_stops_where_it_is_told_to(runner, demo):
    done, _ = run(runner, "tables/spread.csv", typed="break spread_table\ncontinue\np predictions.columns\nquit\n")
    assert "spread_table()" in done.stdout and "'probability'" in done.stdout


def test_a_file_of_no_rule_is_named(runner, demo):
    command = [sys.executable, runner.root / TOOL, "results/demo/nothing.csv"]
    done = subprocess.run(command, cwd=runner.folder, env=runner.env, capture_output=True, text=True)
    assert done.returncode == 1 and "results/demo/nothing.csv" in done.stderr and "Traceback" not in done.stderr
