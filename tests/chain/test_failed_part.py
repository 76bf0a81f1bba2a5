"""The sentence after a failed run that was asked for one target."""

import pytest
from breakages import copy_checkout
from conftest import ROOT, Snakemake, environment, lay_out, reviews, study

pytestmark = pytest.mark.slow
TARGET = "results/t/tables/datasets.csv"


@pytest.fixture
def copied(tmp_path):
    """A runner of a copy of the repository, with a small dataset beside it."""
    copy_checkout(ROOT, tmp_path / "semis")
    return Snakemake(tmp_path / "semis", root=tmp_path / "semis")


def test_a_failed_target_is_named_although_an_older_one_is_there(copied):
    assert environment("analysis").exists()
    config = study({"path": str(lay_out(copied.folder / "books", reviews()))})
    assert copied(config, TARGET).returncode == 0
    script = copied.folder / "scripts" / "describe_dataset.py"
    script.write_text(script.read_text().replace("def describe(", "def other("))
    done = copied(config, TARGET)
    assert done.returncode != 0 and (copied.folder / TARGET).exists()
    [sentence] = [line for line in done.output.splitlines() if "a job failed" in line]
    assert sentence == (
        "Semis: the study is not finished, since a job failed. This run was asked for a part of it, and has not made "
        f"results/t/data/books/description.csv, {TARGET}. It checked no other part; `snakemake` without targets makes "
        "or checks the rest."
    )
