"""Each mistake in a config gives one sentence with the key and a way out."""

import datetime
import math

from semis.harness.errors import UserError
from semis.study.config_text import check_text

import pytest
from configs import QLORA, resolved
from conftest import ROOT, lay_out, reviews, study


@pytest.fixture
def good(tmp_path):
    """A config without mistakes."""
    return study({"path": str(lay_out(tmp_path / "books", reviews()))})


TINY = {"model": "tiny", "start": "scratch"}
HF = {"library": "huggingface", "export": "tiny"}
# (keys that lead to a place, the value to put there, the sentence)
MISTAKES = [
    # keys
    ("sead", [0], "unknown key 'sead' in the config; did you mean 'seeds'?"),
    ((True,), 1, "unknown key 'True' in the config; known keys are study, "),
    ("models.tiny.libary", "fairseq", "unknown key 'libary' in models.tiny; did you mean 'library'?"),
    ("methods.scratch.training", {"epoch": 3}, "unknown key 'epoch' in methods.scratch.training; did you mean 'ep"),
    ("training", {"learning_rat": 3}, "unknown key 'learning_rat' in training; did you mean 'learning_rate'?"),
    ("datasets.books.source.xyz", 1, "unknown key 'xyz' in datasets.books.source; known keys are url, sha256, path, "),
    (("training.epochs",), 3, "unknown key 'training.epochs' in the config; write it as training: {epochs: ...}."),
    ("methods.scratch", {"model": "tiny"}, "methods.scratch lacks the key 'start'; add it."),
    ("datasets.books", {}, "datasets.books lacks the key 'source'; add it."),
    # types
    ("seeds", 3, "seeds is 3, which is not a list, such as [0, 1]; correct it."),
    ("seeds", [0, 1.0], "seeds.1 is 1.0, not a whole number; write 1."),
    ("seeds", None, "seeds is empty; give it a value, or leave the key out."),
    ("seeds", ["0"], "seeds.0 is the text '0', not a number; write 0 without quotes."),
    ("seeds", [True], "seeds.0 is True, which is not a whole number; correct it."),
    ("training", [], "training is [], which is not keys with values; correct it."),
    ("training", {"epochs": "3"}, "training.epochs is the text '3', not a number; write 3 without quotes."),
    ("training", {"epochs": "1e1"}, "training.epochs is the text '1e1', not a number; write 10 without quotes."),
    ("training", {"epochs": "three"}, "training.epochs is the text 'three', not a number; give it one."),
    ("training", {"epochs": 3.0}, "training.epochs is 3.0, not a whole number; write 3."),
    ("training", {"epochs": 2.5}, "training.epochs is 2.5, not a whole number; round it."),
    (
        "training",
        {"learning_rate": "1e-5"},
        "training.learning_rate is the text '1e-5', not a number; write 1.0e-05 wi",
    ),
    ("study", 2026, "study has 2026, which is not text; write it in quotes."),
    ("study", False, "study is read as false, as yes, no, on and off are, not as text; write it in quotes."),
    ("study", datetime.date(2026, 1, 2), "study has 2026-01-02, which is not text; write it in quotes."),
    ("datasets.books.labels", [0, "1"], "datasets.books.labels.0 has 0, which is not text; write it in quotes."),
    ("remark", ["a"], "remark is ['a'], which is not text; correct it."),
    ("qlora", QLORA | {"merge": "yes"}, "qlora.merge is 'yes', which is not true or false; correct it."),
    # numbers
    ("training", {"learning_rate": math.nan}, "training.learning_rate is nan, not a finite number; give it one."),
    ("training", {"learning_rate": math.inf}, "training.learning_rate is inf, not a finite number; give it one."),
    (
        "training",
        {"learning_rate": "1e400"},
        "training.learning_rate is the text '1e400', not a finite number; give it",
    ),
    ("training", {"learning_rate": 0}, "training.learning_rate is 0; it must be more than 0."),
    ("training", {"final_learning_rate": 0.1}, "methods.scratch: final_learning_rate 0.1 is not below learning_rate"),
    ("training", {"gpus": 2}, "training.gpus is 2; it must be at most 1."),
    ("training", {"epochs": -1}, "training.epochs is -1; it must be at least 1."),
    ("training", {"batch_size": 0}, "training.batch_size is 0; it must be at least 1."),
    ("training", {"batch_size": 10**30}, f"training.batch_size is {10**30}; give it at most 2147483647."),
    ("training", {"warmup_ratio": 6}, "training.warmup_ratio is 6; it must be at most 1."),
    ("training", {"adam_betas": [0.9, 1]}, "training.adam_betas.1 is 1; it must be less than 1."),
    ("training", {"total_updates": "all"}, "training.total_updates cannot be 'all'; it is length of the learning-rate"),
    ("training", {"adam_betas": [0.9]}, "training.adam_betas has 1; it must have at least 2."),
    ("training", {"adam_betas": [0.9] * 3}, "training.adam_betas has 3; it must have at most 2."),
    ("seeds", [1, 1], "seeds holds 1 twice; write it once."),
    ("seeds", [-1], "seeds.0 is -1; it must be at least 0."),
    ("seeds", [2**32], "seeds.0 is 4294967296; give it at most 2147483647."),
    ("seeds", [], "seeds is empty; give it a value, or leave the key out."),
    # names
    ("study", "../x", "study cannot be '../x'; it is letters, digits, '-' and '_'."),
    ("study", "..", "study cannot be '..'; it is letters, digits, '-' and '_'."),
    ("study", "t\n", "study cannot be 't\\n'; it is letters, digits, '-' and '_'."),
    ("study", "bench", "study cannot be 'bench'; it is the folder under results/; "),
    ("methods.a/b", TINY, "the name 'a/b' in methods may hold only letters, digits, '-' and '_'; rename it."),
    ("methods", {"..": TINY}, "the name '..' in methods may hold only letters, digits, '-' and '_'; rename it."),
    ("methods.été", TINY, "the name 'été' in methods may hold only letters, digits, '-' and '_'; rename it."),
    ("methods", {2026: TINY}, "the name '2026' in methods is not text; write it in quotes."),
    ("methods", {"m" * 101: TINY}, f"the name '{'m' * 101}' in methods is longer than 100 letters; shorten it."),
    ("methods.scratch.model", "tinny", "methods.scratch.model 'tinny' is not under models; did you mean 'tiny'?"),
    ("methods.scratch.model", "bert", "methods.scratch.model 'bert' is not under models; known are tiny."),
    ("datasets.books.labels", ["a b", "c"], "datasets.books.labels.0 cannot be 'a b'; it is text without blanks, "),
    ("datasets.books.labels", ["<unk>", "c"], "datasets.books.labels.0 cannot be '<unk>'; it is text without blanks, "),
    (
        "datasets.books.labels",
        ["\u00e9", "e\u0301"],
        "datasets.books.labels has 'e\u0301' in two Unicode forms, which are the same label; write it once.",
    ),
    ("datasets.books.labels", ["a"], "datasets.books.labels has 1; it must have at least 2."),
    # settings that do not fit each other
    ("engine", "fats", "engine cannot be 'fats'"),
    ("methods.scratch.start", "scrach", "methods.scratch.start cannot be 'scrach'; did you mean 'scratch'?"),
    ("methods.scratch.start", "pretrained", "methods.scratch.start is pretrained, but models.tiny has no weights; add"),
    ("methods", {}, "there is nothing to do; add methods"),
    ("datasets", {}, "methods are given but no datasets; add one under datasets."),
    ("models.tiny.architecture", {"dimension": 30}, "models.tiny.architecture.dimension 30 is not a multiple of heads"),
    ("models.tiny.source", {"hub": "a/b"}, "models.tiny needs exactly one of source, export and tokenizer, not source"),
    ("models.hf", HF, "models.hf.export: models.tiny has no weights to export; add pretraining to it."),
    (
        "models.hf",
        HF | {"export": "tny"},
        "models.hf.export 'tny' is not a fairseq model under models; did you mean 'ti",
    ),
    ("qlora", QLORA | {"model": {}}, "qlora.model needs exactly one of source and build."),
    ("qlora", QLORA | {"questions": [" "]}, "qlora.questions.0 cannot be ' '; it is text that is not blank."),
    (
        "qlora",
        QLORA | {"methods": {"a": {"recipe": "better"}}},
        "qlora.methods.a.recipe cannot be 'better'; known are report, improved.",
    ),
    ("qlora", QLORA | {"methods": ["a"]}, "qlora.methods is ['a'], which is not keys with values; correct it."),
    ("qlora", QLORA | {"methods": {}}, "qlora.methods is empty; give it a value, or leave the key out."),
    (
        "qlora",
        QLORA | {"methods": {"a/b": {}}},
        "the name 'a/b' in qlora.methods may hold only letters, digits, '-' an",
    ),
    ("qlora", QLORA | {"methods": {"base": {}}}, "the name 'base' in qlora.methods is one that the workflow itself us"),
    ("qlora", QLORA | {"lora": {"rank": 2000}}, "qlora.lora.rank 2000 is larger than any layer needs; use at most 10"),
    # keys of an older config
    ("bloom", QLORA, "bloom is now qlora; rename it."),
    ("bloom", ["a"], "bloom is now qlora; rename it."),
    ("bloom", {"faq": 1}, "bloom is now qlora, bloom.faq is now qlora.data; rename them."),
    ("qlora", QLORA | {"faq": {}}, "qlora.faq is now qlora.data; rename it."),
    (
        "qlora",
        QLORA | {"arms": ["faithful"]},
        "qlora.arms is now qlora.methods, a mapping such as {faithful: {recipe: report}}; rename it.",
    ),
    (
        "bloom",
        {"faq": 1, "arms": 2},
        "bloom is now qlora, bloom.faq is now qlora.data, bloom.arms is now qlora.methods, a mapping such as "
        "{faithful: {recipe: report}}; rename them.",
    ),
    # sources
    ("datasets.books.source.hub", "a/b", "datasets.books.source needs exactly one of url, path and hub, not path and"),
    ("datasets.books.source", {}, "datasets.books.source needs exactly one of url, path and hub, not none."),
    (
        "datasets.books.source",
        {"path": "nowhere"},
        "datasets.books.source.path 'nowhere' is not there; put the file in ",
    ),
    ("datasets.books.source", {"path": "a\0b"}, "datasets.books.source.path 'a\\x00b' is not there; put the file in "),
    ("datasets.books.source", {"path": "a" * 5000}, f"datasets.books.source.path '{'a' * 5000}' is not there; put"),
    (
        "datasets.books.source",
        {"path": ""},
        "datasets.books.source.path is empty; give it a value, or leave the ",
    ),
    ("datasets.books.source.sha256", "0" * 64, "datasets.books.source.sha256 is for a url; leave it out."),
    ("datasets.books.source", {"url": "http://a/b/"}, "datasets.books.source.url 'http://a/b/' ends in no file name; "),
    ("datasets.books.source", {"url": "ftp://a/b"}, "datasets.books.source.url cannot be 'ftp://a/b'; it is an http:"),
    (
        "datasets.books.source",
        {"url": "http://a/b", "sha256": "12"},
        "datasets.books.source.sha256 cannot be '12'; it is",
    ),
    (
        "datasets.books.source",
        {"hub": "../.."},
        "datasets.books.source.hub cannot be '../..'; it is an id such as owner",
    ),
    (
        "models.tiny.tokenizer.text",
        [{"path": "no.txt"}],
        "models.tiny.tokenizer.text.0.path 'no.txt' is not there; put",
    ),
    ("published", "nowhere.csv", "published 'nowhere.csv' is not there; correct the path, or leave the key out."),
]


