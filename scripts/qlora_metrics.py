"""Measure the answers before and after training, per arm."""

import json
from pathlib import Path

from semis.harness.job import job
from semis.results.tables import read_json_lines


def ngrams(text, n):
    """The n-grams of a text's words (what stands between spaces), in order."""
    words = text.split()
    return list(zip(*(words[i:] for i in range(n))))


def repeated_share(texts, n):
    """Share (0 to 1) of n-grams that stood in the same text before; None where there are no n-grams."""
    total = sum(len(ngrams(text, n)) for text in texts)
    distinct = sum(len(set(ngrams(text, n))) for text in texts)
    return 1 - distinct / total if total else None


def distinct_share(texts, n):
    """distinct-n of Li et al. 2016 (arXiv:1510.03055): distinct n-grams over all n-grams of all texts together.

    None where there are no n-grams.
    """
    found = [ngram for text in texts for ngram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else None


def measure(rows, likelihood):
    """Return the metrics of some rows of samples.jsonl, with the likelihood of the held-out answers beside them."""
    texts = [row["answer"] for row in rows]
    return {
        "answers": len(rows),
        "stopped_share": sum(row["stopped"] for row in rows) / len(rows),
        "mean_tokens": sum(row["tokens"] for row in rows) / len(rows),
        "repeated_4grams": repeated_share(texts, 4),
        "distinct_2": distinct_share(texts, 2),
        "holdout": likelihood,
    }


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def main(inputs, output, arms):
    """Write metrics.json."""
    rows = read_json_lines(inputs.samples)
    found = {"before": measure([row for row in rows if row["stage"] == "before"], read_json(inputs.before)), "arms": {}}
    for arm, after, training in zip(arms, inputs.after, inputs.training, strict=True):
        found["arms"][arm] = {
            "after": measure([row for row in rows if row["arm"] == arm], read_json(after)),
            "trained_on_holdout": arm == "faithful",
            "training": read_json(training),
        }
    Path(output).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output[0], snakemake.params.arms)
