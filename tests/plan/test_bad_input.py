"""A user's mistake stops Snakemake with one sentence of Semis, before any output, and never with a traceback."""

import os

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


@pytest.mark.parametrize("part", ["results", "results/t"])
@pytest.mark.parametrize("link", [True, False], ids=["link to nowhere", "file"])
def test_results_that_are_no_folder_are_named(snakemake, part, link):
    config = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    path = snakemake.folder / part
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("/nowhere/shared") if link else path.touch()
    what = "a link to /nowhere/shared, which is not there" if link else "not a folder"
    assert snakemake.sentence(config, TRAIN) == f"Semis: {part} is {what}; make that folder, or rename {part}."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder for reading alone")
def test_an_environment_that_is_missing_in_a_read_only_folder_is_named(snakemake):
    config = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    prefix = snakemake.folder / "environments"
    prefix.mkdir()
    mounted = f'mount --bind {prefix} {prefix} && mount -o remount,ro,bind {prefix} && exec "$@"'
    snakemake.behind = ["unshare", "--mount", "sh", "-c", mounted, "sh"]
    done = snakemake(config, "--conda-prefix", prefix, "--", TRAIN)
    if "unshare failed" in done.output or "permission denied" in done.output:
        pytest.skip(done.output)
    assert done.returncode == 1 and "Traceback" not in done.output
    sentence = f"the environment sentencepiece is missing, and it cannot be made in {prefix} (Read-only file system)"
    assert sentence in done.output


@pytest.mark.parametrize("name", ["l'été", "a{b}", "a$ b", 'a"b', "a`b", "a:b"])
def test_a_path_that_breaks_commands_is_refused_before_anything_is_made(snakemake, name):
    config = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    prefix = snakemake.folder / name
    sentence = snakemake.sentence(config, "--conda-prefix", str(prefix), "--", TRAIN)
    assert f"the path {prefix} holds the character" in sentence
    prefix.mkdir()
    snakemake.folder = prefix
    assert f"the path {prefix} holds the character" in snakemake.sentence(config, TRAIN)
    assert [path.name for path in prefix.iterdir() if path.name != ".snakemake"] == ["config.yaml"]


def test_paths_with_other_signs_are_accepted(snakemake):
    snakemake.folder = snakemake.folder / "àé ü%s#*;&~(!)\\"
    config = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    done = snakemake(config, "--dry-run", TRAIN)
    assert done.returncode == 0, done.output
