"""A small version of the report's study, from archives like the lab's, compared with the report's typed commands."""

import ast
import copy
import io
import json
import re
import subprocess
import zipfile
from pathlib import Path

from semis.results.tables import read_table

import pytest
import yaml
from configs import resolved
from conftest import ROOT, Snakemake, environment, in_environment, lay_out
from loopback import Loopback

pytestmark = pytest.mark.slow
LAB = "https://nuage.lix.polytechnique.fr"
SIZES = {"layers": 2, "dimension": 64, "feed_forward": 96, "heads": 4}
ARCHITECTURE = ["--encoder-layers", "2", "--encoder-embed-dim", "64", "--encoder-ffn-embed-dim", "96"]
ARCHITECTURE += ["--encoder-attention-heads", "4"]
SEED = 3
REVIEWS = {"train": 408, "valid": 80, "test": 80}  # in batches of 8: 5 x 51 updates, more than 250, a multiple of 3
# The report's command; the flags in the first line concern only saving and logging, and the report saved nothing.
BY_HAND = f"""
--no-epoch-checkpoints --no-last-checkpoints --log-format simple --log-interval 3
--reset-optimizer --reset-dataloader --reset-meters --arch roberta_small --max-positions 256
--task sentence_prediction --criterion sentence_prediction --num-classes 2
--init-token 0 --separator-token 2 --shorten-method truncate --batch-size 8 --update-freq 1 --seed {SEED}
--optimizer adam --adam-betas (0.9,0.98) --adam-eps 1e-08 --weight-decay 0.01
--lr-scheduler polynomial_decay --lr 1e-5 --total-num-update 1200 --max-update 1200 --warmup-updates 72 --max-epoch 5
--best-checkpoint-metric accuracy --maximize-best-checkpoint-metric --valid-subset valid,test --keep-best-checkpoints 1
""".split()
PLUGIN = """
import argparse, torch
from fairseq.models import register_model_architecture
from fairseq.models.roberta.model import base_architecture

torch.serialization.add_safe_globals([argparse.Namespace])  # else torch loads no checkpoint of fairseq

@register_model_architecture("roberta", "roberta_small")
def roberta_small(args):
    base_architecture(args)
"""


