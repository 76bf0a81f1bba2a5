"""Let a fine-tuned Hugging Face model classify the valid and test reviews, a row for each; and sum up the run."""

import json

from semis.fast import huggingface
from semis.harness.job import job
from semis.huggingface.pretrained import ONLY_DATA
from semis.results.predictions import write_metrics, write_predictions

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def classify(model, tokenizer, reviews, positions, batch_size):
    """Return (predicted class, its probability) for each review (text), in order; cut at `positions` tokens."""
    found = []
    for first in range(0, len(reviews), batch_size):
        batch = reviews[first : first + batch_size]
        encoded = tokenizer(
            batch, truncation=True, max_length=positions, padding=True, split_special_tokens=True, return_tensors="pt"
        )
        with torch.inference_mode():
            chosen = model(**encoded).logits.float().softmax(-1).max(-1)
        found += zip(chosen.indices.tolist(), chosen.values.tolist(), strict=True)
    return found


def main(inputs, output, wildcards, params, threads):
    """Write predictions.csv and metrics.json."""
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(inputs.model, **ONLY_DATA)
    model = AutoModelForSequenceClassification.from_pretrained(inputs.model, **ONLY_DATA).eval()
    if params.engine == "fast":
        huggingface.speed_up(model)
    rows = []
    for split, path in zip(params.splits, inputs.reviews, strict=True):
        with open(path, encoding="utf-8", newline="\n") as stream:
            examples = [json.loads(line) for line in stream]
        found = classify(model, tokenizer, [e["sentence1"] for e in examples], params.positions, params.batch_size)
        rows += [(split, row, e["label"], *one) for row, (e, one) in enumerate(zip(examples, found, strict=True))]
    write_predictions(output.predictions, rows, params.labels)
    write_metrics(output.metrics, wildcards, params.model, inputs.model, rows)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.wildcards, snakemake.params, snakemake.threads)
