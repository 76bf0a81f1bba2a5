"""Wrong and odd data, a row a case: taken as docs/input.md says, or refused in a sentence with file and line."""

import itertools
import lzma

from semis.fairseq import dictionaries
from semis.harness.errors import UserError
from semis.text import lines as text
from semis.text.files import read_json_lines, read_lines

import pytest
import qlora_data
import sentencepiece
import tokenize_lines
import train_tokenizer
import write_jsonl
import yaml
from conftest import HINTS, ROOT, in_environment, lay_out, reviews
from hypothesis import given, settings
from hypothesis import strategies as st
from prepare_split import write_lines
from test_prepare_split import LITERALS, LONG, prepared

DEMO_TEXT = str(ROOT / "demo" / "text.txt")

# {case: (file, what stands in it, the lines or the sentence)}
TEXTS = {
    "blank lines and blanks": ("t.txt", b"\n a \n\n\tb", ["a", "b"]),
    "CRLF and a byte-order mark": ("t.txt", b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
    "other line breaks": ("t.txt", "a\rb\u2028c\x85d\x0ce\n".encode(), ["a b c d e"]),
    "tokens of the models": ("t.txt", "\n".join(LITERALS).encode(), LITERALS),
    "nothing": ("t.txt", b"", []),
    "xz": ("t.txt.xz", lzma.compress(b"a\nb\n"), ["a", "b"]),
    "a folder named like a text": ("t/a.txt/b.txt", b"a\n", ["a"]),
    "latin-1": ("t.txt", b"a\n\xe9\n", "t.txt line 2 is not UTF-8; save the file in that encoding."),
    "latin-1 in xz": (
        "t.txt.xz",
        lzma.compress(b"a\n\xe9\n"),
        "t.txt.xz line 2 is not UTF-8; save the file in that enc",
    ),
    "NUL": ("t.txt", b"a\0\n", "t.txt line 1 holds a NUL byte; remove it."),
    "no xz": ("t.txt.xz", b"a\n", "t.txt.xz is not a whole xz file; compress it with xz, or name it .txt."),
    "half of xz": (
        "t.txt.xz",
        lzma.compress(b"a\n" * 99)[:-9],
        "t.txt.xz is not a whole xz file; compress it with xz, or na",
    ),
    "a folder without text": ("t/a.md", b"a\n", "t holds no .txt and no .txt.xz file; put the text there."),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts(tmp_path, case):
    file, content, expected = TEXTS[case]
    place = lay_out(tmp_path, {file: content}) / file.split("/")[0]
    if isinstance(expected, list):
        assert list(text.read_texts([place])) == expected
    else:
        with pytest.raises(UserError) as error:
            list(text.read_texts([place]))
        assert str(error.value).startswith(f"{tmp_path}/{expected}")


PAIR = '{"question": "a", "answer": "b"}'
# {case: (what stands in faq.json, the sentence behind its path)}
PAIRS = {
    "nothing": ("", " is not JSON in UTF-8 (Expecting value: line 1 column 1"),
    "cut": (f"[{PAIR}, ", " is not JSON in UTF-8 (Expecting value: line 1 column 36"),
    "JSON lines": (f"{PAIR}\n{PAIR}\n", " is not JSON in UTF-8 (Extra data: line 2 column 1"),
    "latin-1": (
        b'[{"question": "\xe9", "answer": "b"}]',
        " is not JSON in UTF-8 ('utf-8' codec can't decode byte 0xe9",
    ),
    "no list": (PAIR, " must be a JSON list of objects with question and answer, one at least; write it so."),
    "an empty list": ("[]", " must be a JSON list of objects with question and answer, one at least; write it so."),
    "a number": ("1e999", " must be a JSON list of objects with question and answer, one at least; write it so."),
    "a huge number": ("[" + "9" * 5000 + "]", " is not JSON in UTF-8 (Exceeds the limit (4300 digits)"),
    "deep": ("[" * 100_000, " is not JSON in UTF-8 (maximum recursion depth exceeded"),
    "a list of texts": ('["a", "b"]', ": object 1 of 2 has no question; add it, or remove the object."),
    "lists in a list": ('[["a", "b"]]', ": object 1 of 1 has no question; add it, or remove the object."),
    "null": (f"[{PAIR}, null]", ": object 2 of 2 has no question; add it, or remove the object."),
    "another key": (
        '[{"Question": "a", "answer": "b"}]',
        ": object 1 of 1 has no question; add it, or remove the object.",
    ),
    "no answer": ('[{"question": "a"}]', ": object 1 of 1 has no answer; add it, or remove the object."),
    "a blank answer": (
        '[{"question": "a", "answer": " \\n"}]',
        ": object 1 of 1 has no answer; add it, or remove the o",
    ),
    "a number for an answer": ('[{"question": "a", "answer": 1}]', ": object 1 of 1 has no answer; add it, or remove"),
    "a key twice": (
        '[{"question": "a", "answer": "b", "answer": "c"}]',
        " is not JSON in UTF-8 (an object has the key ans",
    ),
    "NUL": ('[{"question": "a\\u0000", "answer": "b"}]', ": the question of object 1 of 1 holds NUL or half a charac"),
    "half a character": (
        '[{"question": "a", "answer": "\\ud83d"}]',
        ": the answer of object 1 of 1 holds NUL or half a ch",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_questions_and_answers_that_are_refused(tmp_path, case):
    content, sentence = PAIRS[case]
    file = lay_out(tmp_path, {"faq.json": content}) / "faq.json"
    with pytest.raises(UserError) as error:
        qlora_data.read_pairs(str(file))
    assert str(error.value).startswith(f"{file}{sentence}")


def test_questions_and_answers_that_are_taken(tmp_path):
    content = f'[{PAIR[:-1]}, "more": [1e999]}}, {{"question": "\\ud83d\\ude00\\u2028", "answer": "</s>\\r\\nb"}}]'
    file = lay_out(tmp_path, {"faq.json": b"\xef\xbb\xbf" + content.encode()}) / "faq.json"
    expected = [{"question": "a", "answer": "b"}, {"question": "\U0001f600", "answer": "</s>\r\nb"}]
    assert qlora_data.read_pairs(str(file)) == expected


# {case: (dict.txt, its words or the sentence behind its path)}
DICTIONARIES = {
    "plain": ("▁le 5\na 3\n".encode(), ["▁le", "a"]),
    "no LF at the end, CRLF": (b"a 1\r\nb 2", ["a", "b"]),
    "a word of a blank": (b"a b 1\n", ["a b"]),
    "a word that may stand again": (b"a 1\n<unk> 1 #fairseq:overwrite\n", ["a", "<unk>"]),
    "a word twice": (b"a 1\nb 1\na 2\n", " line 3 holds a a second time; put the dict.txt of the model there."),
    "a token of fairseq": (b"<pad> 1\n", " line 1 holds <pad> a second time; put the dict.txt of the model there."),
    "no count": (b"a 1\nb\n", " line 2 is no word and its count, in UTF-8; put the dict.txt of the model there."),
    "a count that is none": (
        b"a 1.5\n",
        " line 1 is no word and its count, in UTF-8; put the dict.txt of the model th",
    ),
    "a blank line": (
        b"a 1\n\nb 1\n",
        " line 2 is no word and its count, in UTF-8; put the dict.txt of the model there.",
    ),
    "latin-1": (b"\xe9 1\n", " line 1 is no word and its count, in UTF-8; put the dict.txt of the model there."),
    "a tokenizer.json": (b'{"model": {}}\n', " line 1 is no word and its count, in UTF-8; put the dict.txt of the mo"),
}


@pytest.mark.parametrize("case", DICTIONARIES)
def test_dictionaries(tmp_path, case):
    content, expected = DICTIONARIES[case]
    file = lay_out(tmp_path, {"dict.txt": content}) / "dict.txt"
    if isinstance(expected, list):
        assert dictionaries.read_dictionary(file) == expected
    else:
        with pytest.raises(UserError) as error:
            dictionaries.read_dictionary(file)
        assert str(error.value).startswith(f"{file}{expected}")


@pytest.fixture(scope="module")
def model():
    """(a sentencepiece model as bytes, its pieces), trained on the demo's text."""
    return train_tokenizer.train_tokenizer([DEMO_TEXT], 500)


@pytest.mark.parametrize("cut", [lambda m: m[: len(m) // 2], lambda m: m[:-1], lambda m: b"", lambda m: b"<html>"])
def test_a_sentencepiece_model_that_is_not_whole(tmp_path, model, cut):
    file = lay_out(tmp_path, {"sentencepiece.bpe.model": cut(model[0])}) / "sentencepiece.bpe.model"
    with pytest.raises(
        UserError, match=f"^{file} is no whole sentencepiece model \\(.+\\); put that of the model there.$"
    ):
        tokenize_lines.load(str(file))


def test_a_word_like_a_token_of_fairseq_is_text(tmp_path):
    """A model that knows no Latin letter gives <pad> as one unknown piece, which fairseq would take for padding."""
    greek = "".join(f"{a}{b} {c}{a} {b}{c}\n" for a, b, c in itertools.product("αβγδε", repeat=3))
    file = lay_out(tmp_path, {"greek.txt": greek}) / "greek.txt"
    content, _ = train_tokenizer.train_tokenizer([str(file)], 30)
    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    assert "<pad>" in processor.encode("αβ <pad>", out_type=str)
    assert list(tokenize_lines.tokenize_lines(["αβ <pad> </s>\n"], processor)) == ["▁αβ ▁ <unk> ▁ <unk>"]


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=30), min_size=1, max_size=20))
def test_what_goes_in_as_lines_comes_out_as_the_same_lines(tmp_path_factory, model, lines):
    """Through every reader and writer of reviews: as many lines, in the same order, with the same text."""
    folder = tmp_path_factory.mktemp("lines")
    labels = ["0", "1", *("1" for _ in lines)]
    lines = ["x", "y", *lines]
    lay_out(folder / "in", {"train.review": "\n".join(lines) + "\n", "train.label": "\n".join(labels) + "\n"})
    expected = [text.LINE_BREAKS.sub(" ", line).strip() for line in lines]
    taken, given_labels = prepared(folder / "in")
    assert (taken, given_labels) == (expected, labels)
    write_lines(folder / "b", taken)
    lay_out(folder / "again", {"train.review": (folder / "b").read_bytes(), "train.label": "\n".join(labels)})
    assert prepared(folder / "again") == (expected, labels)
    assert read_lines(folder / "b") == expected
    assert list(text.read_texts([folder / "b"])) == [line for line in expected if line]
    write_lines(folder / "c", write_jsonl.json_lines(taken, given_labels, ["1", "0"]))
    rows = [{"sentence1": line, "label": 1 - int(label)} for line, label in zip(expected, labels)]
    assert read_json_lines(folder / "c") == rows
    processor = sentencepiece.SentencePieceProcessor(model_proto=model[0])
    pieces = list(tokenize_lines.tokenize_lines(taken, processor))
    write_lines(folder / "d", pieces)
    with open(folder / "d", encoding="utf-8") as stream:  # as fairseq opens it
        assert [line.rstrip("\n") for line in stream] == pieces and len(pieces) == len(lines)


# Through the rules, and in the environments that have the libraries


@pytest.fixture
def wrong(demo):
    """The demo's config, to be given wrong data, files and settings; what they leave is removed again."""
    before = set(demo.rglob("*"))
    yield yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    for path in sorted(set(demo.rglob("*")) - before, reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.slow
def test_each_wrong_file_and_each_training_that_diverges_gets_its_sentence(runner, demo, wrong, tmp_path, model):
    good = reviews()
    books = {
        "class": good | {"train.label": "1\n1\n"},
        "count": good | {"train.label": "1\n"},
        "label": good | {"train.label": "1\n2\n"},
        "latin": good | {"train.review": "Été\nGrève\n".encode("latin-1")},
    }
    models = {
        "cut": {"model.pt": b"", "dict.txt": "a 1\n", "sentencepiece.bpe.model": model[0][:-1]},
        "twice": {"model.pt": b"", "dict.txt": "a 1\na 1\n", "sentencepiece.bpe.model": model[0]},
    }
    for part, wanted in (("datasets", books), ("models", models)):
        for name, files in wanted.items():
            wrong[part][name] = {"source": {"path": str(lay_out(tmp_path / name, files))}}
            wrong[part][name] |= {"library": "fairseq"} if part == "models" else {}
    far = {"learning_rate": 1e30, "warmup_ratio": 0, "batch_size": 200}
    wrong["methods"]["far"] = {"model": "roberta-demo", "start": "scratch", "training": far}
    wrong["methods"]["far-hf"] = {"model": "roberta-demo-hf", "start": "pretrained", "training": far}
    targets = [f"results/demo/data/{name}/train.review" for name in books]
    targets += [f"results/demo/data/demo-books/tokens/{file}" for file in ("cut/test.pieces", "twice/test.bin")]
    targets += [f"results/demo/runs/demo-books/{method}/seed0/history.csv" for method in ("far", "far-hf")]
    done = runner(wrong, "--keep-going", *targets)
    assert done.returncode != 0 and "Traceback" not in done.output, done.output
    said = [line for line in done.output.splitlines() if line.startswith("Semis: ") and not line.startswith(HINTS)]
    expected = [
        f"{tmp_path}/class/train.label has no line with the label 0, so no model can learn it; add",
        f"{tmp_path}/count/train.review has 2 reviews and {tmp_path}/count/train.label has 1 labels; each line",
        f"{tmp_path}/label/train.label line 2 holds the label '2'; the config's labels are 0, 1: correct the line, or",
        f"{tmp_path}/latin/train.review line 1 is not UTF-8; save the file in that encoding.",
        "results/demo/models/cut/sentencepiece.bpe.model is no whole sentencepiece model (",
        "results/demo/models/twice/dict.txt line 2 holds a a second time; put the dict.txt of the model there.",
        "the training of results/demo/runs/demo-books/far-hf/seed0 diverged: at update 2 its loss is nan; lower",
        "the training of results/demo/runs/demo-books/far/seed0 diverged: at update 2 its gradient is nan or infi",
    ]
    assert len(said) == len(expected), done.output
    for line, start in zip(sorted(said), expected):
        assert line.startswith(f"Semis: {start}")
    assert not any((runner.folder / target).exists() for target in targets)


def run(function, *args):
    """Call a function of damaged_models.py."""
    import damaged_models

    return getattr(damaged_models, function)(*args)


NO_CLASSIFIER = ": transformers cannot make a classifier of 2 labels of this model ("
NO_TOKENIZER = " holds no tokenizer that transformers can read ("
NO_MODEL = " holds no causal language model that transformers can read ("
# {what was done to a model folder: how the sentences behind its path start, for Hugging Face models and for BLOOM}
DAMAGES = {
    "nothing": (None, None),
    "no config": (NO_CLASSIFIER, NO_MODEL),
    "a cut config": (NO_CLASSIFIER, NO_TOKENIZER),
    "a config that is a list": (NO_CLASSIFIER, NO_TOKENIZER),
    "a config without a kind": (NO_CLASSIFIER, NO_MODEL),
    "a kind that nobody knows": (NO_CLASSIFIER, NO_MODEL),
    "a kind with code of its own": (NO_CLASSIFIER, NO_MODEL),
    "a size that is text": (NO_CLASSIFIER, NO_TOKENIZER),
    "another size": (NO_CLASSIFIER, NO_MODEL),
    "more layers": (": its weights lack 16 tensors that ", ": its weights lack 12 tensors that "),
    "no weights": (NO_CLASSIFIER, NO_MODEL),
    "cut weights": (NO_CLASSIFIER, NO_MODEL),
    "weights that are a page": (NO_CLASSIFIER, NO_MODEL),
    "empty weights": (NO_CLASSIFIER, NO_MODEL),
    "no tokenizer": (NO_CLASSIFIER, NO_TOKENIZER),
    "a cut tokenizer": (NO_CLASSIFIER, NO_TOKENIZER),
    "a tokenizer that is a list": (NO_CLASSIFIER, NO_TOKENIZER),
    "settings of the tokenizer that are a list": (NO_CLASSIFIER, NO_TOKENIZER),
    "no eos": (None, " has a tokenizer without an eos_token; name one in its tokenizer_config.json."),
    "no padding": (" has a tokenizer without a pad_token; name one in its tokenizer_config.json.", None),
    "few positions": (" reads 8 tokens; lower the model's positions (16).", None),
    "more tokens": (": its tokenizer has 13 tokens, its weights 12; give those of one model.", None),
    "not a number": (" holds weights that are no finite numbers; give another model.", " gives no numbers"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("place", "environment"), enumerate(["transformers", "bloom"]))
def test_model_folders_of_the_user(demo, tmp_path, place, environment):
    found = in_environment(environment, run, "loaded", str(tmp_path), environment)
    assert set(found) == set(DAMAGES)
    for damage, sentence in found.items():
        expected = DAMAGES[damage][place]
        assert sentence is None if expected is None else sentence.startswith(f"{tmp_path}/{damage}{expected}"), damage


@pytest.mark.slow
def test_a_bloom_that_diverges_stops_at_its_update(demo, tmp_path):
    found = in_environment("bloom", run, "diverging_bloom", str(tmp_path))
    for part in ("built", "trained"):
        assert found[part] == (
            f"the training of {tmp_path}/{part} diverged: at update 2 its loss is nan; lower its learning_rate."
        )


def binarized_lines(folder):
    """The lines of text.pieces as fairseq reads them back once they are binarized with dict.txt."""
    import binarize
    from fairseq.data import Dictionary, data_utils

    binarize.binarize(f"{folder}/text.pieces", f"{folder}/dict.txt", f"{folder}/a.bin", f"{folder}/a.idx", 1)
    words = Dictionary.load(f"{folder}/dict.txt")
    return [words.string(line) for line in data_utils.load_indexed_dataset(f"{folder}/a", words)]


@pytest.mark.slow
def test_lines_come_out_of_fairseq_as_they_went_in(demo, tmp_path, model):
    """An unknown piece is <unk>; what only looks like a token of fairseq is never one."""
    lines = [*LITERALS, LONG.strip(), "", "日本 ☂", "a\u00a0b\u200b", "\U0001f600", "x" * 10**5, "fin"]
    pieces = list(tokenize_lines.tokenize_lines(lines, sentencepiece.SentencePieceProcessor(model_proto=model[0])))
    write_lines(tmp_path / "text.pieces", pieces)
    write_lines(tmp_path / "dict.txt", [f"{piece} 1" for piece in model[1]])
    expected = [" ".join(piece if piece in model[1] else "<unk>" for piece in line.split()) for line in pieces]
    assert in_environment("fairseq", binarized_lines, str(tmp_path)) == expected


def diverging_pretraining(demo, folder):
    """The sentence for a masked language model of the demo's text at a learning rate far too high."""
    from types import SimpleNamespace

    from semis.errors import UserError

    import pretrain

    class Inputs(list):
        """As Snakemake's: a list with names."""

    text = [f"{demo}/pretraining/roberta-demo/{s}.{kind}" for s in ("train", "valid") for kind in ("bin", "idx")]
    dictionary = f"{demo}/models/roberta-demo/dict.txt"
    inputs = Inputs([*text, dictionary])
    inputs.text, inputs.dictionary, inputs.plugin = text, dictionary, []
    output = SimpleNamespace(model=f"{folder}/model.pt", history=f"{folder}/run/history.csv", tensorboard=None)
    recipe = {"updates": 4, "batch_size": 4, "learning_rate": 1e30, "warmup_ratio": 0, "dropout": 0, "weight_decay": 0}
    recipe |= {"save_every": 4, "seed": 0, "gpus": 0, "engine": "reference"}
    sizes = {"layers": 1, "dimension": 16, "feed_forward": 16, "heads": 2}
    try:
        pretrain.main(inputs, output, SimpleNamespace(pretraining=recipe, architecture=sizes, positions=16), 1)
    except UserError as error:
        return str(error)


@pytest.mark.slow
def test_a_pretraining_that_diverges_stops_at_its_update(demo, tmp_path):
    said = in_environment("fairseq", diverging_pretraining, str(demo), str(tmp_path))
    assert said.startswith(f"the training of {tmp_path}/run diverged: at update 2 its gradient is nan or infinite; ")
