"""Torture: kill the demo at random moments and run it again as the docs say, until it ends like one without kills.

`make torture KILLS=100 SEED=7` makes more kills, or the same ones again: the victims and the moments depend only on the
seed.
"""

import os
import random
import re
import shutil
import signal
import time
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

from semis.study.figures import FIGURES

import psutil
import pytest
from conftest import ROOT, Snakemake

# The demo with one seed, since its second seed adds no other rule.
CONFIG = (ROOT / "demo" / "config.yaml").read_text().replace("seeds: [0, 1]", "seeds: [0]")
# One kill is drawn for each kind: a rule, or the other rules of a file. `all` means the steps after the last job.
KINDS = [
    ["reviews.smk"],
    ["pretrain.smk"],
    ["pretrain"],
    ["finetune_fairseq"],
    ["finetune_huggingface"],
    ["classify.smk"],
    ["tables.smk", "figures.smk"],
    ["pages.smk", "all"],
    ["qlora.smk", "qlora_results.smk"],
    ["qlora_train"],
]
# {rule of a training: the pattern of a complete checkpoint in its work folder}
CHECKPOINTS = {
    "pretrain": "checkpoint_*.pt",
    "finetune_fairseq": "checkpoint[0-9]*.pt",
    "finetune_huggingface": "checkpoint-*/seal.json",
    "qlora_train": "checkpoint-*/seal.json",
}
# SIGKILL for all processes, for Snakemake only, for one process of a job; or for all, and the last write is lost too.
VICTIMS = ["group", "snakemake", "worker", "power"]
# Files that contain a time; all other results are equal byte for byte.
TIMED = r"logs/.*|benchmarks/.*|tables/runtime\.csv|figures/wall_time\..*|summary\.html|report\.html|provenance\.json"
TIMED += r"|.*/tensorboard/.*"
RULE_FILES = {
    rule: file.name
    for file in (ROOT / "rules").glob("*.smk")
    for rule in re.findall(r"^ *rule (\w+):", file.read_text(), re.M)
} | {f"plot_{name}": "figures.smk" for name in FIGURES}

Job = namedtuple("Job", "rule log outputs")
Kill = namedtuple("Kill", "victim job moment amount luck")


