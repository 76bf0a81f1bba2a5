"""A stand-in for the few `conda` commands that Snakemake calls, for machines that reach PyPI but have no conda.

It makes a virtual environment (venv and pip) from the YAML file of a rule. It reads the version of Python, `pip` and
the `pip:` list, and refuses a file with anything else. `pythons.py` finds a matching Python on the machine. The
installer is pip, so that the user's pip configuration (indexes, constraints, certificates) applies.

The file `.stand_in` in an environment contains `building`, then `complete`; `bin/activate` accepts only `complete`.
It is the first file of an environment, and the end of the build rewrites it but never creates it. Another Snakemake
with the same --conda-prefix may remove the folder during the build, because the folder lacks Snakemake's flag
`.env_setup_done`. Then the file is missing at the end, and the build starts again. A lock on `ENV.lock` makes a second
`env create` wait for the first.

One gap remains, which the stand-in cannot close: while a post-deploy script runs, after `env create` and before the
flag, a second Snakemake may remove the environment or run the same script in it. Then the rule or the script of the
first one fails. No rule uses a half-made environment, unless its script was interrupted in that way.
"""

import argparse
import fcntl
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pythons
from space import scarce

HOME = Path(__file__).resolve().parent
PIP_ENV = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off"}
PIP_ENV |= {"PIP_USER": "0", "PIP_NO_DEPS": "0", "PIP_DRY_RUN": "0"}  # else an environment would lack packages
REDIRECTIONS = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"}
ATTEMPTS = 5
ONLY = "python=X.Y or python>=3.X,<3.Y, pip and a pip: list"