def typed(folder, command, *args):
    """Run a command of fairseq in a folder on one thread; return its output."""
    done = subprocess.run(
        [Path(environment("fairseq")).with_name(command), *map(str, args)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def zipped(folder, home):
    """Return the bytes of a zip with a folder's files below `home`/, and with the copies that macOS adds."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, f"{home}/{path.name}")
            archive.writestr(f"__MACOSX/{home}/._{path.name}", b"\0\5\x16\7\0\2\0\0Mac OS X")
        archive.writestr(f"{home}/.DS_Store", b"\0\0\0\1Bud1")
    return stream.getvalue()


def in_the_old_form(new, old):
    """Write the fairseq checkpoint `new` as fairseq 0.9 did: `args`, and other names for some tensors."""
    from semis.fairseq.checkpoints import SAFE_TYPES

    import torch

    with torch.serialization.safe_globals(SAFE_TYPES):
        state = torch.load(new, weights_only=True)
    assert state.pop("args") is None and torch.serialization.get_unsafe_globals_in_checkpoint(new)
    args = state.pop("cfg")["model"]
    args.lr, args.min_lr = [0.002], -1.0
    del args._name, args.stop_min_lr, args.no_seed_provided
    names = {name: name.replace("layernorm_embedding", "emb_layer_norm") for name in state["model"]}
    model = {names[name].replace("encoder.", "decoder.", 1): tensor for name, tensor in state["model"].items()}
    del state["task_state"], state["criterion"]
    torch.save({**state, "args": args, "model": model}, old)


def huggingface_folder(folder, words, sizes):
    """Write a RoBERTa as transformers 4 did: config.json and pytorch_model.bin, and an XLM-R tokenizer's settings."""
    import json
    from pathlib import Path

    import torch
    from transformers import RobertaConfig, RobertaForMaskedLM

    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=words,
        hidden_size=sizes["dimension"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["feed_forward"],
        max_position_embeddings=258,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    weights = dict(RobertaForMaskedLM(config).state_dict())
    weights["roberta.embeddings.position_ids"] = torch.arange(258)[None]
    torch.save(weights, Path(folder, "pytorch_model.bin"))
    settings = {"architectures": ["RobertaForMaskedLM"], "transformers_version": "4.10.0", "torch_dtype": "float32"}
    Path(folder, "config.json").write_text(json.dumps({**config.to_dict(), **settings}))
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    names = {f"{name}_token": token for name, token in names.items()}
    Path(folder, "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer", **names}))


@pytest.fixture(scope="module")
def lab(demo, tmp_path_factory):
    """A folder with the contents of the lab's archives, made by fairseq and transformers, with the demo's reviews."""
    folder = tmp_path_factory.mktemp("lab")
    lay_out(folder, {"plugin/__init__.py": PLUGIN})
    for split, count in REVIEWS.items():
        for kind in ("review", "label"):
            lines = (ROOT / f"demo/reviews/{split}.{kind}").read_bytes().splitlines(True)[:count]
            lay_out(folder / "cls.books", {f"{split}.{kind}": b"".join(lines)})
    vocabulary = {
        name: (demo / "models/roberta-demo" / name).read_bytes() for name in ("dict.txt", "sentencepiece.bpe.model")
    }
    for home in ("old", "new"):
        lay_out(folder / home, vocabulary)
    for name in ("train.bin", "train.idx", "valid.bin", "valid.idx"):
        lay_out(folder / "text", {name: (demo / "pretraining/roberta-demo" / name).read_bytes()})
    lay_out(folder / "text", {"dict.txt": vocabulary["dict.txt"]})
    recipe = "--task masked_lm --criterion masked_lm --tokens-per-sample 256 --batch-size 8 --optimizer adam --lr 0.002"
    recipe += " --arch roberta_small --max-update 20 --no-epoch-checkpoints --save-dir saved"
    typed(folder, "fairseq-train", "text", "--user-dir", "plugin", *recipe.split(), *ARCHITECTURE)
    (folder / "saved/checkpoint_last.pt").rename(folder / "new/model.pt")
    in_environment("fairseq", in_the_old_form, *(str(folder / home / "model.pt") for home in ("new", "old")))
    lay_out(folder / "hf", {"sentencepiece.bpe.model": vocabulary["sentencepiece.bpe.model"]})
    words = vocabulary["dict.txt"].count(b"\n") + 5
    in_environment("transformers", huggingface_folder, str(folder / "hf"), words, SIZES)
    return folder


@pytest.fixture(scope="module")
def study(lab, tmp_path_factory):
    """The runner of a finished study: config.yaml with small sizes, one seed, and a model in fairseq's newer form."""
    with Loopback() as server:
        text = (ROOT / "config.yaml").read_text().replace(LAB, server.url)
        config = yaml.safe_load(text)
        models = config["models"]
        new = models["roberta-small-fr"]["source"]["url"].replace("/download/", "/new/")
        models["roberta-small-fr"]["architecture"] = SIZES
        models["newer-form"] = {**models["roberta-small-fr"], "source": {"url": new}}
        short = {"total_updates": 60, "selection": "last"}  # the schedule ends within the second epoch
        config["methods"]["newer-form"] = {"model": "newer-form", "start": "pretrained", "training": short}
        for source, folder, home in [
            (config["datasets"]["cls-books"]["source"], "cls.books", "cls.books"),
            (models["roberta-small-fr"]["source"], "old", "RoBERTa_small_fr"),
            (models["newer-form"]["source"], "new", "RoBERTa_small_fr"),
            (models["roberta-small-fr-hf"]["source"], "hf", "RoBERTa_small_fr_HuggingFace"),
        ]:
            assert source["url"].endswith(f"/{home}.zip")
            server.serve(source["url"].removeprefix(server.url), zipped(lab / folder, home))
        del config["qlora"], config["published"]
        config |= {"seeds": [SEED], "training": {**config["training"], "log_every": 3}}
        runner = Snakemake(tmp_path_factory.mktemp("study"))
        runner.config = config
        runs = [("fairseq-pretrained", "metrics.json"), ("huggingface-pretrained", "metrics.json")]
        runs += [(method, "history.csv") for method in ("fairseq-scratch", "newer-form")]
        done = runner(config, *(f"results/report/runs/cls-books/{method}/seed{SEED}/{file}" for method, file in runs))
        assert done.returncode == 0, done.output
    return runner


def run_of(study, method):
    """Return the folder of a method's run."""
    return study.folder / f"results/report/runs/cls-books/{method}/seed{SEED}"


def pieces(model, reviews):
    """Return the sentencepiece pieces of each line of a file of reviews, joined with spaces, as text."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    with open(reviews, encoding="utf-8") as stream:
        return "".join(" ".join(processor.encode(line.strip(), out_type=str)) + "\n" for line in stream)


@pytest.fixture(scope="module")
def binarized(lab):
    """The folder of the raw reviews tokenized and binarized by hand."""
    for split in REVIEWS:
        text = in_environment(
            "sentencepiece", pieces, str(lab / "old/sentencepiece.bpe.model"), str(lab / f"cls.books/{split}.review")
        )
        lay_out(lab / "hand", {f"{split}.pieces": text})
    for part, ending, dictionary in (
        ("input0", "hand/{}.pieces", ["--srcdict", "old/dict.txt"]),
        ("label", "cls.books/{}.label", []),
    ):
        files = [f for split in REVIEWS for f in (f"--{split}pref", ending.format(split))]
        typed(lab, "fairseq-preprocess", "--only-source", *files, *dictionary, "--destdir", f"hand/{part}")
    return lab / "hand"


TIMES = {"wps", "ups", "wall", "train_wall"}


def printed(log):
    """Return {(train_inner, train, valid or test, epoch, updates): {metric: digits}} from fairseq-train's output."""
    found = {}
    for kind, text in re.findall(r" \| INFO \| (train_inner|train|valid|test) \| (.*)", log):
        if text.startswith("{"):
            values = {name.removeprefix(f"{kind}_"): str(digits) for name, digits in json.loads(text).items()}
            epoch = int(values.pop("epoch"))
            values.pop("update", None)
        else:
            epoch = int(re.match(r"epoch (\d+)", text)[1])
            values = dict(re.findall(r"(\w+)[= ]([\d.e+-]+)(?:,| \||$)", text))
            values.pop("epoch", None)
        values = {name: digits for name, digits in values.items() if name not in TIMES}
        found[kind, epoch, values["num_updates"]] = values
    return found


def equal_tensors(file, other):
    """Return the number of equal tensors of two fairseq checkpoints; raises unless all are equal to the bit."""
    from semis.fairseq import checkpoints

    models = [checkpoints.load(path)["model"] for path in (file, other)]
    assert set(models[0]) == set(models[1])
    assert all(models[0][name].equal(models[1][name]) for name in models[0])
    return len(models[0])


@pytest.mark.parametrize(("method", "start"), [("fairseq-scratch", "NONE"), ("fairseq-pretrained", "old/model.pt")])
def test_fairseq_prints_the_digits_of_the_command_typed_by_hand(study, lab, binarized, method, start):
    """Every digit of every epoch and of each third update is equal, and the saved weights are equal to the bit."""
    files = [binarized, "--user-dir", "plugin", "--restore-file", start, "--save-dir", f"saved-{method}"]
    by_hand = printed(typed(lab, "fairseq-train", *files, *BY_HAND, *ARCHITECTURE))
    log = study.folder / f"results/report/logs/finetune_fairseq/cls-books/{method}/seed{SEED}.log"
    ours = printed(log.read_text())
    assert [kind for kind, *_ in ours].count("train") == 5 and len(ours) == 5 + 5 + 255 // 3
    assert {name for values in ours.values() for name in values} >= {"loss", "accuracy", "lr", "gnorm"}
    assert {key: values for key, values in by_hand.items() if key[0] != "test"} == ours
    saved = str(lab / f"saved-{method}/checkpoint_best.pt")
    assert in_environment("fairseq", equal_tensors, saved, str(run_of(study, method) / "model/model.pt")) > 40
    if method == "fairseq-pretrained":
        metrics = json.loads((run_of(study, method) / "metrics.json").read_text())
        [test] = [
            v for (kind, epoch, _), v in by_hand.items() if (kind, epoch) == ("test", metrics["checkpoint"]["epoch"])
        ]
        assert float(test["accuracy"]) == pytest.approx(metrics["accuracy"]["test"], abs=0.05)


def test_a_checkpoint_in_the_newer_form_and_a_schedule_that_ends_within_an_epoch(study, lab):
    forms = [str(lab / form / "model.pt") for form in ("old", "new")]
    assert in_environment("fairseq", equal_tensors, *forms) > 40
    made = json.loads((run_of(study, "newer-form") / "model/training.json").read_text())
    assert made["start"]["start"] == "checkpoint" and made["start"]["new_tensors"] == 4
    assert made["checkpoint"] == {"selection": "last", "step": 60, "epoch": 2}
    history = read_table(run_of(study, "newer-form") / "history.csv")
    assert list(history.query("metric == 'accuracy'")["step"]) == [51, 60]


def distances(checkpoint, model):
    """Return {tensor of a fine-tuned model: its largest distance from the checkpoint's, or None for a new tensor}."""
    from semis.fairseq import checkpoints

    before, after = (checkpoints.load(path)["model"] for path in (checkpoint, model))
    return {name: float((after[name] - before[name]).abs().max()) if name in before else None for name in after}


def test_what_is_said_of_the_start_is_what_was_loaded(study, lab):
    """A training moves a weight at most by its learning rates, so a weight with another start is farther away."""
    model = run_of(study, "fairseq-pretrained") / "model/model.pt"
    found = in_environment("fairseq", distances, str(lab / "old/model.pt"), str(model))
    started = json.loads((run_of(study, "fairseq-pretrained") / "metrics.json").read_text())["start"]
    assert started["from_checkpoint"] == sorted(name for name, distance in found.items() if distance is not None)
    assert max(distance for distance in found.values() if distance is not None) < 255 * 1e-5
    head = [f"classification_heads.sentence_classification_head.{part}" for part in ("dense", "out_proj")]
    assert started["new"] == [f"{part}.{kind}" for part in head for kind in ("bias", "weight")]
    assert (started["tensors_from_checkpoint"], started["new_tensors"]) == (len(found) - 4, 4)
    scratch = json.loads((run_of(study, "fairseq-scratch") / "model/training.json").read_text())["start"]
    assert scratch["start"] == "scratch" and scratch["from_checkpoint"] == [] and scratch["new"] == sorted(found)


def refusals(paths, words, sizes, changes):
    """Return the sentence for a fairseq checkpoint and each config with one wrong size, or None."""
    from semis.fairseq import checkpoints
    from semis.harness.errors import UserError

    said = {path: [] for path in paths}
    for path, sentences in said.items():
        for change in changes:
            asked = {"words": words, "positions": 256, **sizes, **change}
            try:
                checkpoints.fitting(path, asked.pop("words"), positions=asked.pop("positions"), sizes=asked)
            except UserError as error:
                sentences.append(str(error).removeprefix(path))
            else:
                sentences.append(None)
    return list(said.values())


def test_a_checkpoint_that_does_not_fit_is_refused(study, lab):
    changes = {
        "words": [
            1101,
            ": encoder.sentence_encoder.embed_tokens.weight is (1100, 64), but its dict.txt and the config",
        ],
        "dimension": [
            32,
            ": encoder.sentence_encoder.embed_tokens.weight is (1100, 64), but its dict.txt and the config",
        ],
        "positions": [
            257,
            " has 256 positions, but the model's positions in the config are 257; lower them to 256.",
        ],
        "feed_forward": [
            64,
            ": encoder.sentence_encoder.layers.0.fc1.weight is (96, 64), but its dict.txt and the conf",
        ],
        "layers": [4, " has 2 layers, but the config's architecture says 4; correct the one that is wrong."],
        "heads": [8, " has 4 heads, but the config's architecture says 8; correct the one that is wrong."],
    }
    asked = [{}, *({name: value} for name, (value, _) in changes.items())]
    forms = [str(lab / form / "model.pt") for form in ("old", "new")]
    for said in in_environment("fairseq", refusals, forms, 1100, SIZES, asked):
        assert said[0] is None
        for sentence, (_, start) in zip(said[1:], changes.values(), strict=True):
            assert sentence.startswith(start)
    config = {**copy.deepcopy(study.config), "seeds": [4]}
    config["models"]["roberta-small-fr"]["architecture"] = {**SIZES, "layers": 3}
    target = "results/report/runs/cls-books/fairseq-pretrained/seed4/history.csv"
    assert study.sentence(config, target) == (
        "Semis: results/report/models/roberta-small-fr/model.pt has 2 layers, but the config's architecture says 3; "
        "correct the one that is wrong."
    )
    assert study.files("results/report/runs/cls-books/fairseq-pretrained/seed4") == []


def huggingface_refusals(folder, copy, changes):
    """Return the sentence for a Hugging Face folder with each change of settings in one of its files."""
    import json
    import shutil
    from pathlib import Path

    from semis.harness.errors import UserError

    import finetune_huggingface as script

    said = []
    for file, settings in changes:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        place = Path(copy, file)
        place.write_text(json.dumps({**json.loads(place.read_text()), **settings}))
        try:
            script.load(copy, ["0", "1"], 256)
        except UserError as error:
            said.append(str(error).removeprefix(copy))
        else:
            said.append(None)
    return said


def test_a_huggingface_folder_that_does_not_fit_is_refused(lab, tmp_path):
    changes = [
        ("config.json", {}, None),
        (
            "config.json",
            {"num_hidden_layers": 3},
            ": its weights lack 16 tensors that its config.json asks for (roberta.",
        ),
        ("config.json", {"hidden_size": 32}, ": transformers cannot make a classifier with 2 labels from this model ("),
        (
            "config.json",
            {"vocab_size": 1200},
            ": transformers cannot make a classifier with 2 labels from this model (",
        ),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "CamembertTokenizer"},
            ": its tokenizer has 1103 tokens, but its weig",
        ),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "RobertaTokenizer"},
            "/sentencepiece.bpe.model: transformers cannot cut texts as this sentencepiece model with Rob",
        ),
    ]
    files = str(lab / "hf"), str(tmp_path / "copy")
    said = in_environment("transformers", huggingface_refusals, *files, [change[:2] for change in changes])
    for sentence, (*_, start) in zip(said, changes, strict=True):
        assert sentence == start is None or sentence.startswith(start)


