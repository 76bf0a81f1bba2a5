"""What a user gets wrong is one sentence of ours, before or instead of any output, and never a traceback."""

import json
import shutil

from semis import config as semis_config
from semis.archives import members
from semis.errors import UserError

import pytest
import unpack
import unpack_folder
from conftest import ROOT, lay_out, reviews, study
from prepare_split import prepare_split, read_lines, write_lines

SCHEMA = ROOT / "schemas" / "config.schema.yaml"
TRAIN = "results/t/data/books/train.review"


def resolved(config):
    """The config with its defaults, or the UserError's sentence."""
    config = json.loads(json.dumps(config))
    try:
        semis_config.resolve(config, SCHEMA, "config.yaml")
    except UserError as error:
        return str(error)
    return config


@pytest.fixture
def good(tmp_path):
    """A config with nothing wrong."""
    return study({"path": str(lay_out(tmp_path / "books", reviews()))})


def test_defaults_are_filled_in(good):
    good["training"] = {"epochs": 2}
    good["methods"]["scratch"]["training"] = {"batch_size": 4}
    config = resolved(good)
    assert config["seeds"] == [0, 1, 2]
    assert config["datasets"]["books"]["labels"] == ["0", "1"]
    assert config["training"]["batch_size"] == 8
    own = config["methods"]["scratch"]["training"]
    assert (own["batch_size"], own["epochs"], own["learning_rate"]) == (4, 2, 1e-5)


# (keys that lead to a place, what is put there, the sentence)
MISTAKES = [
    ("seeds", [0, 1.0], "seeds.1: 1.0 is not of type 'integer'; correct it."),
    ("training", {"epochs": 3.0}, "training.epochs: 3.0 is not of type 'integer'; correct it."),
    ("training", {"final_learning_rate": 0.1}, "methods.scratch: final_learning_rate 0.1 is not below learning_rate"),
    (
        "training",
        {"validate_every": 250},
        "methods.scratch: validate_every is for Hugging Face models; a fairseq trainin",
    ),
    ("training", {"gpus": 2}, "training.gpus: 2 is greater than the maximum of 1; it is 0 or 1."),
    ("sead", [0], "unknown key 'sead' in the config; did you mean 'seeds'?"),
    ("models.tiny.libary", "fairseq", "unknown key 'libary' in models.tiny; did you mean 'library'?"),
    (
        "methods.scratch.training",
        {"epoch": 3},
        "unknown key 'epoch' in methods.scratch.training; did you mean 'epochs'?",
    ),
    ("training", {"learning_rat": 3}, "unknown key 'learning_rat' in training; did you mean 'learning_rate'?"),
    ("datasets.books.source.xyz", 1, "unknown key 'xyz' in datasets.books.source; known keys are url, sha256, path, "),
    (
        "training",
        {"learning_rate": "1e-5"},
        "training.learning_rate is the text '1e-5', not a number; write 1.0e-05 wi",
    ),
    ("training", {"epochs": "3"}, "training.epochs is the text '3', not a number; write 3 without quotes."),
    ("training", {"epochs": -1}, "training.epochs: -1 is less than the minimum of 1; correct it."),
    ("training", {"epochs": 2.5}, "training.epochs: 2.5 is not of type 'integer'; correct it."),
    (
        "training",
        {"total_updates": "all"},
        "training.total_updates cannot be 'all'; it is length of the learning-rate schedule; ",
    ),
    ("training", {"warmup_ratio": 6}, "training.warmup_ratio: 6 is greater than the maximum of 1; correct it."),
    ("seeds", [1, 1], "seeds: [1, 1] has non-unique elements; it is one run of each method for each seed."),
    ("seeds", None, "seeds is empty; give it a value, or remove the key."),
    ("study", 2026, "study has 2026, which is not text; write it in quotes."),
    ("study", "../x", "study cannot be '../x'; it is letters, digits, '-' and '_'."),
    ("study", "bench", "study cannot be 'bench'; it is the folder under results/; "),
    ("datasets.books.labels", [0, "1"], "datasets.books.labels.0 has 0, which is not text; write it in quotes."),
    (
        "methods.a/b",
        {"model": "tiny", "start": "scratch"},
        "the name 'a/b' in methods may hold only letters, digits",
    ),
    ("methods.scratch", {"model": "tiny"}, "methods.scratch lacks the key 'start'; add it."),
    ("methods.scratch.model", "tinny", "methods.scratch.model 'tinny' is not under models; did you mean 'tiny'?"),
    ("methods.scratch.model", "bert", "methods.scratch.model 'bert' is not under models; known are tiny."),
    ("methods.scratch.start", "pretrained", "methods.scratch.start is pretrained, but models.tiny has no weights; add"),
    ("methods", {}, "there is nothing to do; add methods"),
    ("datasets", {}, "methods are given but no datasets; add one under datasets."),
    (
        "models.tiny.architecture",
        {"dimension": 30},
        "models.tiny.architecture.dimension 30 is not a multiple of heads 8",
    ),
    (
        "models.tiny.source",
        {"hub": "a/b"},
        "models.tiny needs exactly one of source, export and tokenizer, not source an",
    ),
    (
        "datasets.books.source.hub",
        "a/b",
        "datasets.books.source needs exactly one of url, path and hub, not path and hub.",
    ),
    ("datasets.books.source", {}, "datasets.books.source needs exactly one of url, path and hub, not none."),
    (
        "datasets.books.source",
        {"path": "nowhere"},
        "datasets.books.source.path 'nowhere' is not there; put the file in ",
    ),
    (
        "datasets.books.source",
        {"url": "http://a/b/"},
        "datasets.books.source.url 'http://a/b/' ends in no file name; give",
    ),
    (
        "datasets.books.source",
        {"url": "ftp://a/b"},
        "datasets.books.source.url cannot be 'ftp://a/b'; it is an http:// or ",
    ),
    (
        "datasets.books.source",
        {"url": "http://a/b", "sha256": "12"},
        "datasets.books.source.sha256 cannot be '12'; it is 64 hexadecimal digits",
    ),
    (
        "models.tiny.tokenizer.text",
        [{"path": "no.txt"}],
        "models.tiny.tokenizer.text.0.path 'no.txt' is not there; put",
    ),
]


