"""Runs whose Snakemake is killed: the command of the docs completes them, and no two processes do the same job."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

import psutil
import pytest
from conftest import ROOT, Snakemake, in_environment, lay_out, reviews, study

CONFIG = (ROOT / "demo" / "config.yaml").read_text()
KILLED = {  # {method: (its rule, what is there once a first checkpoint is whole, its model's file)}
    "fairseq-pretrained": ("finetune_fairseq", "checkpoint1.pt", "model.pt"),
    "huggingface-pretrained": ("finetune_huggingface", "checkpoint-*/trainer_state.json", "model.safetensors"),
}


def holder(lock):
    """Return the number of the process that holds a lock file."""
    return psutil.Process(int(re.match(r"process (\d+) on ", lock.read_text())[1]))


def test_a_job_that_another_process_still_does_is_refused(snakemake, tmp_path):
    config = study({"path": str(lay_out(tmp_path / "books", reviews()))})
    lock = tmp_path / "results/t/logs/prepare_split/books/train.log.lock"
    lay_out(tmp_path, {lock.relative_to(tmp_path): "process 1 on another-node"})
    with lock.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        sentence = snakemake.sentence(config, "results/t/data/books/train.review")
    assert sentence.startswith(
        "Semis: process 1 on another-node is still doing this job for a run that was killed; wait"
    )
    done = snakemake(config, "results/t/data/books/train.review")
    assert done.returncode == 0, done.output
    assert not lock.exists()


@pytest.mark.slow
def test_trainings_whose_snakemake_was_killed(runner, demo, tmp_path):
    """The test stops both trainings after their first checkpoint and lets them outlive their Snakemake."""
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
    for folder in [
        *runs.values(),
        copy / "results/demo/tables",
    ]:  # otherwise the later results exist, and Snakemake would not need the runs
        shutil.rmtree(folder)

    process = snakemake.start(CONFIG)
    caught, waiting = [], set(KILLED)
    while waiting:  # the order of the two is open
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
    assert len(re.findall(r"^Semis: process \d+ on \S+ is still doing this job", done.output, re.M)) == 2, done.output
    assert not any(model.exists() for model in models.values())

    for stopped in reversed(caught):
        stopped.resume()
    psutil.wait_procs(caught, timeout=60)
    assert not any(stopped.is_running() for stopped in caught), "a training outlives its Snakemake"
    done = snakemake(CONFIG)
    assert done.returncode == 0, done.output
    for method, model in models.items():
        assert "resuming from " in logs[method].read_text()
        assert model.read_bytes() == whole[method]
    made = re.findall(r"^(?:local)?rule (\w+):", done.output, re.M)
    assert sorted(name for name in made if "finetune" in name) == sorted(rule for rule, *_ in KILLED.values())
    assert {"pretrain", "tokenize", "qlora_train"}.isdisjoint(made)


def resumed_from(folder):
    """Return {state of a work folder: the checkpoint from which fairseq resumes}; each has its epoch's accuracy."""
    import shutil
    from pathlib import Path

    from semis.fairseq import checkpoints
    from semis.fairseq.training import saved

    import torch

    def save(name, accuracy, best):
        state = {"extra_state": {"val_loss": accuracy, "best": best}, "model": {"w": torch.arange(1000.0)}}
        torch.save(state, Path(folder) / "checkpoints" / name)

    def cut(name, size):
        def damage():
            path = Path(folder) / "checkpoints" / name
            content = path.read_bytes()
            path.write_bytes(content[: int(size * len(content))])

        return damage

    def zeroed(name):
        def damage():
            path = Path(folder) / "checkpoints" / name
            content = path.read_bytes()
            path.write_bytes(content[:2000] + bytes(1000) + content[3000:])

        return damage

    states = {  # {name: ([accuracies of the epochs], damages)}
        "whole": ([50, 60], []),
        "no best copy yet": ([50, 60], [(Path(folder) / "checkpoints" / "checkpoint_best.pt").unlink]),
        "half a best copy": ([50, 60], [cut("checkpoint_best.pt", 0.5)]),
        "cut": ([50, 60], [cut("checkpoint2.pt", 0.9)]),
        "emptied": ([50, 60], [cut("checkpoint2.pt", 0), cut("checkpoint_best.pt", 0)]),
        "a block lost": ([50, 60], [zeroed("checkpoint2.pt")]),
        "the best lost": ([70, 60, 50], [cut("checkpoint_best.pt", 0)]),
        "a leftover": ([50], [lambda: (Path(folder) / "checkpoints" / "checkpoint2.pt.tmp").write_bytes(b"")]),
    }
    found = {}
    for state, (accuracies, damages) in states.items():
        shutil.rmtree(folder, ignore_errors=True)
        (Path(folder) / "checkpoints").mkdir(parents=True)
        for epoch, accuracy in enumerate(accuracies, 1):
            best = max(accuracies[:epoch])
            save(f"checkpoint{epoch}.pt", accuracy, best)
            if accuracy == best:
                save("checkpoint_best.pt", accuracy, best)
        if len(accuracies) == 3:  # fairseq keeps two
            (Path(folder) / "checkpoints" / "checkpoint1.pt").unlink()
        assert checkpoints.is_whole(Path(folder) / "checkpoints" / "checkpoint_best.pt")
        for damage in damages:
            damage()
        path = saved(Path(folder), "checkpoint[0-9]*.pt")
        found[state] = path and path.name
    return found


