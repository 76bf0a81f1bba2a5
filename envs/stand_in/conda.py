"""A stand-in for the few `conda` commands Snakemake calls, for machines that reach PyPI but have no conda.

It makes a virtual environment (venv and pip) from the YAML file of a rule. Of that file only `python=X.Y`, `pip` and
the `pip:` list count; anything else in it is refused. The Python is the host's. pip, not another installer, since the
user's pip configuration (indexes, constraints, certificates) has to count.

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
import glob
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

HOME = Path(__file__).resolve().parent
PIP_ENV = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "PIP_USER": "0"}
ATTEMPTS = 5


def say(sentence):
    """Print a sentence on stderr."""
    print(f"conda stand-in: {sentence}", file=sys.stderr, flush=True)


def fail(sentence, code=1) -> NoReturn:
    """Print a sentence on stderr and raise SystemExit with the code."""
    say(sentence)
    raise SystemExit(code)


def read_spec(file):
    """Return (Python version "X.Y", list of pip requirements) of an environment file.

    Raises SystemExit when the file cannot be read or asks for anything but python=X.Y, pip and a pip: list.
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
    version, requirements = None, []
    for entry in spec["dependencies"]:
        python = re.fullmatch(r"python\s*={1,2}\s*(\d+\.\d+)(\.[\d*]+)?", str(entry))
        if python:
            version = python[1]
        elif isinstance(entry, dict) and entry.keys() == {"pip"} and isinstance(entry["pip"], list):
            requirements += map(str, entry["pip"])
        elif entry != "pip":
            fail(f"{file} asks for {entry!r}, but without conda only python=X.Y, pip and a pip: list can be installed")
    if version is None:
        fail(f"{file} does not say which Python: add python=X.Y to its dependencies")
    return version, requirements


def find_python(version):
    """Return (path, full version) of an interpreter of version "X.Y" that can make virtual environments.

    Tries the running one, then pythonX.Y in every folder of PATH, then those of pyenv and uv.
    Raises SystemExit, with a sentence on what to install, when there is none.
    """
    name = f"python{version}"
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    candidates = [sys.executable, *(os.path.join(folder, name) for folder in os.get_exec_path())]
    candidates += glob.glob(f"{glob.escape(pyenv)}/versions/{version}.*/bin/{name}")
    candidates += glob.glob(os.path.expanduser(f"~/.local/share/uv/python/cpython-{version}.*/bin/{name}"))
    code = "import sys, venv, ensurepip; print('.'.join(map(str, sys.version_info[:3])))"
    for path in candidates:
        try:
            out = subprocess.run([path, "-I", "-c", code], check=False, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if out.returncode == 0 and out.stdout.startswith(f"{version}."):
            return path, out.stdout.strip()
    fail(
        f"Python {version} is needed, and no command {name} that can make virtual environments was found: install it, "
        f"for example with `apt install {name} {name}-venv`, `pyenv install {version}` or `uv python install {version}`"
    )


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
    process = subprocess.Popen(command, env={**os.environ, **PIP_ENV}, pass_fds=[held])
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


def build(prefix, python, requirements, held):
    """Make the environment; return True, or False when its folder was removed meanwhile.

    Raises SystemExit when venv or pip fails (they have said why), OSError when the disk does.
    """
    start(prefix)
    failed = run([python, "-I", "-m", "venv", prefix], held) and "venv"
    if not failed and requirements:
        listed = os.path.join(prefix, "requirements.txt")
        try:
            Path(listed).write_text("\n".join(requirements) + "\n", encoding="utf-8")
        except FileNotFoundError:
            return False
        install = [os.path.join(prefix, "bin", "python"), "-I", "-m", "pip", "install", "--quiet", "-r", listed]
        try:
            failed = run(install, held) and "pip"
        except FileNotFoundError:
            return False
    if failed:
        time.sleep(2)  # when a removal made it fail, let that reach the state file
    try:
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
    version, requirements = read_spec(file)
    python, full_version = find_python(version)
    say(
        f"this is not conda. The environment uses this machine's Python {full_version} ({python}); of {file} only "
        "python=X.Y, pip and the pip: list count"
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
