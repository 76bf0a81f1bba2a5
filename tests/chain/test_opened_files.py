"""Every file of the project that a job of the demo opens is in the digest of its code, an input, or in the harness."""

import base64
import json
import re
from collections import defaultdict
from pathlib import Path

from semis import engines
from semis.study.code import HARNESS, code_digest, code_files

import pytest

# A call that another process interrupts is written in two lines, of which the second has the result.
OPENED = re.compile(
    r"^(\d+) +(?:openat\(.*?, \"[^\"]*\", (?P<flags>[\w|]+).*|<\.\.\. openat resumed>.*)= \d+<(?P<path>/.*)>$"
)
BEGUN = re.compile(r"^(\d+) +openat\(.*?, \"[^\"]*\", (?P<flags>[\w|]+).*<unfinished \.\.\.>$")
STARTED = re.compile(r"^(\d+) +(?:<\.\.\. )?(?:clone3?|v?fork)(?:\(| resumed>).*= (\d+)$")
SCRIPT = re.compile(r"/\.snakemake/scripts/tmp[^/]*?\.(\w+\.py)$")
ENGINES = [(engines.module_name(*of),) for of in [("reference", "fairseq"), ("reference", "huggingface")]]


def opened(lines, root):
    """({process: its script}, {process: files below `root` that it opened to read}, {process: who started it})."""
    scripts, files, parents, flags = {}, defaultdict(set), {}, {}
    for line in lines:
        if found := STARTED.match(line):
            parents[found[2]] = found[1]
        elif found := BEGUN.match(line):
            flags[found[1]] = found["flags"]
        elif (found := OPENED.match(line)) and found["path"].startswith(f"{root}/"):
            mode = found["flags"] or flags[found[1]]
            if "O_WRONLY" in mode or "O_DIRECTORY" in mode:
                continue
            if script := SCRIPT.search(found["path"]):
                scripts[found[1]] = script[1]
            files[found[1]].add(source(found["path"].removeprefix(f"{root}/")))
    return scripts, files, parents


def source(path):
    """The Python file that a compiled one was made from; any other path as it is."""
    folder, cache, name = path.rpartition("__pycache__/")
    return folder + re.sub(r"\.cpython-\d+\.pyc(\.\d+)?$", ".py", name) if cache else path


def of_jobs(trace, root):
    """{(script, number of its process): files that the job and the processes that it started opened to read}."""
    with open(trace, encoding="utf-8", errors="replace") as lines:
        scripts, files, parents = opened(map(str.rstrip, lines), root)
    found = {(script, job): set() for job, script in scripts.items()}
    for process, paths in files.items():
        while process and process not in scripts:
            process = parents.get(process)
        if process:
            found[scripts[process], process] |= paths
    return found


def records(root):
    """{log: (inputs, outputs, digest of the code)} of all jobs, as Snakemake remembers them."""
    folder, found = root / ".snakemake" / "metadata", {}
    for file in filter(Path.is_file, folder.rglob("*")):  # a long name is divided into folders
        parts = file.relative_to(folder).parts
        output = base64.urlsafe_b64decode("".join(part.lstrip("@") for part in parts)).decode()
        record = json.loads(file.read_text())
        for log in record["log"]:
            [digest] = re.findall(r"'code': '(\w+)'", " ".join(record["params"]))
            found.setdefault(log, (record["input"], [], digest))[1].append(output)
    return found


def is_declared(path, inputs, outputs):
    """Whether a file is an input or an output of a job, in a folder that is one, or in the work folder beside one."""
    work = {f"{Path(output).parent}/work" for output in outputs}
    return any(path == of or path.startswith(f"{of}/") for of in [*inputs, *outputs, *work])


@pytest.fixture(scope="module")
def jobs(trace, runner):
    """[(script, log, files)] of all jobs of the demo; a job holds its log's lock."""
    found = []
    for (script, _), files in of_jobs(trace, runner.folder.resolve()).items():
        [log] = {path.removesuffix(".lock") for path in files if path.endswith(".log.lock")}
        found.append((script, log, files))
    return found


def test_all_jobs_are_seen(jobs, runner):
    assert {log for _, log, _ in jobs} == set(records(runner.folder))
    [files] = [
        files for _, log, files in jobs if log.endswith("finetune_fairseq/demo-books/fairseq-pretrained/seed0.log")
    ]
    assert {
        "scripts/semis/fairseq/training.py",
        "scripts/fairseq_plugin/__init__.py",  # by fairseq-train
        "scripts/semis/harness/lock.py",
        "results/demo/models/roberta-demo/dict.txt",
        "results/demo/data/demo-books/tokens/roberta-demo/train.input0.bin",
    } <= files


def test_what_a_job_opens_decides_whether_it_runs_again(jobs, runner):
    scripts, known = runner.folder / "scripts", records(runner.folder)
    unknown = []
    for script, log, files in jobs:
        inputs, outputs, digest = known[log]
        [modules] = [names for names in [(), *ENGINES] if code_digest(scripts, script, names) == digest]
        code = {f"scripts/{name}" for name in code_files(scripts, script, modules)}
        for path in files - code - {log, f"{log}.lock"}:
            harmless = path.startswith((f"scripts/{HARNESS}", ".snakemake/scripts/"))
            if not harmless and not is_declared(path, inputs, outputs):
                unknown.append((script, path))
    assert unknown == []
