"""The stand-in `conda` (envs/stand_in) under the real Snakemake, with real pip installs of tiny packages."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow
STAND_IN = ROOT / "envs" / "stand_in"
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NOT_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "SNAKEMAKE_CONDA_PREFIX")
ENV = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
ENV |= {"PATH": f"{STAND_IN / 'bin'}{os.pathsep}{os.environ['PATH']}", "SEMIS_PYTHON": sys.executable}

LOOK = "import json, sys, six; print(json.dumps([sys.executable, sys.prefix, six.__version__]))"
ONE_RULE = f"""
rule look:
    output: "look.json"
    conda: "env.yaml"
    shell: {f"python -c {shlex.quote(LOOK)} > {{output}}"!r}
"""
TWO_RULES = f"""
rule all:
    input: "shell.json", "script.json"
rule in_shell:
    output: "shell.json"
    conda: "one.yaml"
    shell: {f"python -c {shlex.quote(LOOK)} > {{output}}"!r}
rule in_script:
    output: "script.json"
    conda: "two.yaml"
    script: "look.py"
"""
SCRIPT = f"""
from contextlib import redirect_stdout
with open(snakemake.output[0], "w") as out, redirect_stdout(out):
    {LOOK}
"""
# Snakemake runs `INTERPRETER /path of/ENV.post-deploy.sh` without quotes; INTERPRETER is the text after `#!`.
POST_DEPLOY = """#!bash -euo pipefail "$CONDA_PREFIX.post-deploy.sh" #
python -c "import six, sys; print(sys.prefix, six.__version__)" > "$CONDA_PREFIX/deployed"
"""
# A build backend that waits while the file `hold` is next to it, for stopping an install in the middle.
BACKEND = """
import time, zipfile
from pathlib import Path
HERE = Path(__file__).parent
def build_wheel(folder, config_settings=None, metadata_directory=None):
    (HERE / "started").touch()
    while (HERE / "hold").exists():
        time.sleep(0.1)
    name = "held-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("held.py", "")
        info = "held-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: held\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def yaml(*pip, python=PYTHON, extra=()):
    """Return the text of an environment file."""
    entries = [f"python={python}", *extra, "pip", {"pip": list(pip)}]
    return json.dumps({"channels": ["conda-forge"], "dependencies": entries})


def lay_out(folder, **files):
    """Write files, named like `env__yaml` for env.yaml, into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def start(folder, *args):
    """Start Snakemake in a folder, in a process group of its own."""
    command = [SNAKEMAKE, "--sdm", "conda", "--cores", "1", *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ENV, start_new_session=True, **pipes)


def finish(process):
    """Return (exit status, output) of a process; kill its group if it takes too long."""
    try:
        output, _ = process.communicate(timeout=240)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, output


def snakemake(folder, *args):
    """Run Snakemake in a folder, which must succeed; return its output."""
    status, output = finish(start(folder, *args))
    assert status == 0, output
    return output


def snakemake_fails(folder, *args):
    """Run Snakemake in a folder, which must fail; return its output."""
    status, output = finish(start(folder, *args))
    assert status != 0, output
    return output


def environments(folder):
    """Return the environments made in a --conda-prefix or in the default place of a working directory."""
    place = folder / ".snakemake" / "conda"
    place = place if place.is_dir() else folder
    return {path for path in place.glob("*_*") if path.is_dir()}


def until(condition, process):
    """Wait until a condition holds while a process runs."""
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(process.stdout.read())


def seen(path):
    """Return (sys.executable, sys.prefix, version of six) that a rule wrote."""
    return tuple(json.loads(path.read_text()))


@pytest.fixture
def held(tmp_path):
    """The folder of a package whose installation waits while the file `hold` exists."""
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project += '[project]\nname = "held"\nversion = "1.0"\n'
    folder = lay_out(tmp_path / "held", pyproject__toml=project, backend__py=BACKEND, hold="")
    yield folder
    (folder / "hold").unlink(missing_ok=True)  # else the build of an interrupted pip would wait forever


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A working directory with a space in its path and two finished environments, and the output of their build."""
    folder = tmp_path_factory.mktemp("two") / "work (my) dir"
    lay_out(folder, Snakefile=TWO_RULES, look__py=SCRIPT, one__yaml=yaml("six==1.16.0"), two__yaml=yaml("six==1.15.0"))
    (folder / "one.post-deploy.sh").write_text(POST_DEPLOY)
    return folder, snakemake(folder, "--conda-create-envs-only")


def test_create_envs_only_and_list(two):
    folder, output = two
    assert output.count("created (location:") == 2
    assert not (folder / "shell.json").exists()
    table = [line.split("\t") for line in snakemake(folder, "--list-conda-envs").splitlines() if "\t" in line]
    places = {row[0]: (folder / row[2]).resolve() for row in table[1:]}
    assert places.keys() == {"one.yaml", "two.yaml"}
    assert set(places.values()) == {path.resolve() for path in environments(folder)}


