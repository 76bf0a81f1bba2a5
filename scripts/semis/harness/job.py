"""How every script of a rule runs: output to the rule's log, alone at its job, one sentence for a user's mistake."""

import errno
import fcntl
import os
import platform
import signal
import sys
import tempfile
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

from semis.harness.errors import UserError

PATIENCE = 10  # seconds in which another process may leave the same job: one whose Snakemake was killed takes one
ROOM = 2**20  # bytes that must be free for a job to go on


@contextmanager
def job(snakemake):
    """Run the body of a script as the job that `snakemake` describes; yields the terminal, a stream for progress bars.

    What the body and its child processes print goes to the rule's log. A `UserError` ends the job with exit code 1 and
    its sentence on the terminal; any other exception leaves its traceback in the log, and on the terminal the name of
    that log, or what keeps the job from reading and writing its files. Without the resource `gpu` no GPU is visible.
    The job ends with the Snakemake that started it, and is never done by two processes at once: the second one gives
    up with a sentence.
    """
    if not snakemake.resources.get("gpu"):
        os.environ.update(CUDA_VISIBLE_DEVICES="")
    terminal = os.dup(2)
    try:
        with _alone(Path(f"{snakemake.log[0]}.lock")):
            _write_to(snakemake.log[0])
            # subprocess.run kills the child that it waits for when an exception such as SystemExit passes through it
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            end_with_parent()
            with open(terminal, "w", closefd=False) as stream:
                yield stream
    except UserError as error:
        _say(terminal, str(error))
        sys.exit(1)
    except Exception as error:
        hindrance = _hindrance(snakemake, error)
        if not (hindrance and os.path.sameopenfile(terminal, 2)):
            with suppress(OSError):  # where there is no room for it
                traceback.print_exc()
        _say(terminal, f"{hindrance or f'rule {snakemake.rule} failed; its log {snakemake.log[0]} says why'}.")
        sys.exit(1)


def _say(terminal, sentence):
    """Write a sentence to the terminal, and to the log where it is open."""
    os.write(terminal, f"Semis: {sentence}\n".encode())
    if not os.path.sameopenfile(terminal, 2):
        with suppress(OSError):
            os.write(2, f"Semis: {sentence}\n".encode())


def no_room(folder):
    """A sentence on why nothing can be written into `folder` (no space, no rights), or None where something can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(ROOM))
    except OSError as error:
        return _unwritable(folder, error)
    return None


def _unwritable(folder, error):
    return f"nothing can be written into {folder} ({error.strerror}); mend that, then run again"


def _hindrance(snakemake, error):
    """A sentence on a file that was removed, or a folder that cannot be written to, or None."""
    for path in snakemake.input:
        if not os.path.exists(path):
            return f"{path} was removed while rule {snakemake.rule} needed it; run again, or put it back if it is yours"
    folders = {os.path.dirname(path) or "." for path in [*snakemake.output, *snakemake.log]}
    folders.add(snakemake.resources.get("tmpdir") or tempfile.gettempdir())
    if found := next(filter(None, map(no_room, sorted(folders))), None):
        return found
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # room was made by its end
        return _unwritable(os.path.dirname(snakemake.output[0]), error)
    return None


def _write_to(log):
    """Send what this process and its children print from now on to the file `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(log).open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)


def end_with_parent():
    """End this process, by SIGTERM, once the process that started it is gone: nobody would take the result."""
    threading.Thread(target=_wait_and_end, args=[os.getppid()], daemon=True).start()


def _wait_and_end(parent):
    while os.getppid() == parent:
        time.sleep(1)
    print("The process that started this one is gone; this one ends too.", flush=True)
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
