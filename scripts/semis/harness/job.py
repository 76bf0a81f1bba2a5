"""How every script of a rule runs: output to the rule's log, alone at its job, one sentence for a user's mistake."""

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
from semis.harness.room import no_room, unwritable


@contextmanager
def job(snakemake: Any) -> Iterator[TextIO]:
    """Run the body of a script as the job that `snakemake` describes. Yields the terminal, a stream for progress bars.

    The output of the body and of its child processes goes to the rule's log. A `UserError` ends the job with exit code
    1 and its sentence on the terminal. Any other exception leaves its traceback in the log; the terminal shows the name
    of that log, or the reason why the job cannot read or write its files. The job ends with the Snakemake that started
    it. Two processes never do the same job at once: the second one gives up with a sentence. After a body that ends
    well, the job's recipe is written to the output of that name, if the rule has one.
    """
    terminal = os.dup(2)
    try:
        with alone(Path(f"{snakemake.log[0]}.lock")):
            _write_to(snakemake.log[0])
            # subprocess.run kills the child that it waits for when an exception such as SystemExit passes through it
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            end_with_parent()
            with open(terminal, "w", closefd=False) as stream:
                yield stream
            _write_recipe(snakemake)
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


def _write_recipe(snakemake: Any) -> None:
    """Write the settings and digests of the job beside its result; they say later what the result was made with."""
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
    """A sentence on a file that was removed, or a folder that cannot be written to, or None."""
    for path in snakemake.input:
        if not os.path.exists(path):
            return f"{path} was removed while rule {snakemake.rule} needed it; run again, or put it back if it is yours"
    folders = {os.path.dirname(path) or "." for path in [*snakemake.output, *snakemake.log]}
    folders.add(snakemake.resources.get("tmpdir") or tempfile.gettempdir())
    if found := next(filter(None, map(no_room, sorted(folders))), None):
        return found
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # room was made by its end
        return unwritable(os.path.dirname(snakemake.output[0]), error)
    return None


def _write_to(log: str) -> None:
    """Send what this process and its children print from now on to the file `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(log).open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)


def end_with_parent() -> None:
    """End this process, by SIGTERM, once the process that started it is gone: nobody would take the result."""
    threading.Thread(target=_wait_and_end, args=[os.getppid()], daemon=True).start()


def _wait_and_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    print("The process that started this one is gone; this one ends too.", flush=True)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
