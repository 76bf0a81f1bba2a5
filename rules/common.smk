"""The config, checked, and the study that it describes. No rule is in this file."""

import gc
import os
import re
import sys
from pathlib import Path

# The plan of a thousand runs is millions of objects and hardly any garbage; looking for it took an eighth of the time.
gc.set_threshold(700, 10, 1000)

# Of this file, not of the main Snakefile, which may be another workflow's that takes this one in as a module.
ROOT = Path(os.path.relpath(Path(workflow.current_basedir).parent))
sys.path.insert(0, str(ROOT / "scripts"))

from semis.study import resources
from semis.study.internals import Internals
from semis.study.layout import check_layout
from semis.study.plan import Study
from semis.study.tables import TABLES
from semis.text import formats
from semis.harness.errors import UserError
from semis.harness.room import no_room

SNAKEMAKE = Internals(workflow)
try:
    SNAKEMAKE.check_config(config, ROOT / "schemas" / "config.schema.yaml")
    STUDY = Study(config)
    if SNAKEMAKE.is_main:
        check_layout(Path(STUDY.results))
except UserError as error:
    sys.exit(f"Semis: {error}")
if SNAKEMAKE.is_main and (reason := no_room(".")):  # Snakemake's own records are there
    sys.exit(f"Semis: {reason}.")

RESULTS = STUDY.results
RUN = "<results>/runs/{dataset}/{method}/seed{seed}"
DATASETS, MODELS, METHODS = STUDY.datasets, STUDY.models, STUDY.methods


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


def any_of(names):
    """A regular expression that matches just these names; with no name, nothing."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    dataset=any_of(DATASETS),
    model=any_of(MODELS),
    method=any_of(METHODS),
    seed=r"\d+",
    split=any_of(STUDY.splits),
