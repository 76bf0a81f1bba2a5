"""What tiny fairseq models of 64 positions do with fewer; runs in the environment fairseq."""

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

from semis.fairseq import checkpoints
from semis.harness.errors import UserError

import evaluate_fairseq
import fairseq_plugin  # noqa: F401, registers the architecture
import finetune_fairseq
import model_size
import torch
from fairseq.data import Dictionary
from fairseq.models.roberta import RobertaModel
from fairseq_cli import preprocess
from rule_files import Files

SIZES = {"layers": 1, "dimension": 16, "feed_forward": 16, "heads": 2}
LETTERS = "abcdefghij"
HAS = 64
TRAINING = {
    **{"engine": "reference", "batch_size": 4, "epochs": 2, "learning_rate": 1e-2, "final_learning_rate": 0},
    **{"adam_betas": [0.9, 0.98], "adam_epsilon": 1e-8, "weight_decay": 0.01, "clip_norm": 0, "warmup_ratio": 0},
    **{"total_updates": "auto", "selection": "last", "log_every": 1, "gpus": 0},
}


def plain(root, positions, head=False):
    """Return fairseq's own RoBERTa with this number of positions, and its dictionary."""
    Path(root, "dict.txt").write_text("".join(f"{letter} 1\n" for letter in LETTERS))
    dictionary = Dictionary.load(str(Path(root, "dict.txt")))
    dictionary.add_symbol("<mask>")
    args = argparse.Namespace(
        encoder_layers=SIZES["layers"],
        encoder_embed_dim=SIZES["dimension"],
        encoder_ffn_embed_dim=SIZES["feed_forward"],
        encoder_attention_heads=SIZES["heads"],
        max_positions=positions,
    )
    fairseq_plugin.roberta_small(args)
    task = SimpleNamespace(source_dictionary=dictionary)
    model = RobertaModel.build_model(args, task).eval()
    if head:
        model.register_classification_head("sentence_classification_head", num_classes=2)
    return model.eval(), dictionary


def checkpoint(root, kind="float32"):
    """Write a random model of 64 positions; its numbers are multiples of 1/64, which each type holds exactly."""
    torch.manual_seed(1)
    model, dictionary = plain(root, HAS)
    weights = {name: (tensor * 64).round() / 64 for name, tensor in model.state_dict().items()}
    model.load_state_dict(weights)
    path = Path(root, kind, "model.pt")
    path.parent.mkdir(exist_ok=True)
    stored = {name: tensor.to(getattr(torch, kind)) for name, tensor in weights.items()}
    checkpoints.save(path, stored, SIZES, HAS, {"task": "masked_lm"})
    return path, model, dictionary


