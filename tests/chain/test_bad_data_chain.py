"""Wrong data and broken models through the rules, and in the environments that have the libraries."""

import pytest
import sentencepiece
import tokenize_lines
import train_tokenizer
import yaml
from conftest import HINTS, ROOT, in_environment, lay_out, reviews
from odd_texts import LITERALS, LONG
from prepare_split import write_lines


@pytest.fixture(scope="module")
def model():
    """A sentencepiece model as bytes and its pieces, trained on the demo's text."""
    return train_tokenizer.train_tokenizer([str(ROOT / "demo" / "text.txt")], 500)


@pytest.fixture
def wrong(runner, demo):
    """The demo's config, for tests that add wrong data, files and settings; what they leave is removed afterwards."""
    folders = [demo, runner.folder / ".snakemake" / "metadata"]
    before = {path for folder in folders for path in folder.rglob("*")}
    yield yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    after = {path for folder in folders for path in folder.rglob("*")}
    for path in sorted(after - before, reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (demo / "finished").touch()  # a run that failed has removed it


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
    targets += [f"results/demo/data/demo-books/tokens/{file}" for file in ("cut/test.pieces", "twice/test.input0.bin")]
    targets += [f"results/demo/runs/demo-books/{method}/seed0/history.csv" for method in ("far", "far-hf")]
    done = runner(wrong, "--keep-going", *targets)
    assert done.returncode != 0 and "Traceback" not in done.output, done.output
    said = [line for line in done.output.splitlines() if line.startswith("Semis: ") and not line.startswith(HINTS)]
    expected = [
        f"{tmp_path}/class/train.label has no line with the label 0, so no model can learn it; add",
        f"{tmp_path}/count/train.review has 2 reviews and {tmp_path}/count/train.label has 1 labels; each review",
        f"{tmp_path}/label/train.label line 2 holds the label '2'; the config's labels are 0, 1: correct the line, or",
        f"{tmp_path}/latin/train.review line 1 is not UTF-8; save the file in that encoding.",
        "results/demo/models/cut/sentencepiece.bpe.model is not a complete sentencepiece model (",
        "results/demo/models/twice/dict.txt line 2 repeats the word a; replace the file with the model's own dict.txt.",
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


NO_CLASSIFIER = ": transformers cannot make a classifier with 2 labels from this model ("
NO_TOKENIZER = " holds no tokenizer that transformers can read ("
NO_MODEL = " holds no causal language model that transformers can read ("
# {damage to a model folder: start of the sentence after its path, for classifiers and for language models}
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
    "no padding": (None, None),  # the model has a padding token
    "few positions": (" reads at most 8 tokens; lower the model's positions (16).", None),
    "more tokens": (": its tokenizer has 13 tokens, but its weights have 12; give a tokenizer and weights that ", None),
    "not a number": (" holds weights that are not finite numbers; give another model.", " gives no numbers"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("place", "environment"), enumerate(["transformers", "qlora"]))
def test_model_folders_of_the_user(demo, tmp_path, place, environment):
    found = in_environment(environment, run, "loaded", str(tmp_path), environment)
    assert set(found) == set(DAMAGES)
    for damage, sentence in found.items():
        expected = DAMAGES[damage][place]
        assert sentence is None if expected is None else sentence.startswith(f"{tmp_path}/{damage}{expected}"), damage


@pytest.mark.slow
def test_a_language_model_that_diverges_stops_at_its_update(demo, tmp_path):
    found = in_environment("qlora", run, "diverging_qlora", str(tmp_path))
    for part in ("built", "trained"):
        assert found[part] == (
            f"the training of {tmp_path}/{part} diverged: at update 2 its loss is nan; lower its learning_rate."
        )


def binarized_lines(folder):
    """Return the lines of text.pieces as fairseq reads them after binarizing with dict.txt."""
    import binarize
    from fairseq.data import Dictionary, data_utils

    binarize.binarize(f"{folder}/text.pieces", f"{folder}/dict.txt", f"{folder}/a.bin", f"{folder}/a.idx", 1)
    words = Dictionary.load(f"{folder}/dict.txt")
    return [words.string(line) for line in data_utils.load_indexed_dataset(f"{folder}/a", words)]


@pytest.mark.slow
def test_lines_come_out_of_fairseq_as_they_went_in(demo, tmp_path, model):
    """An unknown piece becomes <unk>; text that looks like a token of fairseq never becomes one."""
    lines = [*LITERALS, LONG.strip(), "", "日本 ☂", "a\u00a0b\u200b", "\U0001f600", "x" * 10**5, "fin"]
    pieces = list(tokenize_lines.tokenize_lines(lines, sentencepiece.SentencePieceProcessor(model_proto=model[0])))
    write_lines(tmp_path / "text.pieces", pieces)
    write_lines(tmp_path / "dict.txt", [f"{piece} 1" for piece in model[1]])
    expected = [" ".join(piece if piece in model[1] else "<unk>" for piece in line.split()) for line in pieces]
    assert in_environment("fairseq", binarized_lines, str(tmp_path)) == expected


def diverging_pretraining(demo, folder):
    """Return the sentence for a pretraining on the demo's text with a learning rate that is far too high."""
    from semis.harness.errors import UserError

    import pretrain
    from rule_files import Files

    text = [f"{demo}/pretraining/roberta-demo/{s}.{kind}" for s in ("train", "valid") for kind in ("bin", "idx")]
    dictionary = f"{demo}/models/roberta-demo/dict.txt"
    output = Files(model=f"{folder}/model.pt", history=f"{folder}/run/history.csv")
    section = {"updates": 4, "batch_size": 4, "learning_rate": 1e30, "warmup_ratio": 0, "dropout": 0, "weight_decay": 0}
    section |= {"save_every": 4, "seed": 0, "gpus": 0, "engine": "reference"}
    sizes = {"layers": 1, "dimension": 16, "feed_forward": 16, "heads": 2}
    settings = {"pretraining": section, "architecture": sizes, "positions": 16}
    try:
        pretrain.main(Files(text=text, dictionary=dictionary), output, {"settings": settings}, 1)
    except UserError as error:
        return str(error)


@pytest.mark.slow
def test_a_pretraining_that_diverges_stops_at_its_update(demo, tmp_path):
    said = in_environment("fairseq", diverging_pretraining, str(demo), str(tmp_path))
    assert said.startswith(f"the training of {tmp_path}/run diverged: at update 2 its gradient is nan or infinite; ")