def say(sentence: str) -> None:
    """Print a sentence on stderr."""
    print(f"conda stand-in: {sentence}", file=sys.stderr, flush=True)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Print a sentence on stderr and raise SystemExit with the code."""
    say(sentence)
    raise SystemExit(code)


def read_spec(file: str) -> tuple[list[str], list[str]]:
    """Return (allowed versions of Python, oldest first; pip requirements) of an environment file.

    Raises SystemExit if the file cannot be read, or if it asks for anything but a Python, pip and a pip: list.
    """
    try:
        import yaml
    except ImportError:
        fail(f"{sys.executable} has no PyYAML; set SEMIS_PYTHON to the Python that runs Snakemake")
    try:
        spec = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        fail(f"cannot read {file}: {error}")
    if not isinstance(spec, dict) or not isinstance(spec.get("dependencies"), list):
        fail(f"{file} has no list of dependencies")
    for key in spec.keys() - {"name", "channels", "prefix", "dependencies"}:
        fail(f"{file} has the section {key!r}, which only conda can honour")
    versions: list[str] = []
    requirements: list[str] = []
    for entry in spec["dependencies"]:
        if isinstance(entry, dict) and entry.keys() == {"pip"} and isinstance(entry["pip"], list):
            requirements += map(str, entry["pip"])
        elif pythons.allowed(str(entry)):
            versions = pythons.allowed(str(entry))
        elif entry != "pip":
            fail(f"{file} asks for {entry!r}, but without conda only {ONLY} can be installed")
    if not versions:
        fail(f"{file} does not say which Python: add python=X.Y to its dependencies")
    return versions, requirements


def lock(prefix: str) -> int:
    """Wait for the lock of an environment; return its descriptor. The lock lasts while any process has that open."""
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{prefix}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        say(f"cannot lock {prefix}.lock ({error}): let no other Snakemake make environments in that folder meanwhile")
    return descriptor


def run(command: Sequence[str | Path], held: int) -> int:
    """Run a command that keeps the lock `held` open while it lives; return its exit status.

    If this process is interrupted, it interrupts the command too and waits for its end.
    """
    env = {name: value for name, value in os.environ.items() if name not in REDIRECTIONS}
    process = subprocess.Popen(command, env={**env, **PIP_ENV}, pass_fds=[held])
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)  # pip then removes its temporary files
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def start(prefix: str) -> None:
    """Replace whatever is at the prefix by a folder that holds only its state, `building`.

    A rename puts the folder there, so that another process that still removes the old folder does not touch it. Raises
    OSError.
    """
    new = f"{prefix}.new"
    for folder in (prefix, new):
        shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(new)
    Path(new, ".stand_in").write_text("building\n", encoding="ascii")
    os.rename(new, prefix)


def install(prefix: str, requirements: Sequence[str], held: int) -> bool:
    """Install the requirements with pip; return whether they are in the environment.

    Raises FileNotFoundError if its folder was removed.
    """
    python = [os.path.join(prefix, "bin", "python"), "-I", "-m"]
    listed = Path(prefix, "requirements.txt")
    listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    if run([*python, "pip", "install", "--quiet", "--no-compile", "-r", listed], held):
        return False
    # pip would compile on one core; that some files are for another Python does no harm
    run([*python, "compileall", "-qq", "-j", "2", os.path.join(prefix, "lib")], held)
    places = [str(place) for place in Path(prefix, "lib").glob("python*/site-packages")]
    for name in re.findall(r"^([\w.-]+)==[^;]*$", listed.read_text(encoding="utf-8"), re.M):
        if not any(importlib.metadata.distributions(name=name, path=places)):
            settings = "target, prefix, root and python"
            say(f"pip put {name} elsewhere: take {settings} out of its configuration (`pip config list`)")
            return False
    return True


def build(prefix: str, python: str, requirements: Sequence[str], held: int) -> bool:
    """Make the environment; return True, or False if its folder was removed meanwhile.

    Raises SystemExit if venv or pip fails (they have printed the reason), and OSError if the disk does.
    """
    start(prefix)
    failed: str | int = run([python, "-I", "-m", "venv", prefix], held) and "venv"
    try:
        if not failed and requirements:
            failed = not install(prefix, requirements, held) and "pip"
        if failed:
            time.sleep(2)  # if a removal caused the failure, wait until it reaches the state file
        with open(os.path.join(prefix, ".stand_in"), "r+", encoding="ascii") as state:
            if failed:
                fail(f"{failed} failed, see above{scarce(prefix)}; the environment is removed")
            state.write("complete\n")  # as long as "building"
    except FileNotFoundError:
        return False
    return True


def create(file: str, prefix: str) -> None:
    """Make the environment that a YAML file describes, unless another process has just made it.

    If that fails or is interrupted, it removes the environment and raises SystemExit or OSError.
    """
    versions, requirements = read_spec(file)
    try:
        python, version = pythons.find(versions)
    except LookupError as error:
        fail(str(error))
    say(
        f"this is not conda. The environment uses this machine's Python {version} ({python}); of {file} only the "
        "version of Python, pip and the pip: list count"
    )
    held = lock(prefix)
    try:
        if Path(prefix, ".stand_in").read_text(encoding="ascii") == "complete\n":
            return
    except OSError:
        pass
    # `snakemake --conda-cleanup-envs` leaves this flag, and Snakemake would take a half-made environment for done.
    Path(prefix).with_suffix(".env_setup_done").unlink(missing_ok=True)
    try:
        for _ in range(ATTEMPTS):
            if build(prefix, python, requirements, held):
                return
            say(f"another process removed {prefix} while it was being made; starting again")
        fail(f"gave up on {prefix} after {ATTEMPTS} attempts")
    except BaseException:
        shutil.rmtree(prefix, ignore_errors=True)
        raise


def platform_name() -> str:
    """Return conda's name of this platform, such as linux-64 or osx-arm64."""
    system = {"Linux": "linux", "Darwin": "osx"}.get(platform.system(), platform.system().lower())
    machine = platform.machine().lower()
    return f"{system}-{'64' if machine in ('x86_64', 'amd64') else machine}"


def main(args: list[str]) -> None:
    """Execute one conda command; raise SystemExit with status 1 for a failure, 2 for an unknown command."""
    if args == ["--version"]:
        print("conda 99.0.0 (stand-in)")
    elif args == ["info", "--json"]:
        # Snakemake puts this path into a shell command without quoting it.
        print(json.dumps({"conda_prefix": shlex.quote(str(HOME)), "platform": platform_name()}))
    elif args == ["config", "--get", "channel_priority", "--json"]:
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif args[:1] == ["clean"]:
        pass  # nothing is kept here but pip's own cache
    elif args[:2] == ["env", "create"]:
        parser = argparse.ArgumentParser(prog="conda env create", allow_abbrev=False)
        parser.add_argument("--quiet", action="store_true")
        parser.add_argument("--no-default-packages", action="store_true")
        parser.add_argument("--file", required=True)
        parser.add_argument("--prefix", required=True, type=os.path.abspath)
        options = parser.parse_args(args[2:])
        create(options.file, options.prefix)
    else:  # including `conda create` for a pin file, after which Snakemake turns to the YAML file
        fail(f"this is not conda, and `conda {shlex.join(args)}` is not among the few commands it knows", 2)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        main(sys.argv[1:])
    except OSError as error:
        fail(str(error))
