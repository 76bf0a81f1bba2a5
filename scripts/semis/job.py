"""How every script of a rule runs: output to the rule's log, one sentence for a mistake of the user's."""

import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

from semis.errors import UserError


@contextmanager
def job(snakemake):
    """Run the body of a script as the job that `snakemake` describes.

    What the body and its child processes print goes to the rule's log. A `UserError` ends the job with exit code 1 and
    its sentence on the terminal; any other exception leaves its traceback in the log. Without the resource `gpu` no GPU
    is visible.
    """
    if not snakemake.resources.get("gpu"):
        os.environ.update(CUDA_VISIBLE_DEVICES="")
    terminal = os.dup(2)
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(snakemake.log[0]).open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    except UserError as error:
        sentence = f"Semis: {error}\n"
        sys.stderr.write(sentence)
        os.write(terminal, sentence.encode())
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        os.write(terminal, f"Semis: rule {snakemake.rule} failed; its log {snakemake.log[0]} says why.\n".encode())
        sys.exit(1)
