"""The files around the code: the Makefile's choice of a Python, CI, the hooks before a commit, the citation."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, lay_out

MAKE = shutil.which("make")
VERSIONS = ["3.11", "3.12", "3.13"]
pytestmark = pytest.mark.skipif(not MAKE, reason="make is not there")


def python(path, fits=True):
    """Write a command that answers the Makefile's question, and whose environments hold one file with its name."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ $2 = -m ] || exit {0 if fits else 1}\nmkdir -p $4/bin\necho "$0" > $4/bin/python\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def make(tmp_path):
    """A function that calls make in a folder with the Makefile and a nearly empty PATH; it returns the outcome."""
    (tmp_path / "tests").mkdir()
    for file in ("Makefile", "requirements.txt", "tests/requirements.txt"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "bin").mkdir()
    for tool in ("mkdir", "mv", "touch"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))

    def call(*args, **env):
        env = {"PATH": str(tmp_path / "bin"), **env}
        return subprocess.run([MAKE, *args], cwd=tmp_path, env=env, capture_output=True, text=True)

    return call


def test_make_takes_the_first_python_that_fits(make, tmp_path):
    python(tmp_path / "bin" / "python3.11", fits=False)
    for name in ("python3.12", "python3.13", "python3"):
        python(tmp_path / "bin" / name)
    assert make(".venv/bin/python").returncode == 0
    assert (tmp_path / ".venv" / "bin" / "python").read_text() == f"{tmp_path}/bin/python3.12\n"


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_make_takes_the_python_that_is_named(make, tmp_path, how):
    python(tmp_path / "bin" / "python3.11")
    named = str(python(tmp_path / "my tools" / "python"))
    done = make(".venv/bin/python", f"PYTHON={named}") if how == "argument" else make(".venv/bin/python", PYTHON=named)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "bin" / "python").read_text() == f"{named}\n"


@pytest.mark.parametrize("named", [[], ["PYTHON=python3.10"], ["PYTHON=/no such/python"]], ids=str)
def test_make_says_in_one_sentence_that_no_python_fits(make, tmp_path, named):
    for name in ("python3.10", "python3"):
        python(tmp_path / "bin" / name, fits=False)
    done = make("demo", *named)
    assert done.returncode == 2
    [sentence] = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    tried = f"{named[0]} is not" if named else "none of python3.11 python3.12 python3.13 python3 is"
    assert sentence.startswith(f"Semis: {tried} a Python from 3.11 to 3.13 with venv and headers;"), sentence
    assert "apt install python3-venv python3-dev g++" in sentence


@pytest.mark.parametrize(
    "version, fits", [((3, 10, 14), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 0), False)]
)
def test_which_versions_fit(make, version, fits):
    program = make("--eval=ask: ; @: $(info $(FITS))", "ask").stdout
    pretend = f"import sys, sysconfig; sys.version_info = {version}; exec(sys.argv[1])"
    assert (subprocess.run([sys.executable, "-c", pretend, program]).returncode == 0) == fits


def test_a_python_other_than_that_of_the_environment_is_refused(make, tmp_path):
    for path, version in [(".venv/bin/python", "3.11.7"), (".venv/bin/pip", "3.11.7"), ("bin/python3.13", "3.13.0")]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"#!/bin/sh\necho Python {version}\n")
        (tmp_path / path).chmod(0o755)
    (tmp_path / ".venv" / ".workflow").touch()
    assert make("--dry-run", "demo").returncode == 0
    done = make("--dry-run", "demo", "PYTHON=python3.13")
    assert done.returncode == 2
    assert "Semis: .venv was made with Python 3.11.7; move .venv away to have it made with python3.13" in done.stderr


def test_an_environment_without_its_python_is_made_again(make, tmp_path):
    python(tmp_path / "bin" / "python3.12")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "python3", "python3.11"):
        (tmp_path / ".venv" / "bin" / name).symlink_to("/nowhere/python3.11")
    for stamp in (".workflow", ".tests"):
        (tmp_path / ".venv" / stamp).touch()
    assert make(".venv/bin/python").returncode == 0
    assert (tmp_path / ".venv" / "bin" / "python").read_text() == f"{tmp_path}/bin/python3.12\n"
    assert not (tmp_path / ".venv" / ".workflow").exists()
    [kept] = tmp_path.glob(".venv.old.*")  # it may hold a user's work
    assert sorted(path.name for path in kept.iterdir()) == [".tests", ".workflow", "bin"]


