"""Gives each job GPUs of its own: free ones, of those that the machine and the scheduler let it see."""

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError

LOCKS = Path("/tmp")  # every user and every node has it; TMPDIR may be another folder for each job
OUTER = "CUDA_VISIBLE_DEVICES"
DRIVERS = {"nvidia0", "nvidia1", "kfd"}  # in /dev, on a machine with GPUs but perhaps without nvidia-smi
HELD: list[int] = []  # descriptors of the locks of this process


def hide_gpus() -> None:
    """Show this job no GPU; call it before CUDA starts."""
    os.environ[OUTER] = ""


def use_gpus_asked_for(resources: Any, needed: bool = True) -> None:
    """Show this job as many free GPUs as its rule asks for, and no other; call it before CUDA starts.

    `resources` are Snakemake's. The job waits until so many GPUs are free and keeps them until it and its child
    processes end. Raises UserError if the machine has too few, or torch cannot use them, and they are `needed`; or if a
    scheduler gave the job a GPU for which its rule does not ask.
    """
    asked = resources.get("gpu") or 0
    if not asked:
        _check_scheduler(resources)
        hide_gpus()
        return
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # that of nvidia-smi, and so of the locks
    known = visible() or (counted_by_torch() if needed or DRIVERS.intersection(os.listdir("/dev")) else [])
    if len(known) >= asked:
        os.environ[OUTER] = ",".join(take(known, asked))
        if needed and not counted_by_torch():
            raise UserError(
                f"nvidia-smi lists the GPU {os.environ[OUTER]}, but torch cannot use it (it may be a build for CPUs, "
                "or the driver too old); set gpus to 0 in the config."
            )
    elif needed:
        raise UserError(
            f"this training asks for {asked} GPU{'s' * (asked > 1)}, but {len(known) or 'none'} can be seen here "
            f"({OUTER} is {os.environ.get(OUTER, 'not set')}); set gpus to {len(known)} in the config, or use a "
            "machine or a node with more."
        )


def _check_scheduler(resources: Any) -> None:
    """Raise UserError if the resources ask a scheduler for a GPU in other words than `gpu`, which Semis reads."""
    signs = {
        "gres": "gpu",
        "gpus": "[1-9]",
        "gpu_model": ".",
        "slurm_extra": r"--(gpus|gres|tres)[\w-]*[= ]\S*(gpu|\d)",
    }
    for name, sign in signs.items():
        if re.search(sign, str(resources.get(name) or "")):
            raise UserError(
                f"{name}={resources.get(name)} asks the scheduler for a GPU, but by the config this training computes "
                f"on the CPU; set gpus: 1 in the config, which asks for the GPU too, and drop {name}."
            )


def visible() -> list[str]:
    """Return the names by which CUDA knows the GPUs that this process may use, as far as nvidia-smi lists them.

    CUDA takes numbers and the first characters of a UUID. It ignores a name that is not valid and all names after it.
    """
    here = _on_this_machine()
    if OUTER not in os.environ or not here:
        return here
    return list(takewhile(lambda name: _is_one_of(name, here), _outer()))


def _is_one_of(name: str, here: Sequence[str]) -> bool:
    """Say whether a name in CUDA_VISIBLE_DEVICES is that of one of the GPUs `here`."""
    return int(name) < len(here) if name.isdecimal() else len(name) > 4 and any(one.startswith(name) for one in here)


def _outer() -> list[str]:
    """Return the names in CUDA_VISIBLE_DEVICES."""
    return [name.strip() for name in os.environ[OUTER].split(",")]


def counted_by_torch() -> list[str]:
    """Return the names of the GPUs that torch finds, in another process: counting may start CUDA."""
    code = "import torch; print(torch.cuda.device_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    count = int(done.stdout or 0)
    return _outer()[:count] if OUTER in os.environ else [str(number) for number in range(count)]


@cache
def _on_this_machine() -> list[str]:
    """Return the UUIDs of the machine's GPUs; for a GPU that is divided (MIG), those of its parts."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = re.findall(r"\(UUID: (\S+)\)", listed)
    parts = [name for name in found if name.startswith("MIG")]
    return parts or found


def take(names: Sequence[str], count: int) -> list[str]:
    """Lock `count` of the named GPUs for this process and its children; wait until so many are free. Return them."""
    waiting = False
    while True:
        held: dict[str, int] = {}
        for name in names:
            descriptor = _locked(name)
            if descriptor is not None:
                held[name] = descriptor
            if len(held) == count:
                HELD.extend(held.values())
                return list(held)
        for descriptor in held.values():
            os.close(descriptor)
        if not waiting:
            print(f"waiting for {count} free of the GPUs {', '.join(names)}", flush=True)
        waiting = True
        time.sleep(1)


def _locked(name: str) -> int | None:
    """Lock the file of a GPU; return its descriptor, or None if another process holds it."""
    path = LOCKS / f"semis-gpu-{_identity(name)}.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)  # of another user, perhaps, so it can be neither written nor created
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        os.fchmod(descriptor, 0o644)  # whatever the umask says
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.set_inheritable(descriptor, True)
    return descriptor


def _identity(name: str) -> str:
    """Return the UUID of a GPU, since two schedulers' jobs may each call theirs 0."""
    here = _on_this_machine()
    if name.isdecimal():
        found = here[int(name)] if int(name) < len(here) else name
    else:
        found = next((one for one in here if one.startswith(name)), name)
    return re.sub(r"[^\w-]", "-", found)
