"""Repeat one run of a finished study in a separate folder, as its provenance.json describes it, and compare."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semis.harness.errors import UserError
from semis.study import provenance
from semis.study.layout import check_layout
from semis.study.sources import sources

import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPARED = ["predictions.csv", "history.csv", "metrics.json"]


def find_run(record: dict[str, Any], results: Path, name: str | None) -> str:
    """Return DATASET/METHOD/seedN of the run `name`, or of the study's first run if `name` is None.

    Raises UserError if the study has no such run, or if a file of the run is missing in `results`.
    """
    config = record["config"]
    known = [f"{d}/{m}/seed{s}" for d in config["datasets"] for m in config["methods"] for s in config["seeds"]]
    if not known:
        raise UserError(f"the study in {results} has no run of a method, so there is nothing to repeat.")
    run = name or known[0]
    if run not in known:
        raise UserError(f"{results} has no run {run}; its runs are {', '.join(known)}: give one of them as RUN=...")
    for file in COMPARED:
        if not (results / "runs" / run / file).is_file():
            raise UserError(f"{results}/runs/{run}/{file} is not there any more; run the study again first.")
    return run


def config_of(record: dict[str, Any], run: str) -> dict[str, Any]:
    """Return the study's config reduced to one run, with absolute paths."""
    config = {key: value for key, value in record["config"].items() if key not in ("qlora", "published")}
    dataset, method, seed = run.split("/")
    model = config["methods"][method]["model"]
    models = {model, config["models"][model].get("export", model)}
    config["datasets"] = {dataset: config["datasets"][dataset]}
    config["methods"] = {method: config["methods"][method]}
    config["models"] = {name: config["models"][name] for name in models}
    config["seeds"] = [int(seed.removeprefix("seed"))]
    for _, source in sources(config):
        if "path" in source:
            source["path"] = os.path.abspath(source["path"])
    return config


def check_inputs(record: dict[str, Any], config: dict[str, Any]) -> None:
    """Raise UserError unless every input file of the run is still the one that the study was made from."""
    for key, sums in record["inputs"].items():
        if key in {where for where, _ in sources(config)} and (now := provenance.checksums(sums)) != sums:
            file = next(file for file in sums if now.get(file) != sums[file])
            raise UserError(f"{file} ({key}) is not the file that the study was made from; put that back first.")


def what_differs(record: dict[str, Any]) -> Iterator[str]:
    """Yield a clause for each difference between today and the study's last run: code, processor."""
    then, now = record["code"], provenance.code(ROOT)
    if then["sha256"] != now["sha256"]:
        yield f"the code is another one: {then['sha256'][:12]} (commit {then['commit']}) then, {now['sha256'][:12]} now"
    processors = [record["runs"][-1]["processor"], provenance.machine()["processor"]]
    if processors[0] != processors[1]:
        yield f"the processor is another one, which may change last digits: {processors[0]} then, {processors[1]} now"


def repeat(results: Path, folder: Path, config: dict[str, Any], run: str, cores: int) -> None:
    """Repeat the run in the new folder `folder`, with a copy of the study's downloads. Raises UserError if it fails."""
    downloads = results / "downloads"
    if downloads.is_dir():
        shutil.copytree(downloads, folder / downloads)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    prefix = os.environ.get("SNAKEMAKE_CONDA_PREFIX") or os.path.abspath(".snakemake/conda")
    snakefile = str(ROOT / "Snakefile")
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--configfile", "config.yaml"]
    command += ["--cores", str(cores), "--conda-prefix", prefix, f"{results}/runs/{run}/metrics.json"]
    if subprocess.run(command, cwd=folder).returncode:
        raise UserError(f"the run could not be repeated; the messages above say why. Its files are in {folder}.")


def compare(results: Path, folder: Path, run: str) -> list[str]:
    """Return the names of the run's files whose bytes differ between `results` and the repetition in `folder`."""
    return [name for name in COMPARED if _bytes(results, run, name) != _bytes(folder / results, run, name)]


def _bytes(results: Path, run: str, name: str) -> bytes:
    return (results / "runs" / run / name).read_bytes()


def main(study: str, name: str | None, cores: int) -> None:
    """Repeat a run and compare. Raises UserError if that is impossible, or if a result differs."""
    results = Path("results", study)
    record = provenance.read(results / "provenance.json")
    check_layout(results)
    run = find_run(record, results, name)
    config = config_of(record, run)
    check_inputs(record, config)
    differences = list(what_differs(record))
    folder = Path("results", f"{study}.verify").resolve()  # no study can have a name with a dot
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    repeat(results, folder, config, run, cores)
    changed = compare(results, folder, run)
    if changed:
        notes = "; ".join(differences) or "code and processor are the same as then"
        raise UserError(f"{', '.join(changed)} of {run} did not come out the same ({notes}); compare with {folder}.")
    shutil.rmtree(folder)
    print(f"Semis: {results}/runs/{run} came out the same, byte for byte: {', '.join(COMPARED)}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", help="the study's name, a folder under results/")
    parser.add_argument("run", nargs="?", help="DATASET/METHOD/seedN; the first one of the study, if left out")
    parser.add_argument("--cores", default=os.cpu_count(), type=int)
    given = parser.parse_args()
    try:
        main(given.study, given.run, given.cores)
    except UserError as error:
        sys.exit(f"Semis: {error}")
