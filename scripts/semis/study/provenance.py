"""provenance.json: the inputs, code, config and versions of a study, for repeating a run; no rule reads it."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from semis.checksums import sha256
from semis.harness.errors import UserError

CODE = ["Snakefile", "rules", "scripts", "envs", "schemas"]
LIST = (
    "import json, platform; from importlib.metadata import distributions; print(json.dumps({'python': platform."
    "python_version(), 'packages': {found.name.lower(): found.version for found in distributions()}}, sort_keys=True))"
)


def checksums(paths: Iterable[str | Path]) -> dict[str, str]:
    """Return {file: SHA-256 (hex)} for the files `paths`; a folder counts as all the files in it."""
    found: dict[str, str] = {}
    for path in map(Path, paths):
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        found |= {str(file): sha256(file) for file in files if file.is_file() and file.name != ".snakemake_timestamp"}
    return found


def _git(root: Path, *args: str) -> str | None:
    """Return the output of git in the folder `root`, or None if git fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", root, *args], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def code(root: str | Path) -> dict[str, Any]:
    """Describe the code in the folder `root`: {commit, changed, sha256}.

    `changed` lists the files that differ from the commit; both are None if `root` is not a clone. The checksum covers
    all files that decide a result, changed or not.
    """
    root = Path(root).resolve()
    files = [file for part in CODE for file in checksums([root / part]).items() if "__pycache__" not in file[0]]
    total = hashlib.sha256(json.dumps([(os.path.relpath(file, root), found) for file, found in files]).encode())
    commit = _git(root, "rev-parse", "HEAD")
    if not commit or Path(_git(root, "rev-parse", "--show-toplevel") or "") != root:
        return {"commit": None, "changed": None, "sha256": total.hexdigest()}
    status = (_git(root, "status", "--porcelain", "-z", "--no-renames") or "").split("\0")
    return {"commit": commit, "changed": [line[3:] for line in status if line], "sha256": total.hexdigest()}


def environment(folder: str | Path) -> dict[str, Any]:
    """Return the versions in the environment `folder`: {made_with, python, packages}, and conda's packages if any."""
    folder = Path(folder)
    if not (folder / "bin" / "python").exists():
        return {"made_with": None}
    listed = subprocess.run([folder / "bin" / "python", "-I", "-c", LIST], capture_output=True, text=True, check=True)
    conda = sorted(file.stem for file in (folder / "conda-meta").glob("*.json"))
    made_with = {"made_with": "conda", "conda": conda} if conda else {"made_with": "venv and pip"}
    return made_with | json.loads(listed.stdout)


def machine() -> dict[str, Any]:
    """Return {processor, processors, system} of this machine; on a cluster the jobs ran on other machines."""
    name = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            name = next((line.partition(":")[2].strip() for line in stream if line.startswith("model name")), name)
    return {"processor": name, "processors": os.cpu_count(), "system": platform.platform()}


def seconds(benchmarks: Path) -> dict[str, float]:
    """Return {job: wall time in seconds} from Snakemake's benchmark files below a folder."""
    found = {}
    for file in sorted(Path(benchmarks).rglob("*.tsv")):
        names, values = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()[:2])
        found[str(file.relative_to(benchmarks).with_suffix(""))] = float(values[names.index("s")])
    return found


def write(
    path: str | Path,
    root: Path,
    config: dict[str, Any],
    inputs: Mapping[str, Iterable[str]],
    environments: Mapping[str, str],
    run: dict[str, Any],
) -> None:
    """Write the record of a study that the code in the folder `root` has just finished.

    `inputs` is {dotted config key: paths}, `environments` is {name: folder}. `run` describes this run and is added to
    the runs that the file already lists.
    """
    path = Path(path)
    record = {
        "study": config["study"],
        "code": {**code(root), "snakemake": version("snakemake"), "python": platform.python_version()},
        "config": config,
        "inputs": {key: checksums(paths) for key, paths in inputs.items()},
        "environments": {name: environment(folder) for name, folder in sorted(environments.items())},
        "seconds": seconds(path.parent / "benchmarks"),
    }
    run = {**run, "commit": record["code"]["commit"], "sha256": record["code"]["sha256"], **machine()}
    try:
        runs = read(path)["runs"]
    except UserError:
        runs = []
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps({**record, "runs": [*runs, run]}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def read(path: str | Path) -> dict[str, Any]:
    """Return the contents of a provenance.json. Raises UserError if it is missing or is something else."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if {"config", "inputs", "code", "runs"} <= set(found):
            return found
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there; a run that finishes the study writes it.") from error
    except (OSError, ValueError, TypeError):
        pass
    raise UserError(f"{path} is not a record that Semis wrote; move it away and finish the study again.")
