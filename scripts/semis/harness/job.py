"""Runs the script of a rule: output goes to the log, a lock keeps others out, a user's mistake gives one sentence."""

import errno
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from semis.harness.errors import UserError
from semis.harness.lock import alone
from semis.harness.permissions import follow_umask
from semis.harness.room import no_room, unwritable


@contextmanager
def job(snakemake: Any) -> Iterator[TextIO]:
    """Run the body of a script as the job that `snakemake` describes. Yields the terminal, a stream for progress bars.

    The output of the body and of its child processes goes to the rule's log. A `UserError` ends the job with exit code
    1 and its sentence on the terminal. Any other exception leaves its traceback in the log; the terminal shows the name
    of that log, or the reason why the job cannot read or write its files. The job ends with the Snakemake that started
    it. Two processes never do the same job at once: the second one gives up with a sentence. After success, the job's
    recipe is written to the output `recipe`, if the rule has one, and all outputs get the permissions that the umask
    asks for.
    """
    terminal = os.dup(2)
    try:
        with alone(Path(f"{snakemake.log[0]}.lock")):
            _write_to(snakemake.log[0])
            # when an exception such as SystemExit passes through subprocess.run, it kills its child process
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            end_with_parent()
            with open(terminal, "w", closefd=False) as stream:
                yield stream
            _write_recipe(snakemake)
            follow_umask(snakemake.output)
    except UserError as error:
        _say(terminal, str(error))
        sys.exit(1)
    except Exception as error:
        hindrance = _hindrance(snakemake, error)
        if not (hindrance and os.path.sameopenfile(terminal, 2)):
            with suppress(OSError):  # the disk may be full
                traceback.print_exc()
        _say(terminal, f"{hindrance or f'rule {snakemake.rule} failed; its log {snakemake.log[0]} says why'}.")
        sys.exit(1)


def _write_recipe(snakemake: Any) -> None:
    """Record the settings and digests of the job with its result, so that they can be compared with the plan later."""
    path = snakemake.output.get("recipe")
    if path:
        Path(path).write_text(json.dumps(snakemake.params.recipe, indent=1) + "\n", encoding="utf-8")


def _say(terminal: int, sentence: str) -> None:
    """Write a sentence to the terminal, and to the log where it is open."""
    os.write(terminal, f"Semis: {sentence}\n".encode())
    if not os.path.sameopenfile(terminal, 2):
        with suppress(OSError):
            os.write(2, f"Semis: {sentence}\n".encode())


def _hindrance(snakemake: Any, error: Exception) -> str | None:
    """Return a sentence about a removed input or a folder that is not writable, if that caused the error, else None."""
    for path in snakemake.input:
        if not os.path.exists(path):
            return f"{path} was removed while rule {snakemake.rule} needed it; run again, or put it back if it is yours"
    folders = {os.path.dirname(path) or "." for path in [*snakemake.output, *snakemake.log]}
    folders.add(snakemake.resources.get("tmpdir") or tempfile.gettempdir())
    if found := next(filter(None, map(no_room, sorted(folders))), None):
        return found
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # the disk was full until just now
        return unwritable(os.path.dirname(snakemake.output[0]), error)
    return None


def _write_to(log: str) -> None:
    """Redirect the output of this process and its children to the file `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(log).open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)


def end_with_parent() -> None:
    """Send this process SIGTERM once its parent has ended, since its result would not be used."""
    threading.Thread(target=_wait_and_end, args=[os.getppid()], daemon=True).start()


def _wait_and_end(parent: int) -> None:
    """Wait until the parent process has ended; then send SIGTERM to the main thread."""
    while os.getppid() == parent:
        time.sleep(1)
    print("The process that started this one is gone; this one ends too.", flush=True)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
