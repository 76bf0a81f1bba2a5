"""What an edit runs again: each row of the table in docs/reruns.md, made on a finished demo and compared to the job."""

import copy
import os
import re
from contextlib import contextmanager

import pytest
import yaml
from conftest import ROOT

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs" / "reruns.md").read_text()
CONFIG = (ROOT / "demo" / "config.yaml").read_text()


def rows(page):
    """{first cell: second cell} of all tables of the page."""
    cells = [[cell.strip() for cell in line.split("|")[1:3]] for line in page.splitlines() if line.startswith("| ")]
    return {first: second for first, second in cells if second != "runs again"}


TABLE = {name: cell for name, cell in rows(PAGE).items() if not name.startswith("*")}
GROUPS = {name: cell for name, cell in rows(PAGE).items() if name.startswith("*")}


def promised(cell):
    """({rule: jobs}, {wildcard: its only value}) that a cell of the table says."""
    for name, rules in GROUPS.items():
        cell = cell.replace(name, rules)
    counts = {rule: int(count or 1) for rule, count in re.findall(r"`(\w+)`(?: ×(\d+))?", cell)}
    return counts, dict(re.findall(r"`(\w+)=([\w-]+)`", cell))


def append(text):
    """An edit that appends text to a file."""
    return lambda old: old + text


def replace(old, new):
    """An edit of a file that replaces what must be there."""

    def edit(text):
        assert old in text
        return text.replace(old, new)

    return edit


def reordered(value):
    """The same config with the keys of all mappings turned around."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(part) for part in value] if isinstance(value, list) else value


def setting(*keys, value):
    """An edit of the config that sets a key."""

    def edit(config):
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = value

    return edit


# {row of the table: {"config" or a file: its edit}}; an edit of the config changes the mapping or returns a text
EDITS = {
    "one more seed": {"config": lambda config: config["seeds"].append(2)},
    "`training.learning_rate`": {"config": setting("training", "learning_rate", value=0.0004)},
    "`training.batch_size`": {"config": setting("training", "batch_size", value=8)},
    "`training.threads`": {"config": setting("training", "threads", value=2)},
    "a method's own setting": {
        "config": setting("methods", "fairseq-scratch", "training", value={"learning_rate": 0.001})
    },
    "a method removed": {"config": lambda config: config["methods"].pop("fairseq-scratch") and None},
    "a second dataset": {
        "config": lambda config: config["datasets"].update(again=copy.deepcopy(config["datasets"]["demo-books"]))
    },
    "`study`": {"config": setting("study", value="other")},
    "`remark`": {"config": setting("remark", value="Another one.")},
    "a comment, or the order of keys": {"config": lambda config: f"# Mine\n{yaml.safe_dump(reordered(config))}"},
    "`bloom.training.learning_rate`": {"config": setting("bloom", "training", "learning_rate", value=0.004)},
    "`bloom.lora.rank`": {"config": setting("bloom", "lora", "rank", value=8)},
    "`bloom.sampling.temperature`": {"config": setting("bloom", "sampling", "temperature", value=0.8)},
    "a review added to train": {
        "demo/reviews/train.review": append("Un roman plein de vie.\n"),
        "demo/reviews/train.label": append("1\n"),
    },
    "a review added to test": {
        "demo/reviews/test.review": append("Un roman plein de vie.\n"),
        "demo/reviews/test.label": append("1\n"),
    },
    "a file of reviews written again with the same bytes": {"demo/reviews/train.review": append("")},
    "the colours of all plots (`scripts/semis/style.py`)": {"scripts/semis/style.py": replace("#0072B2", "#0072B0")},
    "one plot (`scripts/plot_wall_time.py`)": {"scripts/plot_wall_time.py": append("\n# edited\n")},
    "a script (`scripts/evaluate_fairseq.py`)": {"scripts/evaluate_fairseq.py": append("\n# edited\n")},
    "a helper of two scripts (`scripts/semis/predictions.py`)": {
        "scripts/semis/predictions.py": append("\n# edited\n")
    },
    "an environment (`envs/transformers.yaml`)": {"envs/transformers.yaml": replace("safetensors==", "safetensors==9")},
}


@contextmanager
def edited(folder, edits):
    """Make the edits of files, yield the text of the config, and put all back, dates too: a script's is compared."""
    config = yaml.safe_load(CONFIG)
    text = edits.get("config", lambda config: None)(config) or yaml.safe_dump(config)
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
    """[(rule, {wildcard: value})] of a dry-run, but for the target itself."""
    done = runner(config, "--dry-run", *args)
    assert done.returncode == 0, done.output
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)", done.output, re.M)
    wildcards = [re.search(r"^ +wildcards: (.*)", body, re.M) for _, body in jobs]
    found = [
        (name, dict(pair.split("=", 1) for pair in line[1].split(", ")) if line else {})
        for (name, _), line in zip(jobs, wildcards)
    ]
    return [(name, values) for name, values in found if name != "all"]


def counted(jobs):
    """{rule: number of jobs}."""
    names = [name for name, _ in jobs]
    return {name: names.count(name) for name in names}


@pytest.fixture(scope="module")
def finished(runner, demo):
    """The runner of a demo at which nothing is left to be done, whatever other tests made of it."""
    done = runner(CONFIG)
    assert done.returncode == 0, done.output
    assert scheduled(runner, CONFIG) == []
    return runner


def test_the_table_has_the_edits_that_are_tested():
    assert set(TABLE) == set(EDITS)


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
    """Blanks at the ends of train's lines change nothing that is prepared; the review added to test does."""
    edits = EDITS["a review added to test"] | {"demo/reviews/train.review": replace("\n", "  \r\n")}
    with edited(finished.folder, edits) as config:
        assert {"prepare_split", "finetune_fairseq", "finetune_huggingface"} <= set(
            counted(scheduled(finished, config))
        )
        prepared = scheduled(finished, config, "prepare")
        assert sorted(values["split"] for name, values in prepared if name == "prepare_split") == ["test", "train"]
        done = finished(config, "prepare")
        assert done.returncode == 0, done.output
        rules, _ = promised(TABLE["a review added to test"])
        del rules["prepare_split"]
        assert counted(scheduled(finished, config)) == rules
    for name in edits:
        (finished.folder / name).touch()
    done = finished(CONFIG, "prepare")
    assert done.returncode == 0, done.output
    assert scheduled(finished, CONFIG) == []
