"""Edits and the jobs that run again: each row of docs/reruns.md, tried on a finished demo and compared job by job."""

import ast
import copy
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from breakages import copy_checkout
from conftest import ROOT, Snakemake, lay_out, reviews, study

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs" / "reruns.md").read_text()
CONFIG = (ROOT / "demo" / "config.yaml").read_text()


def rows(page):
    """Return {first cell: second cell} of all tables of the page."""
    cells = [[cell.strip() for cell in line.split("|")[1:3]] for line in page.splitlines() if line.startswith("| ")]
    return {first: second for first, second in cells if second != "runs again"}


TABLE = {name: cell for name, cell in rows(PAGE).items() if not name.startswith("*")}
GROUPS = {name: cell for name, cell in rows(PAGE).items() if name.startswith("*")}


def promised(cell):
    """Return ({job: number}, {wildcard: its only value}) of a cell; a job of a table has the name of its file."""
    for name, rules in GROUPS.items():
        cell = cell.replace(name, rules)
    counts = {job: int(count or 1) for job, count in re.findall(r"`(\w+(?:\.csv)?)`(?: ×(\d+))?", cell)}
    return counts, dict(re.findall(r"`(\w+)=([\w-]+)`", cell))


def append(text):
    """Return an edit that appends text to a file."""
    return lambda old: old + text


def replace(old, new):
    """Return an edit that replaces a text of a file, which must be there."""

    def edit(text):
        assert old in text
        return text.replace(old, new)

    return edit


def reordered(value, key=None):
    """Return the config with the keys of all sections in reverse order, except methods, whose order matters."""
    if isinstance(value, dict):
        keys = list(value) if key == "methods" else reversed(value)
        return {name: reordered(value[name], name) for name in keys}
    return [reordered(part) for part in value] if isinstance(value, list) else value


def dumped(config):
    """A config as YAML, in its own order."""
    return yaml.safe_dump(config, sort_keys=False)


def turned(section, key):
    """Reverse the keys of a section, in place."""
    section[key] = dict(reversed(section[key].items()))


def setting(*keys, value):
    """Return an edit of the config that sets a key."""

    def edit(config):
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = value

    return edit


ONE_MORE = {"model": "roberta-demo", "start": "scratch", "training": {"learning_rate": 0.001}}
# {row of the table: {"config" or a file: its edit}}; an edit of the config changes the mapping or returns a text
EDITS = {
    "one more seed": {"config": lambda config: config["seeds"].append(2)},
    "one more method": {"config": setting("methods", "third", value=ONE_MORE)},
    "a method left out": {"config": lambda config: config["methods"].pop("fairseq-scratch") and None},
    "`methods` in another order": {"config": lambda config: turned(config, "methods")},
    "a method's own setting": {
        "config": setting("methods", "fairseq-scratch", "training", value={"learning_rate": 0.001})
    },
    "`training.learning_rate`": {"config": setting("training", "learning_rate", value=0.0004)},
    "`training.batch_size`": {"config": setting("training", "batch_size", value=8)},
    "`training.warmup_ratio` and `training.weight_decay` swapped": {
        "config": lambda config: config["training"].update(warmup_ratio=0.01, weight_decay=0.06)
    },
    "`training.threads`": {"config": setting("training", "threads", value=2)},
    "a second dataset": {
        "config": lambda config: config["datasets"].update(again=copy.deepcopy(config["datasets"]["demo-books"]))
    },
    "`study`": {"config": setting("study", value="other")},
    "`remark`": {"config": setting("remark", value="Another one.")},
    "a comment, or the order of keys": {"config": lambda config: f"# Mine\n{dumped(reordered(config))}"},
    "`qlora.training.learning_rate`": {"config": setting("qlora", "training", "learning_rate", value=0.004)},
    "`qlora.lora.rank`": {"config": setting("qlora", "lora", "rank", value=8)},
    "`qlora.sampling.temperature`": {"config": setting("qlora", "sampling", "temperature", value=0.8)},
    "`qlora.methods` in another order": {
        "config": setting(
            "qlora", "methods", value={"improved": {"recipe": "improved"}, "faithful": {"recipe": "report"}}
        )
    },
    "a review added to train": {
        "demo/reviews/train.review": append("Un roman plein de vie.\n"),
        "demo/reviews/train.label": append("1\n"),
    },
    "a review added to test": {
        "demo/reviews/test.review": append("Un roman plein de vie.\n"),
        "demo/reviews/test.label": append("1\n"),
    },
    "a file of reviews written again with the same bytes": {"demo/reviews/train.review": append("")},
    "the colours of all plots (`scripts/semis/results/style.py`)": {
        "scripts/semis/results/style.py": replace("#0072B2", "#0072B0")
    },
    "one plot (`scripts/plot_wall_time.py`)": {"scripts/plot_wall_time.py": replace("height=0.6", "height=0.5")},
    "a script (`scripts/evaluate_fairseq.py`)": {"scripts/evaluate_fairseq.py": replace(".softmax(-1)", ".softmax(1)")},
    "a constant of a formula (`scripts/model_size.py`)": {
        "scripts/model_size.py": replace("PADDING_OFFSET = 2", "PADDING_OFFSET = 3")
    },
    "a constant of a formula (`scripts/semis/results/statistics.py`)": {
        "scripts/semis/results/statistics.py": replace("confidence: float = 0.95", "confidence: float = 0.9")
    },
    "a module of two scripts (`scripts/semis/results/evaluations.py`)": {
        "scripts/semis/results/evaluations.py": replace("probability:.6f", "probability:.5f")
    },
    "the fast engine (`scripts/semis/fast/encoder.py`)": {"scripts/semis/fast/encoder.py": append("\nEXTRA = 1\n")},
    "an environment (`envs/transformers.yaml`)": {"envs/transformers.yaml": replace("safetensors==", "safetensors==9")},
}
# The rows with separate tests.
NOTHING = {
    "comments, docstrings and formatting of all code",
    "any code of `scripts/semis/harness/`",
    "`touch` on every file of the checkout",
    "a fresh clone in place of the checkout",
    "the checkout moved to another folder",
    "another `--conda-prefix`",
    "`--directory`, with the checkout elsewhere",
}


