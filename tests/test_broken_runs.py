"""A run whose Snakemake is killed: what the README says to type puts it right, and no job is done twice at once."""

import fcntl
import re
import shutil
import signal
import time

import psutil
import pytest
from conftest import ROOT, Snakemake, lay_out, reviews, study

CONFIG = (ROOT / "demo" / "config.yaml").read_text()
KILLED = {  # {method: (its rule, what is there once a first checkpoint is whole, its model's file)}
    "fairseq-pretrained": ("finetune_fairseq", "checkpoint1.pt", "model.pt"),
    "huggingface-pretrained": ("finetune_huggingface", "checkpoint-*/trainer_state.json", "model.safetensors"),
}


def holder(lock):
    """The process that has written its number into a lock file."""
    return psutil.Process(int(re.match(r"process (\d+) on ", lock.read_text())[1]))


def test_a_job_that_another_process_still_does_is_refused(snakemake, tmp_path):
    config = study({"path": str(lay_out(tmp_path / "books", reviews()))})
    lock = tmp_path / "results/t/logs/prepare_split/books/train.log.lock"
    lay_out(tmp_path, {lock.relative_to(tmp_path): "process 1 on another-node"})
    with lock.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        sentence = snakemake.sentence(config, "results/t/data/books/train.review")
    assert sentence.startswith("Semis: process 1 on another-node still does this job for a run that was killed; wait")
    done = snakemake(config, "results/t/data/books/train.review")
    assert done.returncode == 0, done.output
    assert not lock.exists()


@pytest.mark.slow
def test_trainings_whose_snakemake_was_killed(runner, demo, tmp_path):
    """Both trainings are caught behind their first checkpoint, and made to outlive their Snakemake."""
    copy = shutil.copytree(runner.folder, tmp_path / "semis")
    snakemake = Snakemake(copy, root=copy)
    done = snakemake(CONFIG)
    assert done.returncode == 0, done.output
    runs = {method: copy / "results/demo/runs/demo-books" / method / "seed0" for method in KILLED}
    models = {method: runs[method] / "model" / file for method, (_, _, file) in KILLED.items()}
    whole = {method: model.read_bytes() for method, model in models.items()}
    logs = {
        method: copy / f"results/demo/logs/{rule}/demo-books/{method}/seed0.log"
        for method, (rule, *_) in KILLED.items()
    }
    for folder in [*runs.values(), copy / "results/demo/tables"]:  # what stands behind is there: nobody would miss runs
        shutil.rmtree(folder)

    process = snakemake.start(CONFIG)
    caught, waiting = [], set(KILLED)
    while waiting:  # whichever of the two comes first
        assert process.poll() is None, process.stdout.read()
        for method in sorted(waiting):
            if list(runs[method].glob(f"work/*/checkpoints/{KILLED[method][1]}")):
                script = holder(logs[method].with_name(f"{logs[method].name}.lock"))
                frozen = [script, *script.children(recursive=True)]
                for stopped in frozen:
                    stopped.suspend()
                caught += frozen
                waiting.remove(method)
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert "cannot be locked" in snakemake(CONFIG).output
    done = snakemake(CONFIG, "--unlock")
    assert done.returncode == 0, done.output
    done = snakemake(CONFIG, "--keep-going")
    assert done.returncode != 0
    assert len(re.findall(r"^Semis: process \d+ on \S+ still does this job", done.output, re.M)) == 2, done.output
    assert not any(model.exists() for model in models.values())

    for stopped in reversed(caught):
        stopped.resume()
    psutil.wait_procs(caught, timeout=60)
    assert not any(stopped.is_running() for stopped in caught), "a training outlives its Snakemake"
    done = snakemake(CONFIG)
    assert done.returncode == 0, done.output
    for method, model in models.items():
        assert "going on from " in logs[method].read_text()
        assert model.read_bytes() == whole[method]
    made = re.findall(r"^(?:local)?rule (\w+):", done.output, re.M)
    assert sorted(name for name in made if "finetune" in name) == sorted(rule for rule, *_ in KILLED.values())
    assert {"pretrain", "tokenize", "bloom_train"}.isdisjoint(made)
