"""Run the script of one rule by itself: in the rule's environment, in the debugger, at the script's first line.

    python tests/tools/debug_rule.py results/demo/tables/summary.csv           # in pdb
    python tests/tools/debug_rule.py results/demo/tables/summary.csv --call    # without pdb

Run the study first, so that the rule's inputs and environment exist. The script writes into a new temporary folder.
"""

import argparse
import os
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from snakemake.api import SnakemakeApi
from snakemake.iocontainers import ResourceList, Snakemake
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, DeploymentSettings, OutputSettings, ResourceSettings

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# The debugger gets a copy of the terminal, because the harness sends the script's output to the log of the rule.
LAUNCHER = """\
import os, pdb, pickle, sys
sys.path[0] = {folder!r}
sys.path.append({snakemake!r})
with open("job.pickle", "rb") as stream:
    names = {{"__name__": "__main__", "__file__": {script!r}, "snakemake": pickle.load(stream)}}
with open({script!r}, encoding="utf-8") as stream:
    code = compile(stream.read(), {script!r}, "exec")
exec(code, names) if {call} else pdb.Pdb(stdout=os.fdopen(os.dup(1), "w")).run(code, names)
"""


def planned(target: str, config: str) -> Any:
    """Return Snakemake's job that makes the file `target` in the study of the file `config`. Runs nothing."""
    conda = DeploymentSettings({"conda"}, conda_prefix=os.environ.get("SNAKEMAKE_CONDA_PREFIX"))
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)) as api:
        given = (ResourceSettings(os.cpu_count()), ConfigSettings(configfiles=[Path(config)]), None, None, conda, None)
        try:
            workflow = api.workflow(*given, ROOT / "Snakefile")
            workflow.dag(DAGSettings({target}, forcetargets=True)).execute_workflow("dryrun")
        except Exception as error:
            sys.exit(str(error))
        return next(job for job in workflow._workflow.dag.jobs if target in job.output)


def described(job: Any, script: Path) -> Snakemake:
    """Return the object `snakemake` that Snakemake would pass to the script of this job."""
    resources = ResourceList(fromdict={**dict(job.resources.items()), "tmpdir": tempfile.gettempdir()})
    asked = (job.input, job.output, job.params, job.wildcards, job.threads, resources, job.log)
    return Snakemake(*asked, job.rule.workflow.config, job.rule.name, None, str(script.parent))


def lay_out(folder: Path, job: Any) -> None:
    """Link everything except `results`, and the inputs of `job`, into `folder`. Exits if an input does not exist."""
    for entry in Path().iterdir():
        if entry.name != "results":
            (folder / entry.name).symlink_to(entry.resolve())
    for path in map(Path, job.input):
        if not path.exists():
            sys.exit(
                f"{path} does not exist; make it with this study's `snakemake`, --notemp and its path, then retry."
            )
        if not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(path.resolve())
    for path in [*job.output, *job.log]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)


def launch(target: str, config: str, call: bool) -> NoReturn:
    """Replace this process by the script of the rule that makes `target`, in pdb unless `call` is true."""
    job = planned(target, config)
    name = job.rule.script.format(wildcards=job.wildcards)
    script = Path(job.rule.basedir.get_path_or_uri(secret_free=True), name).resolve()
    python = Path(job.conda_env.address, "bin", "python").absolute()
    if not python.exists():
        sys.exit(f"{python} does not exist; make the environments with `snakemake --conda-create-envs-only`.")
    folder = Path(tempfile.mkdtemp(prefix=f"{job.rule.name}-"))
    lay_out(folder, job)
    (folder / "job.pickle").write_bytes(pickle.dumps(described(job, script), protocol=4))
    packages = str(Path(sys.modules["snakemake"].__file__ or "").parents[1])
    names = {"folder": str(script.parent), "snakemake": packages, "script": str(script), "call": call}
    (folder / "launcher.py").write_text(LAUNCHER.format(**names), encoding="utf-8")
    print(f"rule {job.rule.name}, {script}, in {folder}", flush=True)
    os.chdir(folder)
    os.environ |= dict.fromkeys(THREADS, str(job.threads)) | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    os.execv(python, [str(python), "launcher.py"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="a file that the rule makes")
    parser.add_argument("--configfile", default="demo/config.yaml", help="config of the study (default: the demo's)")
    parser.add_argument("--call", action="store_true", help="run the script without the debugger")
    launch(*vars(parser.parse_args()).values())
