"""Show that the tests notice mistakes: break one line of the code at a time, and expect a named test to fail.

tests/breakages.yaml lists the breakages; this tool makes them in a temporary copy of the checkout. The exit status is 1
if a test fails without a breakage, if a line to break is not in its file exactly once, or if a test misses a breakage.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def copy_checkout(root: Path, target: Path) -> None:
    """Copy the present files of the checkout `root`, except those that git ignores."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0"):
        if (root / name).is_file():  # a tracked file may be deleted
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)


def run_tests(root: Path, folder: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run these tests in the copy `folder`, with the environments of the checkout `root`."""
    # Without bytecode: Python would reuse that of a broken file for the restored one of the same second and size.
    env = {"SNAKEMAKE_CONDA_PREFIX": str(root / ".snakemake" / "conda"), **os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def try_breakage(root: Path, folder: Path, entry: dict[str, str]) -> str:
    """Break one line in the copy `folder` of the checkout `root`, run its test, restore it; return the outcome."""
    file = folder / entry["file"]
    lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
    places = [place for place, line in enumerate(lines) if line.strip() == entry["old"]]
    if len(places) != 1:
        return f"LINE FOUND {len(places)} TIMES"
    [place] = places
    changed = [*lines[:place], lines[place].replace(entry["old"], entry["new"]), *lines[place + 1 :]]
    file.write_text("\n".join(changed), encoding="utf-8")
    status = run_tests(root, folder, [entry["test"]]).returncode
    file.write_text("\n".join(lines), encoding="utf-8")
    return {0: "UNNOTICED", 1: "noticed"}.get(status, f"TEST NOT RUN (pytest ended with {status})")


def main(root: Path, listed: Path) -> int:
    """Try all breakages of the list on the checkout `root` and print a line for each; return the exit status."""
    entries = yaml.safe_load(listed.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        copy_checkout(root, Path(folder))
        done = run_tests(root, Path(folder), sorted({entry["test"] for entry in entries}))
        print(done.stdout if done.returncode else f"unbroken: {done.stdout.splitlines()[-1]}", flush=True)
        missed = done.returncode
        for number, entry in enumerate([] if missed else entries, start=1):
            started, found = time.monotonic(), try_breakage(root, Path(folder), entry)
            missed += found != "noticed"
            named = f"{entry['name']} ({entry['file']}): {entry['test']}"
            print(f"{number:2} {found} in {time.monotonic() - started:.0f} s: {named}", flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", nargs="?", type=Path, default=ROOT / "tests" / "breakages.yaml")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="the checkout to test (default: %(default)s)")
    options = parser.parse_args()
    sys.exit(main(options.checkout.resolve(), options.list))
