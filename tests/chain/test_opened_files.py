"""Every project file that a job of the demo opens is in the digest of its code, is an input, or is in the harness."""

import base64
import json
import re
from collections import defaultdict
from pathlib import Path

from semis import engines
from semis.study.code import HARNESS, code_digest, code_files
from semis.text import formats

import pytest

# strace splits a call that another process interrupts into two lines; the second one has the result.
OPENED = re.compile(r'(?:openat\(.*?, "[^"]*", (?P<flags>[\w|]+).*|<\.\.\. openat resumed>.*)= \d+<(?P<path>/.*)>$')
BEGUN = re.compile(r'openat\(.*?, "[^"]*", (?P<flags>[\w|]+).*<unfinished \.\.\.>$')
STARTED = re.compile(r"(?:<\.\.\. )?(?:clone3?|v?fork)(?:\(| resumed>).*= (\d+)$")
SCRIPT = re.compile(r"/\.snakemake/scripts/tmp[^/]*?\.(\w+\.py)$")
# What a script of the demo may load by name.
LOADED = [engines.module_name("reference", library) for library in ("fairseq", "huggingface")]
LOADED += [formats.module_name("lines")]


class Process:
    """A process or thread: its parent, its script, and the files that it opened."""

    def __init__(self):
        self.parent, self.script, self.flags = None, None, ""
        self.read, self.made = set(), set()

    @property
    def job(self):
        """Return the process of the job to which this one belongs, or None."""
        return self if self.script or not self.parent else self.parent.job

    def open(self, path, flags, root):
        """Record an opened file, if it is below the folder `root`."""
        if "O_DIRECTORY" in flags or not path.startswith(f"{root}/"):
            return
        if (script := SCRIPT.search(path)) and "O_CREAT" not in flags and not self.script:
            self.script, self.read = script[1], set()  # until then it was the shell that prepared the script
        elif "O_CREAT" in flags:
            self.made.add(path.removeprefix(f"{root}/"))
        elif "O_WRONLY" not in flags:
            self.read.add(source(path.removeprefix(f"{root}/")))


def processes(lines, root):
    """Return all processes of a trace; after an exit, the same number means another process."""
    current, all_of_them = defaultdict(Process), []
    for line in lines:
        number, _, call = line.rstrip().partition(" ")
        call = call.lstrip()
        if call.startswith("+++"):
            current.pop(number, None)
            continue
        if number not in current:
            all_of_them.append(current[number])
        process = current[number]
        if found := STARTED.match(call):
            if found[1] not in current:
                all_of_them.append(current[found[1]])
            current[found[1]].parent = process
        elif found := BEGUN.match(call):
            process.flags = found["flags"]
        elif found := OPENED.match(call):
            process.open(found["path"], found["flags"] or process.flags, root)
    return all_of_them


def source(path):
    """Return the source of a compiled Python file; any other path unchanged."""
    folder, cache, name = path.rpartition("__pycache__/")
    return folder + re.sub(r"\.cpython-\d+\.pyc(\.\d+)?$", ".py", name) if cache else path


def jobs_of(trace, root):
    """Return [(script, files that the job read, files that it wrote)], with all processes that a job started."""
    with open(trace, encoding="utf-8", errors="replace") as lines:
        found = processes(lines, root)
    for process in found:
        if process.job and process.job is not process:
            process.job.read |= process.read
            process.job.made |= process.made
    return [
        (process.script, process.read - with_folders(process.made), process.made) for process in found if process.script
    ]


def with_folders(paths):
    """Return these paths and their folders."""
    return {str(found) for path in paths for found in (Path(path), *Path(path).parents)}


def records(root):
    """Return {log: (inputs, outputs, digest of the code)} of all jobs, from Snakemake's records."""
    folder, found = root / ".snakemake" / "metadata", {}
    for file in filter(Path.is_file, folder.rglob("*")):  # Snakemake divides a long name into folders
        parts = file.relative_to(folder).parts
        output = base64.urlsafe_b64decode("".join(part.lstrip("@") for part in parts)).decode()
        record = json.loads(file.read_text())
        for log in record["log"]:
            [digest] = re.findall(r"'code': '(\w+)'", " ".join(record["params"]))
            found.setdefault(log, (record["input"], [], digest))[1].append(output)
    return found


def is_declared(path, inputs, outputs):
    """Say whether a file is an input or output of a job, is inside one, or is in the work folder next to one."""
    work = {f"{Path(output).parent}/work" for output in outputs}
    return any(path == of or path.startswith(f"{of}/") for of in [*inputs, *outputs, *work])


@pytest.fixture(scope="module")
def jobs(trace, runner):
    """Return [(script, log, files)] of all jobs of the demo; a job holds the lock of its log."""
    found = []
    for script, files, made in jobs_of(trace, runner.folder.resolve()):
        [log] = {path.removesuffix(".lock") for path in made if path.endswith(".log.lock")}
        found.append((script, log, files))
    return found


def test_all_jobs_are_seen(jobs, runner):
    assert {log for _, log, _ in jobs} == set(records(runner.folder))
    [files] = [
        files for _, log, files in jobs if log.endswith("finetune_fairseq/demo-books/fairseq-pretrained/seed0.log")
    ]
    assert {
        "scripts/semis/fairseq/training.py",
        "scripts/fairseq_plugin/__init__.py",  # opened by fairseq-train
        "scripts/semis/harness/lock.py",
        "results/demo/models/roberta-demo/dict.txt",
        "results/demo/data/demo-books/tokens/roberta-demo/train.input0.bin",
    } <= files


def test_what_a_job_opens_decides_whether_it_runs_again(jobs, runner):
    scripts, known = runner.folder / "scripts", records(runner.folder)
    unknown = []
    for script, log, files in jobs:
        inputs, outputs, digest = known[log]
        loaded = [(), *((name,) for name in LOADED)]
        modules = next(names for names in loaded if code_digest(scripts, script, names) == digest)
        code = {f"scripts/{name}" for name in code_files(scripts, script, modules)}
        for path in files - code - {log}:
            harmless = path.startswith((f"scripts/{HARNESS}", ".snakemake/scripts/"))
            if not harmless and not is_declared(path, inputs, outputs):
                unknown.append((script, path))
    assert unknown == []