@pytest.mark.slow
def test_fairseq_resumes_from_the_newest_checkpoint_that_is_whole_and_has_its_best(demo, tmp_path):
    assert in_environment("fairseq", resumed_from, str(tmp_path / "work")) == {
        "whole": "checkpoint2.pt",
        "no best copy yet": "checkpoint2.pt",
        "half a best copy": "checkpoint2.pt",
        "cut": "checkpoint1.pt",
        "emptied": "checkpoint1.pt",
        "a block lost": "checkpoint1.pt",
        "the best lost": None,
        "a leftover": "checkpoint1.pt",
    }


@pytest.mark.slow
def test_a_pretraining_killed_in_a_later_epoch_ends_in_the_same_bytes(runner, demo, tmp_path):
    copy = shutil.copytree(runner.folder, tmp_path / "semis", symlinks=True)
    snakemake, model = Snakemake(copy, root=copy), "results/demo/models/roberta-demo/model.pt"
    whole = (copy / model).read_bytes()
    (copy / model).unlink()
    process = snakemake.start(CONFIG, model)
    while not list(copy.glob("results/demo/pretraining/roberta-demo/work/*/checkpoints/checkpoint_2_200.pt")):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = snakemake(CONFIG, "--unlock")
    assert done.returncode == 0, done.output
    done = snakemake(CONFIG, model)
    assert done.returncode == 0, done.output
    log = (copy / "results/demo/logs/pretrain/roberta-demo.log").read_text()
    assert re.search(r"Loaded checkpoint \S+ \(epoch 2 @ 2\d\d updates\)", log)
    assert (copy / model).read_bytes() == whole


@contextmanager
def small_disk(folder, size):
    """Mount a separate file system at `folder`; skip the test without root. Yields a function that remounts it."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted only by root")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
def test_a_disk_without_room_or_rights(snakemake, tmp_path):
    config, target = study({"path": str(lay_out(tmp_path / "books", reviews()))}), "results/t/data/books/train.review"
    with small_disk(tmp_path / "results", "64k") as resize:
        sentence = snakemake.sentence(config, target)
        assert sentence.startswith("Semis: nothing can be written into results (No space left on device); ")
        resize("ro")
        sentence = snakemake.sentence(config, target)
        assert sentence.startswith("Semis: nothing can be written into results (Read-only file system); ")
        assert snakemake.files("results") == []
        resize("rw,size=8m")
        done = snakemake(config, target)
        assert done.returncode == 0, done.output


@pytest.mark.slow
def test_a_training_that_runs_out_of_room_or_loses_a_file(runner, demo, tmp_path):
    """Two trainings meet a full disk; with more space, one of them loses a file before it opens that."""
    copy = shutil.copytree(runner.folder, tmp_path / "semis", symlinks=True)
    snakemake = Snakemake(copy, root=copy)
    runs = [copy / "results/demo/runs/demo-books" / method / "seed0" for method in KILLED]
    whole = [(run / "model" / file).read_bytes() for run, (_, _, file) in zip(runs, KILLED.values())]
    for run in runs:
        shutil.rmtree(run)
    targets = [str(run.relative_to(copy) / "history.csv") for run in runs]
    with small_disk(runs[0], "1m") as resize, small_disk(runs[1], "1m") as resize_other:
        done = snakemake(CONFIG, "--keep-going", *targets)
        assert done.returncode != 0
        for run in runs:
            assert f"Semis: nothing can be written into {run.relative_to(copy)} (No space left on device); correct" in (
                done.output
            ), done.output
        assert "Traceback" not in done.output, done.output
        assert not any((run / "model").exists() for run in runs)
        resize("size=64m")
        resize_other("size=64m")

        lost = copy / "results/demo/data/demo-books/tokens/roberta-demo/train.input0.bin"
        lock = copy / "results/demo/logs/finetune_fairseq/demo-books/fairseq-pretrained/seed0.log.lock"
        process = snakemake.start(CONFIG, "--keep-going", *targets)
        while not lock.exists():
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.01)
        lost.unlink()
        output = process.communicate()[0]
        assert process.returncode != 0 and "Traceback" not in output
        assert f"Semis: {lost.relative_to(copy)} was removed while rule finetune_fairseq needed it; run again" in output

        done = snakemake(CONFIG, *targets)
        assert done.returncode == 0, done.output
        assert [(run / "model" / file).read_bytes() for run, (_, _, file) in zip(runs, KILLED.values())] == whole