@pytest.fixture
def whole(runner, demo, tmp_path):
    """The runner of a demo with one seed and without kills: a copy of the finished demo without its second seed."""
    copy = shutil.copytree(runner.folder, tmp_path / "whole")
    for path in [*copy.glob("results/demo/runs/*/*/seed1"), *copy.glob("results/demo/*/*/*/*/seed1*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = Snakemake(copy, root=copy)
    done = found(CONFIG)
    assert done.returncode == 0, done.output
    return found


def jobs_of(runner):
    """Return the jobs of a finished demo, as Snakemake lists them, and the steps after the last one."""
    found = {("all", "results/demo/provenance.json"): []}
    for line in runner(CONFIG, "--detailed-summary").output.splitlines():
        if line.startswith("results/"):
            output, _, rule, log, *_ = line.split("\t")
            if rule == "all":
                continue
            found.setdefault((rule, log), []).append(output)
    return [Job(*of, tuple(outputs)) for of, outputs in found.items()]


def is_of(job, kind):
    """Say whether a job belongs to this one of KINDS."""
    return (job.rule if job.rule in ("all", *CHECKPOINTS) else RULE_FILES[job.rule]) in kind


def drawn(jobs, sizes, count, rng):
    """Draw this many kills, one of each kind; `sizes` has the bytes of each job's log in a demo without kills."""
    kinds = rng.sample(KINDS, min(count, len(KINDS)))
    victims = dict(zip(CHECKPOINTS, rng.sample(VICTIMS, len(CHECKPOINTS))))
    kills = []
    for kind in kinds:
        job = rng.choice([job for job in jobs if is_of(job, kind)])
        victim = victims.get(job.rule) or rng.choice(VICTIMS[:3])
        if job.rule in CHECKPOINTS and rng.random() < 0.7:
            moment, amount = "checkpoint", rng.choice([1, 2])
        elif job.rule != "all" and sizes[job] > 1000:
            moment, amount = "log", int(rng.random() * sizes[job])
        else:
            moment, amount = rng.choice(["start", "output", "end"]), 0
        kills.append(Kill(victim, job, moment, amount, rng.random()))
    return kills


class Torture:
    """A demo in its own folder, with the kills that are still to come."""

    def __init__(self, snakemake, kills):
        self.snakemake, self.folder, self.kills = snakemake, snakemake.folder, kills
        self.since = 0  # start of the last run; older files belong to an earlier one
        self.knows_the_lock = False
        self.to_go_on = set()  # trainings that were killed after a complete checkpoint

    def finish(self):
        """Run until the study is finished, every kill has happened, and every training has resumed if it could."""
        for _ in range(3 * len(self.kills) + 5):
            struck, code, output = self.run()
            if "cannot be locked" in output:
                self.knows_the_lock = True
                self.unlock()
            elif struck in ("group", "snakemake", "power") and self.knows_the_lock:
                self.unlock()
            elif "is still doing this job for a run that was killed; wait" in output:
                time.sleep(1)
            elif code == 0:
                break
            else:
                assert struck, output
        assert (self.folder / "results/demo/report.html").exists(), output
        assert (code, self.kills, self.to_go_on) == (0, [], set()), output

    def unlock(self):
        done = self.snakemake(CONFIG, "--unlock")
        assert done.returncode == 0, done.output

    def run(self):
        """Run Snakemake, and kill when a kill is due; return (last victim, exit code, output)."""
        self.since, struck = time.time(), None
        with (self.folder / "output").open("w+") as stream:
            process = self.snakemake.start(CONFIG, stdout=stream, start_new_session=True)
            while process.poll() is None:
                for kill in [kill for kill in self.kills if self.is_due(kill)]:
                    self.kills.remove(kill)
                    struck = self.strike(kill, process)
                    if struck != "worker":
                        break
                for job in [job for job in self.to_go_on if self.is_running(job)]:
                    with suppress(FileNotFoundError):  # a job holds its lock before it opens its log
                        if "resuming from " in (self.folder / job.log).read_text(errors="replace"):
                            self.to_go_on.remove(job)
                time.sleep(0.003)
            stream.seek(0)
            return struck, process.returncode, stream.read()

    def strike(self, kill, process):
        """Kill; return the victim, which is the whole process group if no process of the job is left."""
        print(f"{kill.victim} at {kill.moment} {kill.amount} of {kill.job.rule} ({kill.job.log})", flush=True)
        victim, rng = kill.victim, random.Random(kill.luck)
        jobs = psutil.Process(process.pid).children(recursive=True)
        if victim == "worker":
            try:
                script = psutil.Process(int(re.match(r"process (\d+)", self.lock(kill.job).read_text())[1]))
                rng.choice([script, *script.children(recursive=True)]).kill()
            except (OSError, TypeError, psutil.NoSuchProcess):
                victim = "group"
        if victim == "snakemake":
            process.kill()
        elif victim != "worker":
            os.killpg(process.pid, signal.SIGKILL)
        if victim != "worker":
            _, left = psutil.wait_procs(jobs, timeout=60)
            assert left == [], "a job outlives its Snakemake"
        checkpoints = self.checkpoints(kill.job)
        if victim == "power" and checkpoints:
            tear(checkpoints.pop(), rng)
        if victim != "snakemake" and checkpoints:  # else it may have reached its end
            self.to_go_on.add(kill.job)
        return victim

    def checkpoints(self, job):
        """Return the complete checkpoints of a training, the newest last; an empty list for another job."""
        pattern = CHECKPOINTS.get(job.rule)
        history = [output for output in job.outputs if output.endswith("history.csv")]
        found = [p for h in history for p in (self.folder / h).parent.glob(f"work/*/checkpoints/{pattern}")]
        times = {path: known.st_mtime_ns for path in found if (known := status(path))}
        return sorted(times, key=times.get)

    def is_due(self, kill):
        """Say whether the job has reached the moment of its kill, or has ended before that was noticed."""
        job, log = kill.job, status(self.folder / kill.job.log)
        if not self.is_running(job):
            return log and log.st_mtime > self.since and not self.lock(job).exists()
        if kill.moment == "log":
            return log and log.st_size >= kill.amount
        if kill.moment == "checkpoint":
            return len(self.checkpoints(job)) >= kill.amount
        if kill.moment == "output":
            return any((self.folder / output).exists() for output in job.outputs)
        return kill.moment == "start"

    def is_running(self, job):
        """Say whether a job has begun in this run and has not ended."""
        lock = status(self.lock(job))
        return lock and lock.st_mtime > self.since

    def lock(self, job):
        return self.folder / f"{job.log}.lock"


def status(path):
    """Return the status of a file, or None if it does not exist, or no longer exists."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def tear(checkpoint, rng):
    """Truncate a file of a checkpoint at a random place, or empty it."""
    files = [checkpoint] if checkpoint.suffix == ".pt" else sorted(checkpoint.parent.iterdir())
    file = rng.choice([file for file in files if file.stat().st_size])
    os.truncate(file, int(rng.choice([0, rng.random()]) * file.stat().st_size))


def untimed(name):
    """Return the name of a file without time and host, which are in the names of TensorBoard's event files."""
    return re.sub(r"(tfevents)\..*", r"\1", name)


def assert_equal(killed, whole):
    """Assert that two runners have the same result files, with the same bytes except in files with a time."""
    files = whole.files("results/demo")
    assert list(map(untimed, killed.files("results/demo"))) == list(map(untimed, files))
    compared = [Path("results/demo", name) for name in files if not re.fullmatch(TIMED, name)]
    assert [
        path for path in compared if (killed.folder / path).read_bytes() != (whole.folder / path).read_bytes()
    ] == []


def test_every_rule_of_the_demo_may_be_killed():
    jobs = [Job(rule, "", []) for rule in [*RULE_FILES, "all"]]
    left_out = {job.rule for job in jobs if not any(is_of(job, kind) for kind in KINDS)}
    assert left_out == {rule for rule, file in RULE_FILES.items() if file in ("download.smk", "targets.smk")}


@pytest.mark.slow
def test_a_demo_that_is_killed_again_and_again_ends_like_one_that_is_not(whole, tmp_path):
    torture(whole, tmp_path, int(os.environ.get("KILLS") or 10))


@pytest.mark.long
def test_a_hundred_kills_change_nothing_either(whole, tmp_path):
    torture(whole, tmp_path, 100)


def made_in(runner, folder):
    """The names in a folder of a runner that its runs made; a module of scripts/ is called results too."""
    return {"results", ".snakemake"} if Path(folder) == runner.folder else set()


def torture(whole, folder, kills):
    """Kill copies of the demo this many times, and compare each with the runner `whole`, which was not killed."""
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"\n{kills} kills drawn with SEED={seed}")
    rng, jobs = random.Random(seed), jobs_of(whole)
    sizes = {job: (whole.folder / job.log).stat().st_size for job in jobs}
    rounds = [drawn(jobs, sizes, min(kills - done, len(KINDS)), rng) for done in range(0, kills, len(KINDS))]
    copy = shutil.copytree(whole.folder, folder / "semis", ignore=lambda inside, _: made_in(whole, inside))
    for number, each in enumerate(rounds, 1):
        shutil.rmtree(copy / "results", ignore_errors=True)
        snakemake = Snakemake(copy, root=copy)
        Torture(snakemake, list(each)).finish()
        assert_equal(snakemake, whole)
        print(f"study {number} of {len(rounds)}: {len(each)} kills, and the same bytes", flush=True)
