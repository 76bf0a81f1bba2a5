"""Gather what one run comes to: accuracy of the chosen checkpoint on each split, and how it came about."""

import json

from semis.job import job
from semis.tables import read_table


def accuracies(predictions):
    """Return ({split: accuracy in percent}, {split: number of reviews}) of a predictions table."""
    right = (predictions["label"] == predictions["prediction"]).groupby(predictions["split"])
    return {split: round(100 * value, 6) for split, value in right.mean().items()}, right.size().to_dict()


def chosen_epoch(history, step):
    """The epoch after which the validation at `step` (an update) stood."""
    validations = history[(history["split"] == "valid") & (history["step"] == step)]
    return int(round(validations["epoch"].iloc[0]))


def main(inputs, output, wildcards, params):
    """Write metrics.json."""
    with open(inputs.start, encoding="utf-8") as stream:
        start = json.load(stream)
    accuracy, n = accuracies(read_table(inputs.predictions))
    step = start.pop("chosen_step")
    found = {
        "dataset": wildcards.dataset,
        "method": wildcards.method,
        "seed": int(wildcards.seed),
        "model": params.model,
        "training": params.training,
        "threads": start.pop("threads"),
        "checkpoint": {
            "selection": start.pop("selection"),
            "step": step,
            "epoch": chosen_epoch(read_table(inputs.history), step),
        },
        "start": start,
        "accuracy": accuracy,
        "n": n,
    }
    with open(output, "w", encoding="utf-8") as stream:
        json.dump(found, stream, indent=1)
        stream.write("\n")


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output[0], snakemake.wildcards, snakemake.params)