@contextmanager
def edited(folder, edits):
    """Make the edits of files and yield the text of the config; then restore the files and their dates."""
    config = yaml.safe_load(CONFIG)
    text = edits.get("config", lambda config: None)(config) or dumped(config)
    before = {folder / name: (folder / name).read_bytes() for name in edits if name != "config"}
    times = {path: path.stat().st_mtime_ns for path in before}
    try:
        for path, old in before.items():
            path.write_bytes(edits[str(path.relative_to(folder))](old.decode()).encode())
        yield text
    finally:
        for path, old in before.items():
            path.write_bytes(old)
            os.utime(path, ns=(times[path], times[path]))


def scheduled(runner, config, *args):
    """Return [(job, {wildcard: value})] of a dry-run, without the target; a job of a table has the name of its file."""
    done = runner(config, "--dry-run", *args)
    assert done.returncode == 0, done.output
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)", done.output, re.M)
    found = []
    for name, body in jobs:
        line = re.search(r"^ +wildcards: (.*)", body, re.M)
        values = dict(pair.split("=", 1) for pair in line[1].split(", ")) if line else {}
        found.append((f"{values['table']}.csv" if name in ("table", "table_stack") else name, values))
    return [(name, values) for name, values in found if name != "all"]


def counted(jobs):
    """Return {job: number}."""
    names = [name for name, _ in jobs]
    return {name: names.count(name) for name in names}


@pytest.fixture(scope="module")
def finished(runner, demo):
    """The runner of a demo with nothing left to do, even if other tests have changed it."""
    done = runner(CONFIG)
    assert done.returncode == 0, done.output
    assert scheduled(runner, CONFIG) == []
    return runner


def test_the_table_has_the_edits_that_are_tested():
    assert set(TABLE) == set(EDITS) | NOTHING
    assert {TABLE[name] for name in NOTHING} == {"nothing"}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_runs_what_the_table_says(finished, edit):
    with edited(finished.folder, EDITS[edit]) as config:
        jobs = scheduled(finished, config)
        if TABLE[edit] == "everything":
            assert counted(jobs) == counted(scheduled(finished, CONFIG, "--forceall"))
            return
    rules, wildcards = promised(TABLE[edit])
    assert counted(jobs) == rules
    for name, value in wildcards.items():
        assert {values[name] for _, values in jobs if name in values} == {value}


def test_in_two_steps_a_result_with_the_same_bytes_goes_no_further(finished):
    """Blanks at the ends of train's lines do not change the prepared files; a new review in test does."""
    edits = EDITS["a review added to test"] | {"demo/reviews/train.review": replace("\n", "  \r\n")}
    try:
        with edited(finished.folder, edits) as config:
            jobs = counted(scheduled(finished, config))
            assert {"prepare_split", "finetune_fairseq", "finetune_huggingface"} <= set(jobs)
            prepared = scheduled(finished, config, "prepare")
            assert sorted(values["split"] for name, values in prepared if name == "prepare_split") == ["test", "train"]
            done = finished(config, "prepare")
            assert done.returncode == 0, done.output
            rules, _ = promised(TABLE["a review added to test"])
            del rules["prepare_split"]
            assert counted(scheduled(finished, config)) == rules
    finally:
        for name in edits:
            (finished.folder / name).touch()
        done = finished(CONFIG, "prepare")
    assert done.returncode == 0, done.output
    assert scheduled(finished, CONFIG) == []


