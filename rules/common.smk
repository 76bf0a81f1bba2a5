"""Checks the config and plans the study. This file has no rules."""

import gc
import os
import re
import sys
from pathlib import Path

# The plan of a thousand runs has millions of objects and hardly any garbage; collecting it took an eighth of the time.
gc.set_threshold(700, 10, 1000)

# The folder above this file. The main Snakefile may belong to another workflow that uses this one as a module.
ROOT = Path(os.path.relpath(Path(workflow.current_basedir).parent))
sys.path.insert(0, str(ROOT / "scripts"))

from semis.study import resources
from semis.study.internals import Internals
from semis.study.layout import check_layout
from semis.study.plan import Study
from semis.study.tables import TABLES
from semis.text import formats
from semis.harness.errors import UserError
from semis.harness.room import no_folder, no_room, unusable_name

SNAKEMAKE = Internals(workflow)
try:
    SNAKEMAKE.check_config(config, ROOT / "schemas" / "config.schema.yaml")
    STUDY = Study(config)
    if SNAKEMAKE.is_main and not SNAKEMAKE.is_module:  # `onstart` of a module is never called, so it records no layout
        check_layout(Path(STUDY.results))
except UserError as error:
    sys.exit(f"Semis: {error}")
if SNAKEMAKE.is_main:  # Snakemake keeps its own records in this folder
    if reason := unusable_name([".", ROOT, SNAKEMAKE.environments_folder]) or no_room(".") or no_folder(STUDY.results):
        sys.exit(f"Semis: {reason}.")

RESULTS = STUDY.results
RUN = "<results>/runs/{dataset}/{method}/seed{seed}"
DATASETS, MODELS, METHODS = STUDY.datasets, STUDY.models, STUDY.methods


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


def any_of(names):
    """Return a regular expression that matches only these names; without names it matches nothing."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    dataset=any_of(DATASETS),
    model=any_of(MODELS),
    method=any_of(METHODS),
    seed=r"\d+",
    split=any_of(STUDY.splits),