def test_what_a_shell_holds_for_other_pythons_does_not_reach_pip(make, tmp_path):
    redirected = {"PIP_TARGET": "x", "PIP_PREFIX": "x", "PIP_ROOT": "x", "PIP_PYTHON": "x", "PYTHONPATH": "x"}
    turned_on = {"PIP_USER": "1", "PIP_NO_DEPS": "1", "PIP_DRY_RUN": "1"}
    shown = f"ask: ; @echo {'+'.join(f'$${name}' for name in [*redirected, *turned_on])}"
    assert make(f"--eval={shown}", "ask", **redirected, **turned_on).stdout == "+++++0+0+0\n"


def test_make_stops_if_the_packages_are_not_there(make, tmp_path):
    """pip's configuration file may send them elsewhere; then pip succeeds all the same."""
    for name in ("python", "pip"):
        file = lay_out(tmp_path, {f".venv/bin/{name}": "#!/bin/sh\n"}) / ".venv" / "bin" / name
        file.chmod(0o755)
    for stamp, program in ((".workflow", "snakemake"), (".tests", "pytest")):
        done = make(f".venv/{stamp}")
        shutil.copy(file, file.parent / program)
        assert done.returncode == 2 and "Semis: pip put packages elsewhere than into .venv: take" in done.stderr
        assert not (tmp_path / ".venv" / stamp).exists()
        assert make(f".venv/{stamp}").returncode == 0


def test_each_test_belongs_to_one_of_three_commands():
    text = (ROOT / "Makefile").read_text()
    recipes = dict(re.findall(r"^(test[a-z-]*):.*\n\t(.*)$", text, re.M))
    chosen = {name: re.search(r'-m "?([^"\n]+?)"?$', line)[1] for name, line in recipes.items() if name != "test-quick"}
    for marks in ({"slow": slow, "long": long} for slow in (True, False) for long in (True, False)):
        assert sum(eval(expression, {}, marks) for expression in chosen.values()) == 1, marks
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in ci if line.startswith("make ")] == ["make test", "make test-slow"]


def test_ci_runs_on_every_python():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())
    [job] = workflow["jobs"].values()
    assert job["strategy"]["matrix"] == {"python": VERSIONS}
    assert job["env"]["PYTHON"] == "python${{ matrix.python }}"
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert [name.partition("@")[0] for name in used] == ["actions/checkout", "actions/setup-python"]
    assert all(re.fullmatch(r".+@[0-9a-f]{40}", name) for name in used)
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]


def hooks():
    """The hooks that run before a commit."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return [hook for repo in config["repos"] for hook in repo["hooks"]]


def test_hooks_use_the_tools_that_the_tests_pin():
    pinned = dict(line.split("==") for line in (ROOT / "tests" / "requirements.txt").read_text().splitlines()[1:])
    package = {"check-yaml": "pre-commit-hooks"}  # commands whose package has another name
    commands = [Path(hook["entry"].split()[0]) for hook in hooks()]
    assert {command.parent for command in commands} == {Path(".venv/bin")}
    assert {package.get(command.name, command.name) for command in commands} <= pinned.keys()
    assert {"ruff", "snakefmt", "codespell", "mypy"} <= {command.name for command in commands}


def test_pre_commit_understands_the_hooks():
    command = [Path(sys.executable).parent / "pre-commit", "validate-config"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["config-schema", "workflow-schema"])
def test_schema_hooks_pass_and_notice_a_wrong_key(tmp_path, name):
    [hook] = [hook for hook in hooks() if hook["id"] == name]
    tool, *args = hook["entry"].split()
    for file in ("config.yaml", "demo/config.yaml", "schemas/config.schema.yaml", ".github/workflows/ci.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    edited = tmp_path / ("config.yaml" if name == "config-schema" else ".github/workflows/ci.yaml")
    files = [] if hook.get("pass_filenames") is False else [edited]
    command = [Path(sys.executable).parent / Path(tool).name, *args, *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    edited.write_text(json.dumps({**yaml.safe_load(edited.read_text()), "sedes": [0]}))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "sedes" in done.stdout, done.stdout


def test_the_citation_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["cff-version"], citation["title"], citation["license"]) == ("1.2.0", "Semis", "MIT")
    assert citation["authors"] == [{"name": "The Semis authors"}]
    assert citation["version"] == "0.9.0"
