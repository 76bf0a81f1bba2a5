"""Evaluate a fine-tuned Hugging Face model: write its prediction for each valid and test review, and the metrics."""

import json
from typing import Any

from semis import engines
from semis.harness.job import job
from semis.huggingface.pretrained import ONLY_DATA
from semis.huggingface.texts import encode, padded
from semis.huggingface.tokenizer import check_texts, load_tokenizer
from semis.huggingface.weights import TRAINED_IN
from semis.machine.devices import hide_gpus
from semis.results.evaluations import write_metrics, write_predictions

import torch
from transformers import AutoModelForSequenceClassification


def classify(model: Any, tokenizer: Any, read: list[dict], batch_size: int) -> list[tuple[int, float]]:
    """Return (predicted class, its probability) for each of the texts `read`, in order."""
    found: list[tuple[int, float]] = []
    for first in range(0, len(read), batch_size):
        batch = padded(tokenizer, read[first : first + batch_size])
        with torch.inference_mode():
            chosen = model(**batch).logits.float().softmax(-1).max(-1)
        found += zip(chosen.indices.tolist(), chosen.values.tolist(), strict=True)
    return found


def main(inputs: Any, output: Any, wildcards: Any, settings: dict, threads: int) -> None:
    """Write predictions.csv and metrics.json."""
    torch.set_num_threads(threads)
    tokenizer = load_tokenizer(inputs.model)
    model = AutoModelForSequenceClassification.from_pretrained(inputs.model, dtype=TRAINED_IN, **ONLY_DATA).eval()
    engines.load(settings["engine"], "huggingface").prepare(model)
    rows, counts = [], {}
    for split, path in (("valid", inputs.valid), ("test", inputs.test)):
        with open(path, encoding="utf-8", newline="\n") as stream:
            examples = [json.loads(line) for line in stream]
        reviews = [example["sentence1"] for example in examples]
        check_texts(tokenizer, reviews, settings["positions"])
        read, cut = encode(tokenizer, model, reviews, settings["positions"])
        counts[split] = {"reviews": len(reviews), "cut": cut}
        found = classify(model, tokenizer, read, settings["batch_size"])
        rows += [(split, row, e["label"], *one) for row, (e, one) in enumerate(zip(examples, found, strict=True))]
    write_predictions(output.predictions, rows, settings["labels"])
    write_metrics(output.metrics, wildcards, settings["model"], inputs.model, rows, counts)


if __name__ == "__main__":
    with job(snakemake):
        hide_gpus()
        files, settings = (snakemake.input, snakemake.output), snakemake.params.recipe["settings"]
        main(*files, snakemake.wildcards, settings, snakemake.threads)