@pytest.mark.parametrize("keys, value, sentence", MISTAKES, ids=[f"{keys}={value}" for keys, value, _ in MISTAKES])
def test_sentence_of_a_mistake_in_the_config(good, keys, value, sentence):
    *parents, last = keys.split(".")
    place = good
    for key in parents:
        place = place[key]
    place[last] = value
    assert resolved(good).startswith(f"config.yaml: {sentence}")


def test_dataset_folder_that_lacks_files(good, tmp_path):
    for name in ("test.label", "valid.review"):
        (tmp_path / "books" / name).unlink()
    folder = tmp_path / "books"
    assert resolved(good) == (
        f"config.yaml: datasets.books.source.path '{folder}' lacks valid.review, test.label; put the files there, or "
        "correct the path."
    )


def test_exponent_without_a_point_is_named_by_snakemake(snakemake, good):
    text = json.dumps(good | {"training": {"learning_rate": "LR"}}).replace('"LR"', "1e-5 ")
    # As YAML: JSON would read 1e-5 as a number.
    sentence = snakemake.sentence(f"# YAML\n{text}", "--dry-run")
    assert sentence == (
        "Semis: config.yaml: training.learning_rate is the text '1e-5', not a number; write 1.0e-05 without quotes."
    )


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"sead": [0]}, "unknown key 'sead' in the config; did you mean 'seeds'?"),
        (
            {"datasets": {"books": {"source": {"path": "nowhere"}}}},
            "datasets.books.source.path 'nowhere' is not there; ",
        ),
        ({"training": {"epochs": -1}}, "training.epochs: -1 is less than the minimum of 1; correct it."),
    ],
    ids=["key", "path", "value"],
)
def test_mistakes_stop_snakemake_before_any_output(snakemake, good, change, sentence):
    assert snakemake.sentence({**good, **change}).startswith(f"Semis: config.yaml: {sentence}")
    assert not (snakemake.folder / "results").exists()


def test_dataset_folder_that_lacks_a_file_stops_snakemake(snakemake, good):
    (snakemake.folder / "books" / "test.label").unlink()
    assert "lacks test.label; put the files there" in snakemake.sentence(good, TRAIN)
    assert not (snakemake.folder / "results").exists()


