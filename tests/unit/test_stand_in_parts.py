"""The stand-in `conda` (envs/stand_in) without installs: its choice of a Python, and its refusals."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

STAND_IN = ROOT / "envs" / "stand_in"
sys.path.insert(0, str(STAND_IN))
import pythons  # noqa: E402

ENV = os.environ | {"PATH": f"{STAND_IN / 'bin'}{os.pathsep}{os.environ['PATH']}", "SEMIS_PYTHON": sys.executable}


@pytest.mark.parametrize(
    "entry, versions",
    [
        ("python=3.12", ["3.12"]),
        ("python==3.12.*", ["3.12"]),
        ("python>=3.11,<3.14", ["3.11", "3.12", "3.13"]),
        ("python >=3.9, <3.11", ["3.9", "3.10"]),
        ("python>=3.11", []),
        ("python<3.14", []),
        ("python>=3.13,<3.13", []),
        ("pythonnet=3.11", []),
    ],
)
def test_versions_that_an_entry_allows(entry, versions):
    assert pythons.allowed(entry) == versions


def test_every_environment_allows_the_same_versions():
    for file in STAND_IN.parent.glob("*.yaml"):
        (entry,) = re.findall(r"^  - (python\b.*)$", file.read_text(), re.M)
        assert pythons.allowed(entry) == ["3.11", "3.12", "3.13"], file


def fake_python(path, version, usable=True):
    """Write a command that answers like a Python of this version, with or without support for virtual environments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    status = 0 if usable else 1
    path.write_text(f"#!/bin/sh\necho {version}\ncase $* in *ensurepip*) exit {status} ;; esac\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder that is PATH, home and pyenv at once, in a process whose own Python is 3.9."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path / "old", "3.9.18"))
    return tmp_path


def test_of_a_range_the_running_python_comes_first(bare, monkeypatch):
    fake_python(bare / "bin" / "python3.11", "3.11.7")
    monkeypatch.setattr(sys, "executable", fake_python(bare / "running", "3.13.1"))
    assert pythons.find(["3.11", "3.12", "3.13"]) == (str(bare / "running"), "3.13.1")


@pytest.mark.parametrize(
    "place", ["bin", ".pyenv/versions/3.13.1/bin", ".local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu/bin"]
)
def test_of_a_range_any_python_that_makes_environments_will_do(bare, place):
    fake_python(bare / "bin" / "python3.11", "3.11.7", usable=False)  # as on Debian without python3.11-venv
    fake_python(bare / "bin" / "python3.12", "3.10.1")  # its name and its answer differ
    wanted = fake_python(bare / place / "python3.13", "3.13.1")
    assert pythons.find(["3.11", "3.12", "3.13"]) == (wanted, "3.13.1")
    with pytest.raises(LookupError, match=r"Python 3\.11 or 3\.12 is needed, .*apt install python3\.1[12] python"):
        pythons.find(["3.11", "3.12"])


def create(folder, *entries):
    """Let the stand-in make an environment with these dependencies, which it must refuse; return its message."""
    (folder / "env.yaml").write_text(json.dumps({"dependencies": list(entries)}))
    command = ["conda", "env", "create", "--file", "env.yaml", "--prefix", "environment"]
    done = subprocess.run(command, check=False, cwd=folder, env=ENV, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not (folder / "environment").exists()
    return done.stderr


@pytest.mark.parametrize("entry", ["samtools=1.20", "python>=3.9", "python>=3.14,<3.11"])
def test_what_only_conda_has_is_refused(tmp_path, entry):
    said = create(tmp_path, "python>=3.11,<3.14", entry, "pip", {"pip": ["six==1.16.0"]})
    assert f"env.yaml asks for {entry!r}, but without conda" in said


def test_python_that_is_not_there(tmp_path):
    said = create(tmp_path, "python=3.99", "pip", {"pip": ["six==1.16.0"]})
    assert "Python 3.99 is needed" in said and "apt install python3.99 python3.99-venv" in said


def test_a_file_that_names_no_python_is_refused(tmp_path):
    assert "env.yaml does not say which Python" in create(tmp_path, "pip", {"pip": ["six==1.16.0"]})


def test_rule_fails_when_its_python_was_uninstalled(tmp_path):
    (tmp_path / ".stand_in").write_text("complete\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/nowhere/python3.11")
    activate = f"source {STAND_IN}/bin/activate {shlex.quote(str(tmp_path))}; echo went on"
    done = subprocess.run(["bash", "-uc", activate], check=False, env=ENV, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"'{tmp_path}' was made with is not installed any more: install /nowhere/python3.11" in done.stderr


def test_stand_in_lies_in_a_path_with_spaces_and_needs_no_yaml_on_path(tmp_path):
    """It passes its own path to Snakemake in quotes, and SEMIS_PYTHON runs it, not python3 on PATH."""
    copy = tmp_path / "my checkout" / "stand_in"
    shutil.copytree(STAND_IN, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 99\n")
    (tmp_path / "python3").chmod(0o755)
    environment = ENV | {"PATH": f"{copy / 'bin'}{os.pathsep}{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    out = subprocess.check_output(["conda", "info", "--json"], env=environment, text=True)
    activate = f"source {json.loads(out)['conda_prefix']}/bin/activate /nowhere"
    done = subprocess.run(["bash", "-uc", activate], check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "no finished environment at '/nowhere'" in done.stderr


def test_any_other_command_is_refused_in_one_sentence():
    done = subprocess.run(["conda", "list", "--explicit"], check=False, env=ENV, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "`conda list --explicit`" in done.stderr