def huggingface_by_hand(folder, data, out, seed):
    """Return (log, metrics on test) of a Trainer with the report's arguments and otherwise its own defaults."""
    from pathlib import Path

    import numpy as np
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    torch.set_num_threads(1)
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)

    def split(name):
        reviews = Path(data, f"{name}.review").read_text().splitlines()
        labels = Path(data, f"{name}.label").read_text().split()
        return [
            {**tokenizer(review, truncation=True, max_length=256), "label": int(label)}
            for review, label in zip(reviews, labels, strict=True)
        ]

    trainer = Trainer(
        model=model,
        train_dataset=split("train"),
        eval_dataset=split("valid"),
        compute_metrics=lambda said: {"accuracy": float(np.mean(said.predictions.argmax(-1) == said.label_ids))},
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        args=TrainingArguments(
            output_dir=out,
            seed=seed,
            per_device_train_batch_size=8,
            num_train_epochs=5,
            learning_rate=1e-5,
            warmup_steps=0.06,
            lr_scheduler_type="polynomial",
            eval_strategy="steps",
            eval_steps=250,
            logging_steps=3,
            save_strategy="no",
            use_cpu=True,
            report_to=[],
        ),
    )
    trainer.train()
    trainer.model.save_pretrained(out)
    return trainer.state.log_history, trainer.predict(split("test")).metrics


