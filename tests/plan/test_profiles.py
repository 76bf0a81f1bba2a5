"""The generic profile with its script, and the samples of profiles/README.md for other schedulers."""

import re

import pytest
import yaml
from conftest import ROOT, lay_out

README = (ROOT / "profiles" / "README.md").read_text()
OTHERS = {yaml.safe_load(text)["executor"]: text for text in re.findall(r"```yaml\n(.*?)```", README, re.S)}

RULES = "\n".join(file.read_text() for file in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
# Snakemake runs these on the submitting machine.
LOCAL = {part.split(":")[0] for part in re.split(r"\n *rule ", RULES) if "localrule: True" in part}


@pytest.fixture
def study(snakemake):
    """The demo's config with one run of one method, in a folder from which its paths work."""
    for name in ("demo", "profiles"):
        (snakemake.folder / name).symlink_to(ROOT / name)
    config = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    del config["qlora"]
    return config | {"seeds": [0], "methods": {"scratch": config["methods"]["fairseq-scratch"]}}


@pytest.mark.slow
def test_a_shell_script_can_submit_every_job(snakemake, study):
    target = "results/demo/runs/demo-books/scratch/seed0/metrics.json"
    done = snakemake(study, target, "--workflow-profile", "profiles/generic", "--latency-wait", "5")
    assert done.returncode == 0, done.output
    assert (snakemake.folder / target).exists()
    submitted = len(re.findall("Submitted job", done.output))
    assert submitted == len(re.findall(r"^ *rule \w+:", done.output, re.M)) > 5


@pytest.mark.slow
def test_a_job_needs_nothing_of_the_environment_in_which_it_was_submitted(snakemake, study):
    """Some schedulers pass no environment; the job then finds another conda on the node."""
    scripts = {
        "node/conda": "#!/bin/sh\nexit 3\n",
        "submit.sh": "nohup env -i PATH=$PWD/node:/usr/bin:/bin bash $1 > $1.out 2>&1 &\necho $!\n",
    }
    for file in scripts:
        (lay_out(snakemake.folder, scripts) / file).chmod(0o755)
    target = "results/demo/data/demo-books/tokens/roberta-demo/valid.pieces"
    submit = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "bash submit.sh", "--latency-wait", "5"]
    done = snakemake(study, *submit, "--jobs", "1", "--", target, SEMIS_ENVS="pip")
    assert done.returncode == 0, done.output
    assert (snakemake.folder / target).exists() and "Submitted job" in done.output


def test_other_default_resources_on_the_command_line_lose_no_memory_and_no_runtime(snakemake):
    """They replace those of the profile."""
    (snakemake.folder / "demo").symlink_to(ROOT / "demo")
    config = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    profile = ["--workflow-profile", ROOT / "profiles" / "slurm", "--default-resources", "slurm_partition=mine"]
    done = snakemake(config, *profile, "--dry-run")
    assert done.returncode == 0, done.output
    jobs = re.findall(r"rule (\w+):\n((?: +[a-z]+: .*\n)+)", done.output)
    jobs = [(rule, lines) for rule, lines in jobs if rule not in LOCAL and not rule.startswith("plot_")]
    assert {"tokenize", "binarize_text", "pretrain", "table", "qlora_train"} < {rule for rule, _ in jobs}
    for rule, lines in jobs:
        found = dict(re.findall(r"(\w+)=([^,\s]+)", lines))
        assert found["mem_mb"].isdecimal() and found["runtime"].isdecimal() and found["gpu"], rule
        assert found["slurm_partition"] == ("gpu" if rule in ("qlora_train", "qlora_sample") else "mine"), rule


def test_the_readme_names_these_schedulers():
    assert set(OTHERS) == {"lsf", "sge", "kubernetes"}


def test_every_profile_reruns_by_what_the_digests_need():
    """Snakemake's own triggers for code and environments depend on dates and absolute folders."""
    profiles = {file.parent.name: yaml.safe_load(file.read_text()) for file in (ROOT / "profiles").glob("*/config*")}
    assert set(profiles) == {"default", "generic", "slurm"}
    profiles |= {name: yaml.safe_load(text) for name, text in OTHERS.items()}
    for name, profile in profiles.items():
        assert profile["rerun-triggers"] == ["mtime", "params", "input"], name
        assert profile["max-checksum-file-size"] == 10**9, name


@pytest.mark.parametrize("name", OTHERS)
def test_the_profiles_of_the_readme_are_read(snakemake, study, name):
    profile = snakemake.folder / name
    profile.mkdir()
    (profile / "config.v9+.yaml").write_text(OTHERS[name])
    # Kubernetes plans only with files that are already in its storage.
    look = ["--list-rules"] if name == "kubernetes" else ["--dry-run", "--quiet", "rules"]
    done = snakemake(study, "--workflow-profile", str(profile), *look)
    assert done.returncode == 0 and "finetune_fairseq" in done.output, done.output