def test_post_deploy_script_runs_inside_the_environment(two):
    folder, _ = two
    deployed = [path / "deployed" for path in environments(folder) if (path / "deployed").exists()]
    assert [path.read_text() for path in deployed] == [f"{deployed[0].parent} 1.16.0\n"]


def test_each_rule_has_its_own_interpreter_and_packages(two):
    folder, _ = two
    output = snakemake(folder)
    assert "Creating conda environment" not in output
    shell, script = seen(folder / "shell.json"), seen(folder / "script.json")
    assert (shell[2], script[2]) == ("1.16.0", "1.15.0")
    assert len({shell[0], script[0], sys.executable}) == 3
    assert len({shell[1], script[1], sys.prefix}) == 3
    assert {Path(shell[1]), Path(script[1])} <= environments(folder)


def test_edited_yaml_reruns_its_rule_in_a_new_environment(two):
    folder, _ = two
    snakemake(folder)
    shell, script = seen(folder / "shell.json"), seen(folder / "script.json")
    (folder / "two.yaml").write_text(yaml("six==1.14.0"))
    output = snakemake(folder)
    assert "rule in_script" in output and "rule in_shell" not in output
    assert seen(folder / "shell.json") == shell
    assert seen(folder / "script.json")[2] == "1.14.0"
    assert seen(folder / "script.json")[1] not in (shell[1], script[1])


def test_failing_install_shows_what_pip_said_and_leaves_nothing(tmp_path):
    folder = lay_out(tmp_path / "w", Snakefile=ONE_RULE, env__yaml=yaml("six==99.99"))
    output = snakemake_fails(folder)
    assert "No matching distribution found for six==99.99" in output
    assert output.count("this is not conda") == 1
    assert not (folder / "look.json").exists() and not environments(folder)


def test_range_under_snakemake(tmp_path):
    lowest, above = sys.version_info.minor, sys.version_info.minor + 1
    text = yaml("six==1.16.0").replace(f"python={PYTHON}", f"python>=3.{lowest},<3.{above}")
    folder = lay_out(tmp_path, Snakefile=ONE_RULE, env__yaml=text)
    snakemake(folder)
    assert seen(folder / "look.json")[2] == "1.16.0"


@pytest.mark.parametrize("state", ["missing", "half-made"])
def test_rule_fails_without_a_finished_environment(tmp_path, state):
    """Snakemake trusts its flag, but the environment is missing or unfinished when the rule starts."""
    before = 'rule gone:\n    output: touch("gone")\n    shell: "rm -rf .snakemake/conda/*_"\n'
    rule = ONE_RULE.replace("rule look:", 'rule look:\n    input: "gone"') if state == "missing" else ONE_RULE
    folder = lay_out(tmp_path, Snakefile=rule + before, env__yaml=yaml("six==1.16.0"))
    table = [line.split("\t") for line in snakemake(folder, "look", "--list-conda-envs").splitlines() if "\t" in line]
    environment = folder / table[1][2]
    environment.mkdir()
    environment.with_suffix(".env_setup_done").touch()
    (environment / ".stand_in").write_text("building\n")
    output = snakemake_fails(folder, "look")
    assert "no finished environment at" in output and str(environment) in output
    assert not (folder / "look.json").exists()


@pytest.mark.parametrize(
    "setting", ["user = true", "no-deps = true", "dry-run = true", "prefix = elsewhere", "target = elsewhere"]
)
def test_packages_never_land_outside_the_environment(tmp_path, setting):
    """The stand-in overrides the variables and, in a file, what is true or false; the rest stops the install.

    six is a dependency of the package.
    """
    lay_out(tmp_path, env__yaml=yaml("python-dateutil==2.9.0.post0"), pip__conf=f"[install]\n{setting}\n")
    name, value = setting.split(" = ")
    create = ["conda", "env", "create", "--file", "env.yaml", "--prefix", "environment"]
    run = partial(subprocess.run, create, check=False, cwd=tmp_path, capture_output=True, text=True)
    done = run(env=ENV | {f"PIP_{name.upper().replace('-', '_')}": value})
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "environment").glob("lib/*/site-packages/six.py"))
    shutil.rmtree(tmp_path / "environment")
    done = run(env=ENV | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    if value == "true":
        assert done.returncode == 0 and list((tmp_path / "environment").glob("lib/*/site-packages/six.py"))
    else:
        assert done.returncode == 1 and "pip put python-dateutil elsewhere" in done.stderr
        assert not (tmp_path / "environment").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small folder")
def test_a_folder_for_temporary_files_that_is_too_small_is_named(tmp_path):
    lay_out(tmp_path, env__yaml=yaml("six==1.16.0"))
    small = tmp_path / "small"
    small.mkdir()
    create = "conda env create --file env.yaml --prefix environment"
    mounted = f"mount -t tmpfs -o size=1m tmpfs {small} && TMPDIR={small} {create}"
    command = ["unshare", "--mount", "sh", "-c", mounted]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=ENV, capture_output=True, text=True)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 1 and f"and {small} has 0.0: choose another folder with TMPDIR" in done.stderr
    assert not (tmp_path / "environment").exists()


