"""profiles/slurm with a real Slurm, whose own records tell where each job ran. The GPU is pretended."""

import re
import signal
import time

import pytest
import slurm
import yaml
from conftest import ROOT, Snakemake

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing() or "-")]
GROUPS = dict(
    entry.split("=") for entry in yaml.safe_load((ROOT / "profiles/slurm/config.v9+.yaml").read_text())["groups"]
)
GPU_RULES = {"qlora_sample", "qlora_train"}
# Without an accounting database sacct knows nothing; a small cluster can answer often.
PROFILE = ["--workflow-profile", str(ROOT / "profiles" / "slurm"), "--slurm-status-command", "squeue"]
PROFILE += ["--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "2"]
PROFILE += ["--latency-wait", "5"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running Slurm."""
    with slurm.Slurm(tmp_path_factory.mktemp("slurm"), port=16817) as running:
        yield running


@pytest.fixture
def on_slurm(tmp_path, cluster):
    """A runner whose jobs go to Slurm, in a folder from which the demo's paths work."""
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    return Snakemake(tmp_path)


def demo(method):
    """Return the demo's config with one seed, this method, and one method of the language model."""
    config = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    config["seeds"] = [0]
    config["methods"] = {method: config["methods"][method]}
    config["qlora"]["methods"] = {"improved": {"recipe": "improved"}}
    return config


def of_rule(job):
    """Return the rule that a Slurm job ran, or the name of its group; the plugin writes it into the comment."""
    name = re.match(r"rule_(.*?)(_wildcards_.*)?$", job["Comment"])[1]
    group = name.split("_")[0]  # the comment starts with the group's name
    return group if group in GROUPS.values() else name


def test_the_demo_runs_on_slurm_and_only_the_gpu_rules_on_its_gpu(on_slurm, cluster):
    before = len(cluster.jobs())
    done = on_slurm(demo("fairseq-pretrained"), *PROFILE)
    assert done.returncode == 0, done.output
    jobs = cluster.jobs()[before:]
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    rules = re.findall(r"^ *rule (\w+):", done.output, re.M)
    assert {of_rule(job) for job in jobs} == {GROUPS.get(rule, rule) for rule in rules}
    assert sum(of_rule(job) == "run" for job in jobs) == 1  # fine-tuning and evaluation of a run are one job
    for job in jobs:
        wanted = of_rule(job) in GPU_RULES
        assert (job.get("TresPerJob") == "gres:gpu:1", job["Partition"] == "gpu") == (wanted, wanted), job
    assert {of_rule(job) for job in jobs} >= GPU_RULES
    local = re.findall(r"^ *localrule (\w+):", done.output, re.M)
    assert "table_stack" in local and not set(local) & {of_rule(job) for job in jobs}
    assert (on_slurm.folder / "results" / "demo" / "summary.md").exists()


def wait_for(condition, running):
    """Wait until a condition holds while the process `running` is alive; return the condition's value."""
    while not (found := condition()):
        assert running.poll() is None, running.stdout.read()
        time.sleep(0.2)
    return found


def test_a_cancelled_job_is_submitted_again_and_a_killed_snakemake_goes_on(on_slurm, cluster):
    """First scancel ends a running training, then kill -9 ends Snakemake; then the command of the docs runs."""
    before = len(cluster.jobs())
    config = demo("fairseq-scratch")
    target = "results/demo/runs/demo-books/fairseq-scratch/seed0/metrics.json"
    running = on_slurm.start(config, target, *PROFILE)

    def training(tried):
        found = [job for job in cluster.jobs()[before:] if of_rule(job) == "run"]
        return found[tried]["JobId"] if len(found) > tried and found[tried]["JobState"] == "RUNNING" else None

    cluster.run("scancel", wait_for(lambda: training(0), running))
    wait_for(lambda: training(1), running)
    running.send_signal(signal.SIGKILL)
    running.wait()
    cluster.cancel_all()
    finished = [job for job in cluster.jobs()[before:] if job["JobState"] == "COMPLETED"]

    assert on_slurm(config, "--unlock").returncode == 0
    done = on_slurm(config, target, *PROFILE)
    assert done.returncode == 0, done.output
    again = set(re.findall(r"^ *rule (\w+):", done.output, re.M))
    assert again == {"finetune_fairseq", "evaluate_fairseq"}, "what had finished was done again"
    assert finished and (on_slurm.folder / target).exists()