@pytest.mark.parametrize(
    "keys, value, sentence", MISTAKES, ids=[f"{keys}={value!r:.40}" for keys, value, _ in MISTAKES]
)
def test_sentence_of_a_mistake_in_the_config(good, keys, value, sentence):
    *parents, last = keys.split(".") if isinstance(keys, str) else keys
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


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"key,published\n", " must have the columns key, published, remark, in its first line; correct it."),
        (b"", " must have the columns key, published, remark, in its first line; correct it."),
        (b"key,published,remark\na,1,b, c\n", " has 4 cells in row 2, not 3; put a cell with commas in quotes."),
        (b'key,published,remark\na,1,"b\n', " cannot be read as CSV in UTF-8 (unexpected end of data); correct it."),
        (b"key,published,remark\na,1,\xe9\n", " cannot be read as CSV in UTF-8 ('utf-8' codec can't decode byte 0xe9"),
    ],
    ids=["columns", "empty", "cells", "quote", "encoding"],
)
def test_a_table_of_published_figures_is_checked_before_any_job(good, tmp_path, content, problem):
    table = lay_out(tmp_path, {"p.csv": content}) / "p.csv"
    assert resolved(good | {"published": str(table)}).startswith(f"config.yaml: published: {table}{problem}")


@pytest.mark.parametrize(
    "text, problem",
    [
        (
            "models:\n  a: {}\n  b: {}\n  a: {}\n",
            " line 4: the key 'a' is given a second time (line 2 has it too); rename one, or write it once.",
        ),
        (
            '{"study": "t", "study": "t"}',
            " line 1: the key 'study' is given a second time (line 1 has it too); rename one, or",
        ),
        ("study: t\nseeds: [1, 010]\n", " line 2: YAML reads 010 as 8; write 8, or a name in quotes."),
        ("study: 0x1F\n", " line 1: YAML reads 0x1F as 31; write 31, or a name in quotes."),
        ("seeds: [1:30]\n", " line 1: YAML reads 1:30 as 90; write 90, or a name in quotes."),
    ],
)
def test_values_that_yaml_would_silently_change_are_refused(text, problem):
    with pytest.raises(UserError) as error:
        check_text("c.yaml", text)
    assert str(error.value).startswith(f"c.yaml{problem}")


@pytest.mark.parametrize(
    "text",
    [
        *(path.read_text() for path in (ROOT / "config.yaml", ROOT / "demo" / "config.yaml")),
        "a: &a {b: 0, c: [0.5, '010', 1_000, -3, 2026-01-02, 1e5]}\nd: *a\ne: {<<: *a, b: 1}\nf: &f [*f]\n? [a]\n: b\n",
        '{\n\t"study": "t"\n}',
    ],
    ids=["report", "demo", "all sorts", "JSON with tabs"],
)
def test_values_that_yaml_reads_as_written_are_accepted(text):
    check_text("c.yaml", text)
