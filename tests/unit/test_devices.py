"""GPUs of a job: with a command nvidia-smi that lists made-up GPUs, and real locks in several processes."""

import os
import subprocess
import sys

from semis.harness.errors import UserError
from semis.machine import devices

import pytest
from conftest import ROOT, lay_out

JOB = """
import os, sys
from pathlib import Path
from semis.machine import devices

devices.LOCKS = Path(sys.argv[1])
devices.use_gpus_asked_for({"gpu": int(sys.argv[2])}, needed=False)
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that puts GPUs (names, "MIG" after the one they divide) into the machine."""
    monkeypatch.setenv(devices.OUTER, "")  # so that it is restored, whatever a test does
    monkeypatch.delenv(devices.OUTER)
    monkeypatch.setattr(devices, "LOCKS", tmp_path)
    monkeypatch.setattr(devices, "HELD", [])

    def put(*names):
        lines = "".join(f"GPU 0: made up (UUID: {name})\n" for name in names)
        file = lay_out(tmp_path, {"bin/nvidia-smi": f"#!/bin/sh\ncat << end\n{lines}end\n"}) / "bin" / "nvidia-smi"
        file.chmod(0o755)
        devices._on_this_machine.cache_clear()
        monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")

    yield put
    devices._on_this_machine.cache_clear()
    for descriptor in devices.HELD:
        os.close(descriptor)


def start(folder, gpus=1):
    """Start a job on so many GPUs; it holds them until its standard input is closed."""
    command = [sys.executable, "-c", JOB, str(folder), str(gpus)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(job):
    job.stdin.close()
    job.stdout.close()
    assert job.wait() == 0


def test_jobs_at_the_same_time_get_different_gpus_and_another_one_waits(machine, tmp_path):
    machine("GPU-a", "GPU-b", "GPU-c")
    jobs = [start(tmp_path) for _ in range(3)]
    assert sorted(job.stdout.readline().strip() for job in jobs) == ["GPU-a", "GPU-b", "GPU-c"]
    late = start(tmp_path)
    assert late.stdout.readline() == "waiting for 1 free of the GPUs GPU-a, GPU-b, GPU-c\n"
    end(jobs.pop())
    assert late.stdout.readline().strip() in ("GPU-a", "GPU-b", "GPU-c")
    for job in [*jobs, late]:
        end(job)


def test_a_job_on_two_gpus_holds_none_while_it_waits_for_both(machine, tmp_path):
    machine("GPU-a", "GPU-b")
    first = start(tmp_path)
    name = first.stdout.readline().strip()
    both = start(tmp_path, 2)
    assert both.stdout.readline().startswith("waiting for 2 free of the GPUs")
    assert set(devices.take(devices.visible(), 1)) == {"GPU-a", "GPU-b"} - {name}
    os.close(devices.HELD.pop())
    end(first)
    assert both.stdout.readline().strip() == "GPU-a,GPU-b"
    end(both)


@pytest.mark.parametrize(
    ("here", "outer", "expected"),
    [
        (["GPU-a", "GPU-b"], None, ["GPU-a", "GPU-b"]),
        (["GPU-a", "GPU-b"], "1", ["1"]),
        (["GPU-a", "GPU-b"], "1,0", ["1", "0"]),
        (["GPU-a", "GPU-b"], "1,2,0", ["1"]),  # as CUDA: a number that does not exist ends the list
        (["GPU-a", "GPU-b"], "-1", []),
        (["GPU-a", "GPU-b"], "", []),
        (["GPU-a", "GPU-b"], "GPU-b", ["GPU-b"]),
        (["GPU-a", "MIG-1", "MIG-2"], None, ["MIG-1", "MIG-2"]),
        ([], None, []),
        ([], "0,1", []),  # a shell may name GPUs on a machine without one
        (["GPU-a"], "GPU-gone,GPU-a", []),
        (["GPU-abc", "GPU-def"], "GPU-d,0", ["GPU-d", "0"]),
    ],
)
def test_the_gpus_of_a_job_are_within_the_outer_list(machine, monkeypatch, here, outer, expected):
    machine(*here)
    if outer is not None:
        monkeypatch.setenv(devices.OUTER, outer)
    assert devices.visible() == expected


def test_two_schedulers_jobs_that_call_their_gpus_0_do_not_wait_for_each_other(machine):
    """Slurm shows each job its own GPU alone, under the number 0."""
    for name in ("GPU-a", "GPU-b"):
        machine(name)
        os.environ[devices.OUTER] = "0"
        devices.use_gpus_asked_for({"gpu": 1}, needed=False)
        assert os.environ[devices.OUTER] == "0"


def test_a_job_that_asks_for_none_sees_none(machine):
    machine("GPU-a")
    devices.use_gpus_asked_for({"mem_mb": 1})
    assert os.environ[devices.OUTER] == ""


def test_a_training_does_not_silently_use_the_cpu(machine, monkeypatch):
    """torch, which this test lacks, does not find the GPU that nvidia-smi lists."""
    machine("GPU-a")
    with pytest.raises(UserError, match="nvidia-smi lists the GPU GPU-a, but torch cannot use it"):
        devices.use_gpus_asked_for({"gpu": 1})
    monkeypatch.delenv(devices.OUTER)
    with pytest.raises(UserError, match=r"asks for 2 GPUs, but 1 can be seen here \(CUDA_VISIBLE_DEVICES is not set\)"):
        devices.use_gpus_asked_for({"gpu": 2})
    monkeypatch.setenv(devices.OUTER, "")
    with pytest.raises(UserError, match="asks for 1 GPU, but none can be seen here .*; set gpus to 0 in the config"):
        devices.use_gpus_asked_for({"gpu": 1})
    devices.use_gpus_asked_for({"gpu": 1}, needed=False)
    assert os.environ[devices.OUTER] == ""


@pytest.mark.parametrize(
    "given",
    [
        {"gres": "gpu:1"},
        {"gres": "gpu:a100:2"},
        {"gpus": 1},
        {"gpu_model": "a100"},
        {"slurm_extra": "--gpus-per-node=1"},
    ],
)
def test_a_gpu_that_the_scheduler_gives_but_the_config_does_not_use_is_refused(machine, given):
    with pytest.raises(UserError, match="by the config this training computes on the CPU; set gpus: 1"):
        devices.use_gpus_asked_for(given)
    for other in ("--qos=long", "--exclude=gpu-node-3", "--comment='no gpu'"):
        devices.use_gpus_asked_for({"gres": "lustre:1", "slurm_extra": other, "gpu": 0})


def test_a_lock_is_open_to_other_users(machine, tmp_path):
    machine("GPU-a")
    before = os.umask(0o077)
    try:
        devices.take(["GPU-a"], 1)
    finally:
        os.umask(before)
    assert (tmp_path / "semis-gpu-GPU-a.lock").stat().st_mode & 0o777 == 0o644