def read(root, asked):
    """Return for each number of positions how the cut model differs from fairseq's own, and its parameters.

    If the model lacks positions, return the sentence that says so. fairseq's own model has all its positions.
    """
    path, whole, dictionary = checkpoint(root)
    found = []
    for positions in asked:
        try:
            weights = checkpoints.fitting(path, len(dictionary), SIZES, positions)
        except UserError as error:
            found.append(str(error))
            continue
        cut, _ = plain(root, positions)
        cut.load_state_dict(weights)
        text = torch.randint(4, len(dictionary), (3, positions), generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            difference = (cut(text, features_only=True)[0] - whole(text, features_only=True)[0]).abs().max()
        found.append({"difference": float(difference), "rows": len(weights[checkpoints.POSITIONS])})
        found[-1] |= _counted(path, Path(root, "size.csv"), positions)
    return found


def _counted(path, table, positions):
    """Return the {counted, analytic} parameters of a checkpoint, from the table of model_size."""
    model_size.main(SimpleNamespace(model=path), table, {"architecture": SIZES, "positions": positions})
    with table.open(encoding="utf-8") as stream:
        total = list(csv.DictReader(stream))[-1]
    return {"counted": total["parameters"], "analytic": total["analytic"]}


def binarized(root):
    """Binarize texts of 1 to 60 letters, and their labels, by fairseq-preprocess; return the files of each split."""
    found = {}
    for split, count in (("train", 12), ("valid", 6), ("test", 6)):
        lines = [" ".join(LETTERS[(i * j) % 10] for j in range(1 + (i * 11) % 60)) for i in range(count)]
        Path(root, f"{split}.input0").write_text("".join(f"{line}\n" for line in lines))
        Path(root, f"{split}.label").write_text("".join(f"{i % 2}\n" for i in range(count)))
    Path(root, "labels.txt").write_text("0 1\n1 1\n")
    for part, words in (("input0", "dict.txt"), ("label", "labels.txt")):
        out = Path(root, "binary", part)
        flags = ["--only-source", "--srcdict", f"{root}/{words}", "--destdir", str(out), "--workers", "1"]
        flags += [f"--{split}pref={root}/{split}.{part}" for split in ("train", "valid", "test")]
        with contextlib.redirect_stderr(io.StringIO()):
            preprocess.main(preprocess.options.get_preprocessing_parser().parse_args(flags))
        for split in ("train", "valid", "test"):
            for kind in ("bin", "idx"):
                file = Path(root, f"{split}.{part}.{kind}")
                (out / f"{split}.{kind}").rename(file)
                found.setdefault(split, []).append(str(file))
    return found


def trained(root, kinds, positions):
    """Return for each number type the digests of what a training makes, and how its predictions differ from fairseq's.

    fairseq's own model has all 64 positions here, and reads one text at a time.
    """
    found = {}
    os.chdir(root)
    for kind in kinds:
        path, _, dictionary = checkpoint(root, kind)
        files = binarized(root)
        out = Path(root, kind)
        inputs = {"dictionary": f"{root}/dict.txt", "train_labels": f"{root}/train.label", "model": str(path), **files}
        made = Files(model=str(out / "model"), history=str(out / "history.csv"), tensorboard=str(out / "tensorboard"))
        settings = {"architecture": SIZES, "positions": positions, "labels": ["0", "1"], "training": TRAINING}
        with contextlib.redirect_stdout(io.StringIO()):
            finetune_fairseq.main(Files(**inputs), made, {"settings": settings}, 0, 1)
            output = SimpleNamespace(predictions=out / "predictions.csv", metrics=out / "metrics.json")
            names, evaluation = SimpleNamespace(dataset="d", method="m", seed=0), {"engine": "reference", "model": "m"}
            evaluation |= {"labels": ["0", "1"], "batch_size": 4}
            evaluate_fairseq.main(Files(**inputs | {"model": made.model}), output, names, evaluation, 1)
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (out / "history.csv", output.predictions)]
        digests.append(hashlib.sha256((out / "model" / "model.pt").read_bytes()).hexdigest())
        found[kind] = {"made": digests, "start": json.loads(output.metrics.read_text())["start"]}
        found[kind] |= _beside_fairseq(root, out, positions, dictionary)
    return found


def _beside_fairseq(root, out, positions, dictionary):
    """Return {difference, longest}: of the probabilities of test, and the tokens of the longest text as it is read."""
    weights = checkpoints.load(out / "model" / "model.pt")["model"]
    whole, _ = plain(root, HAS, head=True)
    rest = whole.state_dict()[checkpoints.POSITIONS][positions + 2 :]
    whole.load_state_dict({**weights, checkpoints.POSITIONS: torch.cat([weights[checkpoints.POSITIONS], rest])})
    with (out / "predictions.csv").open(encoding="utf-8") as stream:
        rows = [float(row["probability"]) for row in csv.DictReader(stream) if row["split"] == "test"]
    found, lengths = [], []
    for line in Path(root, "test.input0").read_text().splitlines():
        ids = [0, *map(dictionary.index, line.split()), 2][:positions]
        lengths.append(len(ids))
        with torch.no_grad():
            head = "sentence_classification_head"
            logits, _ = whole(torch.tensor([ids]), features_only=True, classification_head_name=head)
        found.append(float(logits.softmax(-1).max()))
    return {"difference": max(abs(a - b) for a, b in zip(found, rows, strict=True)), "longest": max(lengths)}
