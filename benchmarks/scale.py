"""Measures how Snakemake's own work grows with the number of runs: start-up, dry-run, no-op; seconds and peak memory.

Start-up and dry-run use the workflow itself, with the demo's config and more seeds. The no-op uses scale.smk, after its
jobs have run. It prints a table and writes results/bench/scale.json. Run it with `make bench-scale`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
SEEDS = [10, 100, 1000]
METHODS = 3


def measured(*args, cwd):
    """Run `snakemake` with these arguments; return (seconds, peak resident memory in MiB). Raises if it fails."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all", *map(str, args)]
    begin = time.perf_counter()
    running = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def with_seeds(folder, seeds):
    """Write the demo's config with this many seeds, and a link to its texts; return the path of the config."""
    config = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**config, "seeds": list(range(seeds))}))
    (folder / "demo").symlink_to(ROOT / "demo")
    return path


def measure(seeds, folder):
    """Return rows {work, seeds, runs, seconds, peak_mib} for this many seeds."""
    workflow = ["--snakefile", ROOT / "Snakefile", "--configfile", with_seeds(folder, seeds)]
    shape = ["--snakefile", ROOT / "benchmarks" / "scale.smk", "--config", f"seeds={seeds}"]
    found = {
        "start-up": measured(*workflow, "--list-rules", cwd=folder),
        "dry-run": measured(*workflow, "--dry-run", cwd=folder),
        "all jobs": measured(*shape, cwd=folder),
        "no-op": measured(*shape, cwd=folder),
    }
    return [
        {"work": work, "seeds": seeds, "runs": METHODS * seeds, "seconds": round(seconds, 2), "peak_mib": round(mib)}
        for work, (seconds, mib) in found.items()
        if work != "all jobs"
    ]


def main():
    """Measure all sizes."""
    rows = []
    for seeds in SEEDS:
        print(f"{seeds} seeds x {METHODS} methods ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(seeds, Path(folder))
    rows.sort(key=lambda row: (row["work"], row["seeds"]))
    print(tabulate(rows, headers="keys"))
    path = ROOT / "results" / "bench" / "scale.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