def test_huggingface_logs_the_digits_of_the_script_typed_by_hand(study, lab, tmp_path):
    """Losses, learning rates and validations are equal to the last digit, and the saved weights to the bit."""
    files = [str(path) for path in (lab / "hf", lab / "cls.books", tmp_path)]
    log, test = in_environment("transformers", huggingface_by_hand, *files, SEED)
    names = {"loss": ("train", "loss"), "learning_rate": ("train", "learning_rate"), "eval_loss": ("valid", "loss")}
    by_hand = {(e["step"], *place): e[name] for e in log for name, place in names.items() if name in e}
    by_hand |= {(e["step"], "valid", "accuracy"): 100 * e["eval_accuracy"] for e in log if "eval_loss" in e}
    run = run_of(study, "huggingface-pretrained")
    ours = read_table(run / "history.csv")
    found = {(row.step, row.split, row.metric): row.value for row in ours.itertuples()}
    assert found == by_hand
    assert [step for step, _, metric in found if metric == "accuracy"] == [250, 255]
    assert (run / "model/model.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["accuracy"]["test"] == pytest.approx(100 * test["test_accuracy"])
    assert metrics["start"]["new"] == [
        f"classifier.{part}.{kind}" for part in ("dense", "out_proj") for kind in ("bias", "weight")
    ]


def optimizers(trainings, reviews):
    """Return the settings of the Trainer of a Hugging Face run, for some settings of the config."""
    import tempfile
    from pathlib import Path

    from semis.huggingface import engine
    from semis.schedule import schedule

    import finetune_huggingface as script
    from transformers import RobertaConfig, RobertaForSequenceClassification

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    found = []
    for training in trainings:
        model = RobertaForSequenceClassification(RobertaConfig(vocab_size=9, **small))
        updates, total, warmup = schedule(training, reviews)
        with tempfile.TemporaryDirectory() as folder:
            arguments = script.arguments(training, Path(folder), 0, updates, warmup)
            chosen = {"optimizer_cls_and_kwargs": engine.optimizer(training), "schedule_updates": total}
            trainer = engine.Trainer(model=model, args=arguments, eval_dataset=[{}], **chosen)
            trainer.create_optimizer()
            scheduler = trainer.create_scheduler(updates)
        groups = trainer.optimizer.param_groups
        rates = []
        for _ in range(updates):
            rates.append(groups[0]["lr"])
            trainer.optimizer.step()
            scheduler.step()
        found.append(
            {
                "adam": type(trainer.optimizer).__name__,
                "adam_betas": groups[0]["betas"],
                "adam_eps": groups[0]["eps"],
                "weight_decay": sorted({group["weight_decay"] for group in groups}),
                "clip_norm": arguments.max_grad_norm,
                "batch_size": arguments.train_batch_size,
                "updates": arguments.max_steps,
                "rates": rates,
            }
        )
    return found


def test_huggingface_equal_has_the_hyperparameters_of_the_command_typed_by_hand(study):
    """The test reads config.yaml itself. The learning rates are those that fairseq prints, update by update."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    methods = resolved(config)["methods"]
    assert methods["huggingface-equal"]["training"] == methods["fairseq-pretrained"]["training"]
    training = methods["huggingface-equal"]["training"]
    trainings = [training, {**training, "total_updates": 60}]
    found, shorter = in_environment("transformers", optimizers, trainings, REVIEWS["train"])
    typed_flag = {name: value for name, value in zip(BY_HAND, BY_HAND[1:]) if name.startswith("--")}
    assert found["adam"] == "AdamW"  # fairseq's adam is an AdamW: it keeps weight decay apart from the gradient
    assert tuple(found["adam_betas"]) == ast.literal_eval(typed_flag["--adam-betas"])
    assert found["adam_eps"] == float(typed_flag["--adam-eps"])
    # transformers exempts biases and norms from the decay, a remaining difference between the libraries
    assert found["weight_decay"] == [0, float(typed_flag["--weight-decay"])]
    assert found["batch_size"] == int(typed_flag["--batch-size"])
    assert found["updates"] == int(typed_flag["--max-epoch"]) * REVIEWS["train"] / found["batch_size"]
    assert shorter["updates"] == 60
    assert found["clip_norm"] == 0 and "--clip-norm" not in typed_flag  # never clip, fairseq's default
    log = study.folder / f"results/report/logs/finetune_fairseq/cls-books/fairseq-pretrained/seed{SEED}.log"
    printed_rates = {
        int(v["num_updates"]): v["lr"] for (kind, *_), v in printed(log.read_text()).items() if kind == "train_inner"
    }
    assert len(printed_rates) == 255 // 3 and printed_rates.pop(255)
    assert {n: f"{found['rates'][n]:g}" for n in printed_rates} == printed_rates
