"""A stand-in for the few `conda` commands Snakemake calls, for machines that reach PyPI but have no conda.

It makes a virtual environment (venv and pip) from the YAML file of a rule. Of that file only the version of Python,
`pip` and the `pip:` list count; it refuses anything else. `pythons.py` finds that Python on the machine.
pip, not another installer, because the user's pip configuration (indexes, constraints, certificates) has to count.

The file `.stand_in` in an environment holds `building`, then `complete`; `bin/activate` refuses all but the latter.
It is the first file there, and finishing rewrites it without ever creating it: when another Snakemake that shares
this --conda-prefix removes the folder during the build (Snakemake removes what lacks its `.env_setup_done` flag), the
file is gone, which is noticed, and the build starts again. A lock on `ENV.lock` makes a second `env create` wait for
the first. What cannot be mended from here: between the end of `env create` and that flag, that is while a post-deploy
script runs, a second Snakemake may still remove the environment or run the same script in it at the same time. The
first one's rule or script then fails; a half-made environment is never used for that, except one whose script was cut
short that way.
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
from pathlib import Path
from typing import NoReturn

import pythons

HOME = Path(__file__).resolve().parent
PIP_ENV = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "PIP_USER": "0"}
REDIRECTIONS = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
ATTEMPTS = 5
ONLY = "python=X.Y or python>=3.X,<3.Y, pip and a pip: list"


def say(sentence):
    """Print a sentence on stderr."""
    print(f"conda stand-in: {sentence}", file=sys.stderr, flush=True)


def fail(sentence, code=1) -> NoReturn:
    """Print a sentence on stderr and raise SystemExit with the code."""
    say(sentence)
    raise SystemExit(code)


def read_spec(file):
    """Return (allowed versions of Python, oldest first; list of pip requirements) of an environment file.

    Raises SystemExit when the file cannot be read or asks for anything but a Python, pip and a pip: list.
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
    versions, requirements = [], []
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


def lock(prefix):
    """Wait for the lock of an environment; return its descriptor. The lock lasts while that is open anywhere."""
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{prefix}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        say(f"cannot lock {prefix}.lock ({error}): let no other Snakemake make environments in that folder meanwhile")
    return descriptor


def run(command, held):
    """Run a command that keeps the lock `held` open while it lives; return its exit status.

    When this process is interrupted, the command is too, and has ended before the exception goes on.
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


def start(prefix):
    """Put a folder that holds nothing but its state, `building`, in the place of whatever is at the prefix.

    It arrives by one rename, so that another process still removing the old folder does not touch it. Raises OSError.
    """
    new = f"{prefix}.new"
    for folder in (prefix, new):
        shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(new)
    Path(new, ".stand_in").write_text("building\n", encoding="ascii")
    os.rename(new, prefix)


def install(prefix, requirements, held):
    """Let pip install the requirements; return whether they are there. Raises FileNotFoundError without a folder."""
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
            say(f"pip put {name} elsewhere: take target, prefix and root out of its configuration (`pip config list`)")
            return False
    return True


def build(prefix, python, requirements, held):
    """Make the environment; return True, or False when its folder was removed meanwhile.

    Raises SystemExit when venv or pip fails (they have said why), OSError when the disk does.
    """
    start(prefix)
    failed = run([python, "-I", "-m", "venv", prefix], held) and "venv"
    try:
        if not failed and requirements:
            failed = not install(prefix, requirements, held) and "pip"
        if failed:
            time.sleep(2)  # when a removal made it fail, let that reach the state file
        with open(os.path.join(prefix, ".stand_in"), "r+", encoding="ascii") as state:
            if failed:
                fail(f"{failed} failed, see above; the environment is removed")
            state.write("complete\n")  # as long as "building"
    except FileNotFoundError:
        return False
    return True


def create(file, prefix):
    """Make the environment that a YAML file describes, unless another process has just made it.

    Leaves no environment behind when it fails or is interrupted; then raises SystemExit or OSError.
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
    # `snakemake --conda-cleanup-envs` leaves this flag, which would make Snakemake take what comes now for finished.
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


def platform_name():
    """Return conda's name of this platform, such as linux-64 or osx-arm64."""
    system = {"Linux": "linux", "Darwin": "osx"}.get(platform.system(), platform.system().lower())
    machine = platform.machine().lower()
    return f"{system}-{'64' if machine in ('x86_64', 'amd64') else machine}"


def main(args):
    """Answer one conda command; raise SystemExit with status 1 for a failure, 2 for a command that is not known."""
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
    else:  # `conda create` too, for a pin file: Snakemake then turns to the YAML file
        fail(f"this is not conda, and `conda {shlex.join(args)}` is not among the few commands it knows", 2)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        main(sys.argv[1:])
    except OSError as error:
        fail(str(error))