def otherwise_written(text):
    """Return the same code with other docstrings and comments, short lines, and other quotes and brackets."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                del node.body[0]
            node.body.insert(0, ast.Expr(ast.Constant(f"Another docstring, of line {getattr(node, 'lineno', 0)}.")))
    code = "# Another comment.\n".join(["", *(f"{ast.unparse(node)}\n" for node in tree.body)])
    ruff = [Path(sys.executable).parent / "ruff", "format", "--isolated", "--line-length", "40", "-"]
    return subprocess.run(ruff, input=code, capture_output=True, text=True, check=True).stdout


def test_other_words_of_all_code_run_nothing(finished):
    """It edits comments, docstrings and formatting of all scripts and modules, harness code, and comments of rules."""
    files = [file.relative_to(finished.folder) for file in (finished.folder / "scripts").rglob("*.py")]
    assert len(files) > 100
    edits = {str(file): otherwise_written for file in files}
    edits |= {str(file): lambda old: f"{old}\nPATIENCE = 1\n" for file in files if file.parent.name == "harness"}
    rules = (finished.folder / "rules").glob("*.smk")
    edits |= {str(file.relative_to(finished.folder)): append("\n# Another comment.\n") for file in rules}
    with edited(finished.folder, edits) as config:
        code = (finished.folder / "scripts" / "table_summary.py").read_text()
        assert code != (ROOT / "scripts" / "table_summary.py").read_text() and "# Another comment." in code
        assert scheduled(finished, config) == []


def test_other_dates_and_a_fresh_clone_run_nothing(finished):
    """All files of a clone are new; then all of them are touched once more."""
    for path in finished.folder.iterdir():
        if path.name not in ("results", ".snakemake"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_checkout(ROOT, finished.folder)
    for _ in range(2):
        for path in finished.folder.rglob("*"):
            if path.relative_to(finished.folder).parts[0] not in ("results", ".snakemake"):
                path.touch()
        assert scheduled(finished, CONFIG) == []


def test_a_checkout_in_another_place_runs_nothing(finished, tmp_path):
    moved = Path(shutil.move(finished.folder, tmp_path / "moved"))
    try:
        assert scheduled(Snakemake(moved, root=moved), CONFIG) == []
    finally:
        shutil.move(moved, finished.folder)


def test_environments_in_another_place_run_nothing(finished, tmp_path):
    assert scheduled(finished, CONFIG, "--conda-prefix", str(tmp_path)) == []


def test_results_in_another_directory_run_nothing(finished, tmp_path):
    """The checkout is in one folder, the results are in a second one, and the command runs in a third one."""
    checkout, third = tmp_path / "checkout", tmp_path / "third"
    copy_checkout(ROOT, checkout)
    third.mkdir()
    assert scheduled(Snakemake(third, root=checkout), CONFIG, "--directory", str(finished.folder)) == []
    relative = [os.path.relpath(path, third) for path in (checkout, finished.folder)]
    runner = Snakemake(third, root=Path(relative[0]))
    assert scheduled(runner, CONFIG, "--directory", relative[1]) == []
    done = runner(CONFIG, "--directory", relative[1], "--forcerun", "plot_wall_time")
    assert done.returncode == 0 and "done. Read results/demo/summary.md" in done.output, done.output
    assert scheduled(finished, CONFIG) == []


def test_an_edit_of_the_fast_engine_runs_its_runs_alone(finished):
    config = yaml.safe_load(CONFIG)
    methods = {f"{name}-fast": config["methods"][f"{name}-pretrained"] for name in ("fairseq", "huggingface")}
    config["methods"] |= {name: {**method, "training": {"engine": "fast"}} for name, method in methods.items()}
    folder = "results/demo/runs/demo-books"
    targets = [f"{folder}/{method}/seed0/metrics.json" for method in config["methods"]]
    text = dumped(config)
    done = finished(text, *targets)
    assert done.returncode == 0, done.output
    assert scheduled(finished, text, *targets) == []

    def touched(file, edit):
        with edited(finished.folder, {file: edit}):
            return {(name, values["method"]) for name, values in scheduled(finished, text, *targets)}

    runs = {
        lib: {(f"{step}_{lib}", f"{lib}-fast") for step in ("finetune", "evaluate")}
        for lib in ("fairseq", "huggingface")
    }
    constant = append("\nEXTRA = 1\n")
    try:
        assert touched("scripts/semis/fast/encoder.py", constant) == runs["fairseq"] | runs["huggingface"]
        assert touched("scripts/semis/fast/huggingface.py", constant) == runs["huggingface"]
        assert touched("scripts/fairseq_fast/__init__.py", constant) == runs["fairseq"]
    finally:
        for path in (finished.folder / "results" / "demo").rglob("*-fast"):
            shutil.rmtree(path)


def test_texts_in_another_order_make_another_tokenizer(snakemake):
    """Snakemake ignores the order of inputs, but a tokenizer depends on it."""
    lay_out(snakemake.folder, {"other.txt": "Une autre phrase pour le vocabulaire.\n" * 3})
    lay_out(snakemake.folder / "books", reviews())
    config = study({"path": "books"})
    text = config["models"]["tiny"]["tokenizer"]["text"]
    text.append({"path": "other.txt"})
    config["models"]["tiny"]["tokenizer"]["vocabulary"] = 300
    target = "results/t/models/tiny/dict.txt"
    done = snakemake(config, target)
    assert done.returncode == 0, done.output
    assert scheduled(snakemake, config, target) == []
    text.reverse()
    assert [name for name, _ in scheduled(snakemake, config, target)] == ["train_tokenizer"]
