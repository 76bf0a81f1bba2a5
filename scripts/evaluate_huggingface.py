"""Evaluate a fine-tuned Hugging Face model: write its prediction for each valid and test review, and the metrics."""

import json
from typing import Any

from semis import engines
from semis.harness.job import job
from semis.huggingface.pretrained import ONLY_DATA
from semis.machine.devices import use_gpus_asked_for
from semis.results.evaluations import write_metrics, write_predictions

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def classify(
    model: Any, tokenizer: Any, reviews: list[str], positions: int, batch_size: int
) -> list[tuple[int, float]]:
    """Return (predicted class, its probability) for each review, in order; reviews are truncated to `positions` tokens.

    The model sees what a review spells like a special token, such as </s>, as text.
    """
    found: list[tuple[int, float]] = []
    for first in range(0, len(reviews), batch_size):
        batch = reviews[first : first + batch_size]
        encoded = tokenizer(
            batch, truncation=True, max_length=positions, padding=True, split_special_tokens=True, return_tensors="pt"
        )
        with torch.inference_mode():
            chosen = model(**encoded).logits.float().softmax(-1).max(-1)
        found += zip(chosen.indices.tolist(), chosen.values.tolist(), strict=True)
    return found


def main(inputs: Any, output: Any, wildcards: Any, settings: dict, threads: int) -> None:
    """Write predictions.csv and metrics.json."""
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(inputs.model, **ONLY_DATA)
    model = AutoModelForSequenceClassification.from_pretrained(inputs.model, **ONLY_DATA).eval()
    engines.load(settings["engine"], "huggingface").prepare(model)
    rows = []
    for split, path in (("valid", inputs.valid), ("test", inputs.test)):
        with open(path, encoding="utf-8", newline="\n") as stream:
            examples = [json.loads(line) for line in stream]
        reviews = [example["sentence1"] for example in examples]
        found = classify(model, tokenizer, reviews, settings["positions"], settings["batch_size"])
        rows += [(split, row, e["label"], *one) for row, (e, one) in enumerate(zip(examples, found, strict=True))]
    write_predictions(output.predictions, rows, settings["labels"])
    write_metrics(output.metrics, wildcards, settings["model"], inputs.model, rows)


if __name__ == "__main__":
    with job(snakemake):
        use_gpus_asked_for(snakemake.resources)
        files, settings = (snakemake.input, snakemake.output), snakemake.params.recipe["settings"]
        main(*files, snakemake.wildcards, settings, snakemake.threads)
