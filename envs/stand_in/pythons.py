"""Finds a Python on this machine for an environment file."""

import glob
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence


def allowed(entry: str) -> list[str]:
    """Return the versions, such as "3.11", that an entry of an environment file allows, oldest first.

    Understands python=X.Y and python>=3.X,<3.Y; returns an empty list for everything else, including a range without an
    end: that would accept a Python for which some package has no release yet.
    """
    single = re.fullmatch(r"python\s*={1,2}\s*(\d+\.\d+)(\.[\d*]+)?", entry)
    if single:
        return [single[1]]
    between = re.fullmatch(r"python\s*>=\s*3\.(\d+)\s*,\s*<\s*3\.(\d+)", entry)
    return [f"3.{minor}" for minor in range(int(between[1]), int(between[2]))] if between else []


def candidates(versions: Iterable[str]) -> Iterator[str]:
    """Yield paths of possible interpreters: the running one, then those on PATH, those of pyenv and those of uv."""
    yield sys.executable
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for version in versions:
        yield from (os.path.join(folder, f"python{version}") for folder in os.get_exec_path())
    for version in versions:
        yield from glob.glob(f"{glob.escape(pyenv)}/versions/{version}.*/bin/python{version}")
    for version in versions:
        yield from glob.glob(os.path.expanduser(f"~/.local/share/uv/python/cpython-{version}.*/bin/python{version}"))


def find(versions: Sequence[str]) -> tuple[str, str]:
    """Return (path, full version) of an interpreter that has one of the versions and can make virtual environments.

    Raises LookupError, with a sentence on what to install, if there is none.
    """
    code = "import sys, venv, ensurepip; print('.'.join(map(str, sys.version_info[:3])))"
    for path in candidates(versions):
        try:
            out = subprocess.run([path, "-I", "-c", code], check=False, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        full = out.stdout.strip()
        if out.returncode == 0 and full.rpartition(".")[0] in versions:
            return path, full
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    best = running if running in versions else versions[-1]  # the running one may lack only ensurepip
    raise LookupError(
        f"Python {' or '.join(versions)} is needed, and none that can make virtual environments was found: install it, "
        f"for example with `apt install python{best} python{best}-venv`, `pyenv install {best}` or "
        f"`uv python install {best}`"
    )