@pytest.mark.parametrize("text", ["study: [t\n", "study:\tt\n", "- study\n", ""], ids=["open", "tab", "list", "empty"])
def test_config_that_is_no_mapping_is_snakemakes_own_sentence(snakemake, text):
    done = snakemake(text, "--dry-run")
    assert done.returncode != 0
    assert "Config file" in done.output and "Traceback" not in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "file, content, problem",
    [
        (
            "train.label",
            "1\n",
            "books/train.review has 2 reviews and books/train.label has 1 labels; each line of the one",
        ),
        (
            "train.label",
            "1\n2\n",
            "books/train.label line 2 holds the label '2'; the config's labels are 0, 1: correct ",
        ),
        (
            "train.review",
            "Été\nGrève\n".encode("latin-1"),
            "books/train.review line 1 is not UTF-8; save the file in th",
        ),
    ],
    ids=["counts", "label", "encoding"],
)
def test_mistakes_in_the_data(snakemake, file, content, problem):
    lay_out(snakemake.folder / "books", {**reviews(), file: content})
    sentence = snakemake.sentence(study({"path": "books"}), "results/t/data/books/train.review")
    assert sentence.startswith(f"Semis: {problem}")
    assert snakemake.files("results/t/data") == []


def test_prepare_split_normalises(tmp_path):
    raw = "\ufeffUn  livre.\r\n  À\u2028lire\x0b!  \r\n\r\nFin".encode()
    lay_out(tmp_path, {"a.review": raw, "a.label": "1\r\n0\r\n1\r\n0\r\n"})
    found = prepare_split(tmp_path / "a.review", tmp_path / "a.label", ["0", "1"])
    assert found == (["Un  livre.", "À lire !", "", "Fin"], ["1", "0", "1", "0"])
    write_lines(tmp_path / "out", found[0])
    assert (tmp_path / "out").read_bytes() == "Un  livre.\nÀ lire !\n\nFin\n".encode()
    assert read_lines(tmp_path / "out") == found[0]


@pytest.mark.parametrize(
    "review, label, problem",
    [
        (b"a\nb\n", b"1\n", "2 reviews and "),
        (b"a\n", b"1\n\n", "1 reviews and "),
        (b"a\nb\n", b"1\nx\n", "line 2 holds the label 'x'"),
        (b"a\n\n", b"1\n\n", "line 2 holds the label ''"),
        (b"a\n\xe9\n", b"1\n1\n", "line 2 is not UTF-8"),
        (b"a\0\n", b"1\n", "line 1 holds a NUL byte"),
        (b"", b"", "holds no review"),
    ],
)
def test_prepare_split_refuses(tmp_path, review, label, problem):
    lay_out(tmp_path, {"a.review": review, "a.label": label})
    with pytest.raises(UserError, match=problem):
        prepare_split(tmp_path / "a.review", tmp_path / "a.label", ["0", "1"])


def test_unpack_takes_files_wherever_they_stand(tmp_path):
    lay_out(tmp_path / "in", {"deep/down/a.txt": "a", "b.txt": "b", "c.txt": "c"})
    unpack.unpack(tmp_path / "in", {"a.txt": tmp_path / "one", "b.txt": tmp_path / "two"})
    assert ((tmp_path / "one").read_text(), (tmp_path / "two").read_text()) == ("a", "b")
    with pytest.raises(UserError, match=r"in holds no d.txt \(it holds a.txt, b.txt, c.txt\)"):
        unpack.unpack(tmp_path / "in", {"d.txt": tmp_path / "three"})
    lay_out(tmp_path / "in", {"a.txt": "another"})
    with pytest.raises(UserError, match="holds 2 files named a.txt"):
        unpack.unpack(tmp_path / "in", {"a.txt": tmp_path / "three"})


def test_unpack_folder_takes_what_stands_beside_config_json(tmp_path):
    lay_out(tmp_path / "in", {"hf/config.json": "{}", "hf/vocab.txt": "v", "hf/more/config.json": "x", "README": "r"})
    unpack_folder.unpack_folder(tmp_path / "in", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "vocab.txt"]
    lay_out(tmp_path / "two", {"a/config.json": "{}", "b/config.json": "{}"})
    with pytest.raises(UserError, match="config.json stands a, b"):
        unpack_folder.unpack_folder(tmp_path / "two", tmp_path / "none")
    shutil.rmtree(tmp_path / "in" / "hf")
    with pytest.raises(UserError, match="config.json stands nowhere"):
        unpack_folder.unpack_folder(tmp_path / "in", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_members_of_what_is_no_archive(tmp_path):
    (tmp_path / "page.zip").write_text("<html>")
    with pytest.raises(UserError, match="neither a zip nor a tar archive"):
        with members(tmp_path / "page.zip"):
            pass
