"""Tiny random classifiers of many kinds, trained by the scripts on a few texts, in the environment transformers."""

import contextlib
import csv
import hashlib
import io
import json
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import evaluate_huggingface
import finetune_huggingface
import torch
from rule_files import Files
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

WORDS = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz"]
LABELS = ["bad", "good"]
POSITIONS = 16
IDS = {"vocab_size": len(WORDS), "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
WIDE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
BERT_LIKE = IDS | WIDE | {"max_position_embeddings": POSITIONS + 2, "type_vocab_size": 2}
TRAINING = {
    **{"engine": "reference", "batch_size": 4, "epochs": 2, "learning_rate": 1e-2, "final_learning_rate": 0},
    **{"adam_betas": [0.9, 0.98], "adam_epsilon": 1e-8, "weight_decay": 0.01, "clip_norm": 0, "warmup_ratio": 0},
    **{"total_updates": "auto", "selection": "last", "validate_every": "epoch", "log_every": 1, "gpus": 0},
}


def tokenizer(around=True, **settings):
    """Return a tokenizer whose tokens are letters; `around` a text it puts <s> and </s>."""
    cutter = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    cutter.pre_tokenizer = pre_tokenizers.Whitespace()
    if around:
        cutter.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>"}
    names = {f"{name}_token": token for name, token in names.items()}
    return PreTrainedTokenizerFast(tokenizer_object=cutter, **(names | settings))


def texts(count, seed):
    """Return rows {sentence1, label}: an empty text, one that spells special tokens, one too long, and random ones."""
    chance = random.Random(seed)
    rows = [" ".join(chance.choices("abcdefghij", k=chance.randint(1, POSITIONS - 2))) for _ in range(count - 3)]
    rows += ["", "a </s> b <pad> <s>", "k l m n o p q r s t u v w x y z a b c"]
    return [{"sentence1": row, "label": i % 2} for i, row in enumerate(rows)]


def change(folder, file, **keys):
    """Update a JSON file of a folder."""
    path = Path(folder, file)
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | keys))


def folder_of(root, config, cutter=None, kind=AutoModel):
    """Write a random model with this config, and its tokenizer, into a new folder; return it."""
    torch.manual_seed(1)
    folder = Path(root, f"model{len(list(Path(root).iterdir()))}")
    kind.from_config(config).save_pretrained(folder)
    (cutter or tokenizer()).save_pretrained(folder)
    return folder


def altered(folder, change_it):
    """Return a copy of a folder after the function `change_it` has changed it."""
    copy = Path(shutil.copytree(folder, f"{folder}-{len(list(Path(folder).parent.iterdir()))}"))
    change_it(copy)
    return copy


def run(folder, positions=POSITIONS, labels=LABELS, seed=0, **training):
    """Train and evaluate a model folder by the scripts; return {file: digest}, and metrics.json as "metrics"."""
    out = Path(f"{folder}-run-{len(list(Path(folder).parent.iterdir()))}")
    out.mkdir()
    for split, count in (("train", 12), ("valid", 6), ("test", 6)):
        lines = (json.dumps(row) + "\n" for row in texts(count, split))
        (out / f"{split}.jsonl").write_text("".join(lines))
    data = {split: str(out / f"{split}.jsonl") for split in ("train", "valid", "test")}
    settings = {"positions": positions, "labels": list(labels), "training": TRAINING | training}
    made = Files(**{name: str(out / file) for name, file in NAMES.items()})
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        finetune_huggingface.main(Files(model=str(folder), **data), made, {"settings": settings}, seed, 1)
        evaluation = settings | {"engine": settings["training"]["engine"], "batch_size": 4, "model": "tiny"}
        names = SimpleNamespace(dataset="d", method="m", seed=seed)
        evaluate_huggingface.main(Files(**data | {"model": made.model}), made, names, evaluation, 1)
    files = [out / NAMES[name] for name in ("history", "predictions")] + [out / "model" / "model.safetensors"]
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return found | {"out": str(out), "metrics": json.loads((out / "metrics.json").read_text())}


NAMES = {
    **{"model": "model", "history": "history.csv", "tensorboard": "tensorboard"},
    **{"predictions": "predictions.csv", "metrics": "metrics.json"},
}


def distance(out, positions=POSITIONS, after=()):
    """Return the largest difference between the probabilities of a run and those of transformers by itself.

    transformers reads one text at a time, so that nothing is padded; `after` are the ids that it adds to a text.
    """
    cutter = AutoTokenizer.from_pretrained(f"{out}/model")
    model = AutoModelForSequenceClassification.from_pretrained(f"{out}/model").eval()
    with open(f"{out}/predictions.csv", encoding="utf-8") as stream:
        predicted = {(row["split"], int(row["row"])): row for row in csv.DictReader(stream)}
    differences = []
    for split in ("valid", "test"):
        for number, line in enumerate(Path(out, f"{split}.jsonl").read_text().splitlines()):
            asked = {"split_special_tokens": True, "truncation": True, "max_length": positions - len(after)}
            read = cutter(json.loads(line)["sentence1"], **asked, return_special_tokens_mask=True)
            special = set(cutter.all_special_ids)
            pairs = zip(read["input_ids"], read["special_tokens_mask"], strict=True)
            ids = [cutter.unk_token_id if i in special and not around else i for i, around in pairs]
            ids = [*ids, *after] or [cutter.eos_token_id]
            with torch.no_grad():
                found = model(input_ids=torch.tensor([ids])).logits.float().softmax(-1)[0]
            row = predicted[split, number]
            differences.append(abs(float(found.max()) - float(row["probability"])))
            assert row["prediction"] == model.config.id2label[int(found.argmax())]
    return max(differences)
