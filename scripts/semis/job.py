"""How every script of a rule runs: output to the rule's log, alone at its job, one sentence for a user's mistake."""

import fcntl
import os
import platform
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

from semis.errors import UserError

PATIENCE = 10  # seconds in which another process may leave the same job: one whose Snakemake was killed takes one


@contextmanager
def job(snakemake):
    """Run the body of a script as the job that `snakemake` describes.

    What the body and its child processes print goes to the rule's log. A `UserError` ends the job with exit code 1 and
    its sentence on the terminal; any other exception leaves its traceback in the log. Without the resource `gpu` no GPU
    is visible. The job ends with the Snakemake that started it, and is never done by two processes at once: the
    second one gives up with a sentence.
    """
    if not snakemake.resources.get("gpu"):
        os.environ.update(CUDA_VISIBLE_DEVICES="")
    terminal = os.dup(2)
    try:
        with _alone(Path(f"{snakemake.log[0]}.lock")):
            _write_to(snakemake.log[0])
            # subprocess.run kills the child that it waits for when an exception such as SystemExit passes through it
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
            yield
    except UserError as error:
        os.write(terminal, f"Semis: {error}\n".encode())
        if not os.path.sameopenfile(terminal, 2):  # in the log too, where it is this job's
            print(f"Semis: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        os.write(terminal, f"Semis: rule {snakemake.rule} failed; its log {snakemake.log[0]} says why.\n".encode())
        sys.exit(1)


def _write_to(log):
    """Send what this process and its children print from now on to the file `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(log).open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)


def _end_with(parent):
    """End this process, by SIGTERM, once the process `parent` that started it is gone: nobody would take the result."""
    while os.getppid() == parent:
        time.sleep(1)
    print("The Snakemake that started this job is gone; the job ends too.", flush=True)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)


@contextmanager
def _alone(path):
    """Hold the lock file `path`; it also counts as held while a child process lives that has inherited it.

    Raises UserError where another process, perhaps on another node, does not let go of it.
    """
    for _ in range(PATIENCE):
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(held, 1000).decode() or "another process"
            os.close(held)
            time.sleep(1)
            continue
        except OSError as error:
            print(f"{path} cannot be locked ({error}); going on without", flush=True)
        if os.fstat(held).st_nlink:  # else its holder has just removed it, and the next one makes another
            break
        os.close(held)
    else:
        raise UserError(
            f"{holder} still does this job for a run that was killed; wait until it has ended, or end it, then run "
            f"again (it holds {path})."
        )
    os.set_inheritable(held, True)
    os.ftruncate(held, 0)
    os.write(held, f"process {os.getpid()} on {platform.node()}".encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(held)
