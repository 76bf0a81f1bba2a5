"""The config, checked, and the few functions that several rule files need; no rule stands here."""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import yaml

# The plan of a thousand runs is millions of objects and hardly any garbage; looking for it took an eighth of the time.
gc.set_threshold(700, 10, 1000)

# Of this file, not of the main Snakefile, which may be another workflow's that takes this one in as a module.
ROOT = os.path.relpath(Path(workflow.current_basedir).parent)
SCRIPTS = os.path.normpath(f"{ROOT}/scripts")
sys.path.insert(0, SCRIPTS)

from semis import config as semis_config
from semis import provenance
from semis.errors import UserError
from semis.job import no_room

STARTED = datetime.now(UTC).isoformat()
CONFIG_FILE = ", ".join(os.path.relpath(file) for file in workflow.configfiles) or "config"
if workflow.config_settings.config:
    CONFIG_FILE += " and --config (whose lists and mappings hold nothing but text)"
try:
    for file in workflow.configfiles if workflow.modifier.is_main_snakefile() else []:
        semis_config.check_text(file)
    semis_config.resolve(config, f"{ROOT}/schemas/config.schema.yaml", CONFIG_FILE)
except UserError as error:
    sys.exit(f"Semis: {error}")
if workflow.is_main_process and (reason := no_room(".")):  # where Snakemake's own records stand
    sys.exit(f"Semis: {reason}.")

RESULTS = f"results/{config['study']}"
DATASETS, MODELS, METHODS = config["datasets"], config["models"], config["methods"]
SPLITS = ["train", "valid", "test"]


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


# Where no conda is installed, or the user asks for it, a stand-in makes the environments from the same YAML with pip.
if os.environ.get("SEMIS_ENVS") == "pip" or not shutil.which("conda"):
    stand_in = os.path.abspath(f"{ROOT}/envs/stand_in/bin")
    os.environ.update(PATH=f"{stand_in}{os.pathsep}{os.getenv('PATH')}", SEMIS_PYTHON=sys.executable)
    if workflow.is_main_process:
        print("Semis: no conda in use; environments are made with venv and pip (envs/stand_in).", file=sys.stderr)


def any_of(names):
    """A regular expression that matches just these names; with no name, nothing."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    dataset=any_of(DATASETS),
    model=any_of(MODELS),
    method=any_of(METHODS),
    seed=r"\d+",
    split=any_of(SPLITS),


def helpers(*names):
    """The modules of scripts/semis that a rule's script imports; listed as inputs, since Snakemake tracks no import."""
    return [f"{SCRIPTS}/semis/{name}.py" for name in names]


def made_by(script, environment):
    """A training's script and packages: with other ones, no checkpoint of an interrupted training is gone on from."""
    files = [f"envs/{environment}.yaml", f"envs/{environment}.post-deploy.sh"]  # the second one not everywhere
    return [f"{SCRIPTS}/{script}.py", *(os.path.normpath(f"{ROOT}/{f}") for f in files if Path(ROOT, f).exists())]


def located(kind, name, source):
    """Where a source of the config is, or will be downloaded to: a path, an archive's file, or a folder of the hub."""
    if "path" in source:
        return source["path"]
    if "url" in source:
        return f"{RESULTS}/downloads/{kind}/{name}/{semis_config.file_name(source['url'])}"
    return f"{RESULTS}/downloads/{kind}/{name}/hub"


def models_with(library, *keys):
    """Names of the models of this library that have one of these keys."""
    return [name for name, model in MODELS.items() if model["library"] == library and any(key in model for key in keys)]


def methods_of(library):
    """Names of the methods whose model is trained with this library."""
    return [name for name, method in METHODS.items() if MODELS[method["model"]]["library"] == library]


def runs(pattern):
    """The pattern filled in for every dataset, method and seed of the study."""
    return expand(pattern, dataset=DATASETS, method=METHODS, seed=config["seeds"])


def finish():
    """Once a run has made all that the study asks for, write its provenance and Snakemake's report; say where to look."""
    if not set(workflow.dag_settings.targets) <= {"all"}:
        return
    resolved = json.loads(json.dumps(config))  # a config in JSON is read as OrderedDicts, which YAML cannot write
    found = {
        Path(env.file.get_path_or_uri(secret_free=True)).stem: env.address for env in workflow.dag.conda_envs.values()
    }
    run = {"started": STARTED, "ended": datetime.now(UTC).isoformat(), "cores": workflow.cores}
    provenance.write(f"{RESULTS}/provenance.json", ROOT, resolved, taken_in(), found, run)
    page, new, written = f"{RESULTS}/report.html", f"{RESULTS}/report.new.html", Path(RESULTS, "config.yaml")
    written.write_text(yaml.safe_dump(resolved, allow_unicode=True, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", workflow.main_snakefile, "--quiet", "all", "--nolock"]
    done = subprocess.run([*command, "--configfile", written, "--report", new], capture_output=True, text=True)
    if done.returncode:
        print(f"Semis: Snakemake could not write {page}:\n{done.stderr}", file=sys.stderr)
    else:
        os.replace(new, page)
    print(f"Semis: done. Read {RESULTS}/summary.md, or open {page} in a browser.", file=sys.stderr)


def check_room():
    """End the run with a sentence where nothing can be written into the study's folder."""
    if reason := no_room(next(filter(os.path.isdir, [RESULTS, os.path.dirname(RESULTS), "."]))):
        sys.exit(f"Semis: {reason}.")


onstart:
    check_room()
