"""Lets only one process do a job, even when several Snakemakes or nodes share the results."""

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semis.harness.errors import UserError

PATIENCE = 10  # seconds to wait for another process: if its Snakemake was killed, it ends within one


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file `path`. A child process that inherits the lock holds it too, as long as it lives.

    Raises UserError if another process, perhaps on another node, does not release the lock.
    """
    held = _taken(path)
    os.set_inheritable(held, True)
    os.ftruncate(held, 0)
    os.write(held, f"process {os.getpid()} on {platform.node()}".encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(held)


def _taken(path: Path) -> int:
    """Lock the file; return its descriptor. Raises UserError if another process holds it for too long."""
    holder = "another process"
    for _ in range(PATIENCE):
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(held, 1000).decode() or holder
            os.close(held)
            time.sleep(1)
            continue
        except OSError as error:
            print(f"{path} cannot be locked ({error}); the job runs without a lock", flush=True)
        if os.fstat(held).st_nlink:  # else its holder has just removed it, and the next process makes a new one
            return held
        os.close(held)
    raise UserError(
        f"{holder} is still doing this job for a run that was killed; wait until it ends, or end it, then run "
        f"again (it holds {path})."
    )
