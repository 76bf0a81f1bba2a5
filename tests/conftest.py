"""Fixtures and helpers of all tests: scripts on the import path, `snakemake` in a temporary folder, a finished demo, a
loopback server."""

import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / "tests" / "tools"
sys.path[:0] = [str(ROOT / "scripts"), str(TOOLS)]

from breakages import copy_checkout  # noqa: E402
from loopback import Loopback  # noqa: E402

# Tests share the environments with the project's own runs, so that each is built once.
ENVIRONMENTS = os.environ.get("SNAKEMAKE_CONDA_PREFIX", str(ROOT / ".snakemake" / "conda"))
NETWORK = ["connect", "listen", "sendto", "sendmsg", "sendmmsg"]
FILES = ["openat", "clone", "clone3", "?fork", "?vfork"]  # opened files, and child processes
HINTS = tuple(
    f"Semis: {start}" for start in ("no conda in use", "trainings use", "writing ", "the study is not finished")
)


def pytest_addoption(parser):
    parser.addoption("--keep-demo", metavar="FOLDER", help="keep the finished demo there for the next call")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items):
    """In parallel runs, give one process all tests that share the finished demo, and one all tests of another file."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("demo" if "runner" in item.fixturenames else item.path.stem))


class Snakemake:
    """Runs the project's workflow, or the copy of it in `root`, in the folder `folder`."""

    def __init__(self, folder, root=ROOT):
        self.folder, self.root = folder, root
        self.behind = []  # a command before it, such as strace
        self.env = {
            **os.environ,
            "SNAKEMAKE_CONDA_PREFIX": ENVIRONMENTS,
            "HF_HOME": str(folder / "hf_home"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def start(self, config, *args, stdout=subprocess.PIPE, start_new_session=False, **env):
        """Start `snakemake` on a config (a mapping, or the contents of the file); return the process at once."""
        content = json.dumps(config) if isinstance(config, dict) else config
        (self.folder / "config.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
        return subprocess.Popen(
            [*self.behind, sys.executable, "-m", "snakemake", "--snakefile", self.root / "Snakefile"]
            + ["--configfile", "config.yaml", "--cores", "2", *args],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=start_new_session,
        )

    def __call__(self, config, *args, **env):
        """Run `snakemake` on a config to its end; `.output` of the result holds its messages."""
        done = self.start(config, *args, **env)
        done.output = done.communicate()[0]
        return done

    def sentence(self, config, *args, **env):
        """Run `snakemake`, which must fail with one sentence of Semis and no traceback; return the sentence."""
        done = self(config, *args, **env)
        assert done.returncode != 0, done.output
        assert "Traceback" not in done.output, done.output
        lines = [line for line in done.output.splitlines() if line.startswith("Semis: ") and not line.startswith(HINTS)]
        assert len(lines) == 1, done.output
        return lines[0]

    def files(self, folder):
        """Return the files below a folder of the run, without Snakemake's timestamps; none without the folder."""
        found = (path for path in (self.folder / folder).rglob("*") if path.is_file())
        return sorted(str(p.relative_to(self.folder / folder)) for p in found if p.name != ".snakemake_timestamp")


@pytest.fixture
def snakemake(tmp_path):
    """A runner of the project's workflow in a new folder."""
    return Snakemake(tmp_path)


@pytest.fixture(scope="session")
def runner(tmp_path_factory, request):
    """A runner in a copy of the repository, so that a test may edit a script there and restore it."""
    kept = request.config.getoption("--keep-demo")
    copy = (Path(kept).resolve() if kept else tmp_path_factory.mktemp("copy")) / "semis"
    copy_checkout(ROOT, copy)
    return Snakemake(copy, root=copy)


@pytest.fixture(scope="session")
def demo(runner):
    """The results folder of a finished demo, made once for all tests; its network calls and opened files are traced."""
    config = (ROOT / "demo" / "config.yaml").read_text()
    results, trace = runner.folder / "results" / "demo", runner.folder.parent / "trace"
    done = runner(config, "--conda-create-envs-only")  # outside the trace, since pip uses the network
    assert done.returncode == 0, done.output
    kept = results.exists()
    runner.behind = [] if kept else tracer(trace, NETWORK + FILES)
    done = runner(config)
    runner.behind = []
    assert done.returncode == 0, done.output
    if kept and "Nothing to be done" not in done.output:
        trace.unlink(missing_ok=True)  # it belongs to other code
    else:
        assert kept or "Read results/demo/summary.md" in done.output
    return results


@pytest.fixture(scope="session")
def trace(demo, runner):
    """The file with the network calls of the demo's run and the files that its jobs opened."""
    file = runner.folder.parent / "trace"
    if not file.exists():
        pytest.skip("strace is not there, or may not trace")
    return file


@pytest.fixture
def server():
    """A loopback HTTP server without any files yet."""
    with Loopback() as running:
        yield running


@pytest.fixture
def closed_url():
    """The url of a port of this machine on which nothing listens."""
    with socket.socket() as held:  # bound but not listening: it refuses connections and keeps the port
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def tracer(file, calls=NETWORK):
    """Return a command that traces these system calls of another command into `file`; [] if strace does not work."""
    # Snakemake starts Slurm's sinfo if it is installed, and sinfo would ask the name server for its cluster.
    command = ["strace", "-E", "SLURM_CONF=/dev/null", "-f", "--seccomp-bpf", "-yy"]
    command += ["-e", f"trace={','.join(calls)}", "-o", file]
    usable = shutil.which("strace") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if usable else []


def asked(file):
    """Return the lines of a trace that concern the internet. Skips the test without a trace."""
    if not file.exists():
        pytest.skip("strace is not there, or may not trace")
    return [line for line in file.read_text().splitlines() if re.search(r"AF_INET|<TCP|<UDP", line)]


def environment(name):
    """Return the Python of the environment that Snakemake made from envs/{name}.yaml."""
    text = (ROOT / "envs" / f"{name}.yaml").read_text()
    made = (file for file in (ROOT / ENVIRONMENTS).glob("*_.yaml") if file.with_suffix(".env_setup_done").exists())
    return next(file.with_suffix("") / "bin" / "python" for file in made if file.read_text() == text)


def in_environment(name, function, *args):
    """Call a function of a test file in an environment of the rules; arguments and result pass as JSON.

    `call.py` loads the function from its file, so that a breakpoint in it works. It can import modules from scripts/
    and tests/tools/.
    """
    path = os.pathsep.join([str(ROOT / "scripts"), str(TOOLS)])
    done = subprocess.run(
        [
            environment(name),
            TOOLS / "call.py",
            inspect.getsourcefile(function),
            function.__qualname__,
            json.dumps(args),
        ],
        env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def study(source, **models):
    """Return a small config: one dataset, `books`, from this source, and one method that need not run."""
    tiny = {"library": "fairseq", "tokenizer": {"text": [{"path": str(ROOT / "demo" / "text.txt")}]}}
    return {
        "study": "t",
        "datasets": {"books": {"source": source}},
        "models": {"tiny": tiny, **models},
        "methods": {"scratch": {"model": "tiny", "start": "scratch"}},
    }


def lay_out(folder, files):
    """Write {path: text or bytes} into a folder, which is created if needed; return the folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def reviews():
    """Return the six files of a tiny dataset, {name: text}."""
    splits = {"train": "Un beau roman.\nUn livre ennuyeux.\n", "valid": "Très lent.\nÀ lire.\n", "test": "Oui.\nNon.\n"}
    return {f"{s}.review": text for s, text in splits.items()} | {f"{s}.label": "1\n0\n" for s in splits}
