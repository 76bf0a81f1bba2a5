"""A user's mistake stops Snakemake with one sentence of Semis, before any output, and never with a traceback."""

import pytest
from conftest import lay_out, reviews, study

TRAIN = "results/t/data/books/train.review"


def test_dataset_folder_that_lacks_a_file_stops_snakemake(snakemake):
    good = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    (snakemake.folder / "books" / "test.label").unlink()
    assert "lacks test.label; put the files there" in snakemake.sentence(good, TRAIN)
    assert not (snakemake.folder / "results").exists()


@pytest.mark.parametrize(
    "text, args, sentence",
    [
        ("study: t", ["--configfile", "no.yaml"], "no.yaml cannot be read as a config ("),
        (
            "study: t",
            ["--config", "seeds=[zero]"],
            "and --config: seeds.0 is the text",
        ),
        ("study: t", ["--config", "seeds=[1, 010]"], "--config seeds=[1, 010] line 1: YAML reads 010 as 8"),
        ("study: t\nstudy: u\n", [], "config.yaml line 2: the key 'study' is given a second time"),
        (
            "study: t\ntraining: {learning_rate: 1e-5}",
            [],
            "learning_rate is the text '1e-5', not a number; write 1.0e-0",
        ),
    ],
    ids=["file", "--config", "octal", "twice", "exponent"],
)
def test_mistakes_stop_snakemake_before_any_output(snakemake, text, args, sentence):
    assert sentence in snakemake.sentence(text, *args)
    assert not (snakemake.folder / "results").exists()


@pytest.mark.parametrize(
    ("args", "given"),
    [
        (["--sdm", "apptainer"], "apptainer"),
        (["--sdm", "env-modules"], "env-modules"),
        (["--sdm", "apptainer", "env-modules"], "apptainer env-modules"),
        (["--workflow-profile", "none"], "not set"),
    ],
    ids=["apptainer", "env-modules", "both", "no profile"],
)
def test_rules_are_not_started_without_their_environments(snakemake, args, given):
    """In Snakemake's own Python each of them would end with ModuleNotFoundError."""
    config = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    sentence = snakemake.sentence(config, *args, "--", TRAIN)
    assert f"without their environments (--software-deployment-method is {given}); add --sdm conda" in sentence
    assert not (snakemake.folder / "results").exists()
