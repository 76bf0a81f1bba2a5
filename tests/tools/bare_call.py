"""Run a rule's script without the harness, by calling its `main` on plain objects: `bare_call.py SCRIPT JOB`.

SCRIPT is that of a training or an evaluation. JOB is a JSON object {inputs, output, recipe, wildcards, threads}. Call
it in the environment of the rule.
"""

import importlib
import json
import sys
from types import SimpleNamespace

from rule_files import Files


def call(script, inputs, output, recipe, wildcards, threads):
    """Call the script's `main`, as the last lines of the script do within `job`."""
    main, files = importlib.import_module(script).main, (Files(**inputs), Files(**output))
    if script.startswith("evaluate_"):
        main(*files, SimpleNamespace(**wildcards), recipe["settings"], threads)
    else:
        main(*files, recipe, int(wildcards["seed"]), threads)


if __name__ == "__main__":
    call(sys.argv[1], **json.loads(sys.argv[2]))