def test_two_working_directories_share_a_prefix(tmp_path):
    folders = [lay_out(tmp_path / name, Snakefile=ONE_RULE, env__yaml=yaml("six==1.16.0")) for name in "ab"]
    for process in [start(folder, "--conda-prefix", tmp_path / "shared") for folder in folders]:
        status, output = finish(process)
        assert status == 0, output
    assert seen(folders[0] / "look.json") == seen(folders[1] / "look.json")
    assert seen(folders[0] / "look.json")[1:] == (str(*environments(tmp_path / "shared")), "1.16.0")


def test_second_snakemake_removes_what_the_first_one_is_making(tmp_path, held):
    text = yaml("six==1.16.0", str(held))
    folders = [lay_out(tmp_path / name, Snakefile=ONE_RULE, env__yaml=text) for name in "ab"]
    shared = tmp_path / "shared"
    first = start(folders[0], "--conda-prefix", shared)
    until((held / "started").exists, first)
    (environment,) = environments(shared)
    second = start(folders[1], "--conda-prefix", shared)
    until(lambda: not (environment / "pyvenv.cfg").exists(), second)
    time.sleep(2)  # the second one waits for the lock now
    (held / "hold").unlink()
    for process in first, second:
        status, output = finish(process)
        assert status == 0, output
    assert {seen(folder / "look.json")[1:] for folder in folders} == {(str(environment), "1.16.0")}


def test_killed_install_is_made_again(tmp_path, held):
    folder = lay_out(tmp_path / "w", Snakefile=ONE_RULE, env__yaml=yaml("six==1.16.0", str(held)))
    process = start(folder)
    until((held / "started").exists, process)
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    (environment,) = environments(folder)
    (environment / "left over").touch()
    (held / "hold").unlink()
    snakemake(folder, "--nolock")  # its lock on the working directory is left by the kill
    assert seen(folder / "look.json")[1:] == (str(environment), "1.16.0")
    assert not (environment / "left over").exists()


def test_half_made_environment_is_not_reused_after_cleanup(tmp_path, held):
    """--conda-cleanup-envs of Snakemake 9.27.1 leaves the flag of an environment that it removes."""
    (held / "hold").unlink()
    folder = lay_out(tmp_path / "w", Snakefile=ONE_RULE, env__yaml=yaml("six==1.16.0", str(held)))
    snakemake(folder, "--conda-create-envs-only")
    (environment,) = environments(folder)
    snakemake(folder, "--conda-cleanup-envs")
    assert not environment.exists()
    (held / "started").unlink()
    (held / "hold").touch()
    process = start(folder)
    until((held / "started").exists, process)
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    assert environment.exists()
    (held / "hold").unlink()
    snakemake(folder, "--nolock")  # its lock on the working directory is left by the kill
    assert seen(folder / "look.json")[1:] == (str(environment), "1.16.0")


def test_failing_create_leaves_nothing(tmp_path):
    """The test runs without Snakemake, which would remove a failed environment itself."""
    lay_out(tmp_path, env__yaml=yaml("six==99.99"))
    command = ["conda", "env", "create", "--file", tmp_path / "env.yaml", "--prefix", tmp_path / "environment"]
    assert subprocess.run(command, check=False, env=ENV, capture_output=True).returncode == 1
    assert not (tmp_path / "environment").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_create_leaves_nothing(tmp_path, held, number):
    lay_out(tmp_path, env__yaml=yaml(str(held)))
    prefix = tmp_path / "an environment"
    command = ["conda", "env", "create", "--file", tmp_path / "env.yaml", "--prefix", prefix]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
    process = subprocess.Popen(
        command, env=ENV, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heard
    )
    until((held / "started").exists, process)
    process.send_signal(number)
    assert process.wait(timeout=30) == 128 + number
    assert not prefix.exists()


def test_pin_file_does_not_keep_the_pip_section_from_counting(tmp_path):
    platform = json.loads(subprocess.check_output(["conda", "info", "--json"], env=ENV))["platform"]
    folder = lay_out(tmp_path, Snakefile=ONE_RULE, env__yaml=yaml("six==1.16.0"))
    (folder / f"env.{platform}.pin.txt").write_text("@EXPLICIT\n")
    snakemake(folder)
    assert seen(folder / "look.json")[2] == "1.16.0"
