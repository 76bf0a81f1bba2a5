"""How jobs share one machine under profiles/default: trainings side by side, a GPU for one job at a time."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

PROFILE = ["--workflow-profile", ROOT / "profiles" / "default"]
# Each job fails if the other one runs at the same time.
IN_TURN = """
rule all:
    input: "1.done", "2.done", "3.done"
rule job:
    output: "{n}.done"
    resources: gpu=1
    shell: "mkdir held && sleep 0.5 && rmdir held && touch {output}"
"""
# Each job ends only if the other one runs at the same time.
TOGETHER = """
rule all:
    input: "1.done", "2.done"
rule job:
    output: "{n}.done"
    resources: gpu=1
    shell:
        "touch here.{wildcards.n}; timeout 60 bash -c 'until [ -e here.1 -a -e here.2 ]; do sleep 0.1; done'; "
        "touch {output}"
"""


def run(folder, rules, *args):
    """Run a Snakefile with eight cores under the default profile."""
    (folder / "Snakefile").write_text(rules)
    command = [sys.executable, "-m", "snakemake", "--cores", "8", *PROFILE, *args]
    path = f"{ROOT / 'envs' / 'stand_in' / 'bin'}{os.pathsep}{os.environ['PATH']}"  # the profile needs a conda
    env = {**os.environ, "PATH": path, "SEMIS_PYTHON": sys.executable}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_two_jobs_never_share_a_gpu_unless_asked(tmp_path):
    done = run(tmp_path, IN_TURN)
    assert done.returncode == 0, done.stderr
    for file in tmp_path.glob("*.done"):
        file.unlink()
    done = run(tmp_path, TOGETHER, "--resources", "gpu=2")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("threads", "shown"), [(None, None), (3, "3")])
def test_a_training_has_the_threads_of_the_config(snakemake, threads, shown):
    """The default is one, which Snakemake does not print: each core can run one training."""
    (snakemake.folder / "demo").symlink_to(ROOT / "demo")
    config = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    if threads:
        config["training"]["threads"] = threads
    done = snakemake(config, "--dry-run", "--cores", "8")
    jobs = re.findall(r"^rule finetune_\w+:\n((?: .*\n)+)", done.output, re.M)
    assert len(jobs) == 6
    for body in jobs:
        found = re.search(r"^ +threads: (\d+)", body, re.M)
        assert (found and found[1]) == shown
