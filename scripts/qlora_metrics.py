"""Measure the answers before and after training, for each method."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.qlora.pairs import counts, folded, same
from semis.text.files import read_json, read_json_lines


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """Return the n-grams of a text's words (separated by spaces), in order."""
    words = text.split()
    return list(zip(*(words[i:] for i in range(n))))


def repeated_share(texts: Sequence[str], n: int) -> float | None:
    """Return the share (0 to 1) of n-grams that occur earlier in the same text, or None if there are no n-grams."""
    total = sum(len(ngrams(text, n)) for text in texts)
    distinct = sum(len(set(ngrams(text, n))) for text in texts)
    return 1 - distinct / total if total else None


def distinct_share(texts: Sequence[str], n: int) -> float | None:
    """Return distinct-n of Li et al. 2016 (arXiv:1510.03055): distinct n-grams over all n-grams of all texts together.

    Returns None if there are no n-grams.
    """
    found = [ngram for text in texts for ngram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else None


def measure(rows: Sequence[dict[str, Any]], likelihood: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of `rows` of samples.jsonl, together with the `likelihood` of the held-out answers."""
    texts = [row["answer"] for row in rows]
    return {
        "answers": len(rows),
        "stopped_share": sum(row["stopped"] for row in rows) / len(rows),
        "mean_tokens": sum(row["tokens"] for row in rows) / len(rows),
        "repeated_4grams": repeated_share(texts, 4),
        "distinct_2": distinct_share(texts, 2),
        "holdout": likelihood,
    }


def learned(questions: Iterable[str], pairs: Sequence[Mapping[str, str]]) -> int:
    """Return how many of the questions these pairs contain, in any spelling."""
    known = same(pairs, "question")
    return sum(folded(question) in known for question in questions)


def main(inputs: Any, output: str, settings: dict[str, Any]) -> None:
    """Write metrics.json; `settings["methods"]` are pairs [method, whether it trains on the held-out pairs]."""
    rows = read_json_lines(inputs.samples)
    before = measure([row for row in rows if row["stage"] == "before"], read_json(inputs.before))
    parts = [read_json(inputs.train), read_json(inputs.holdout)]
    questions = {row["question"] for row in rows}
    found: dict[str, Any] = {"data": counts(*parts) | {"asked": len(questions)}, "before": before, "methods": {}}
    for (method, trains_on_holdout), after, training in zip(
        settings["methods"], inputs.after, inputs.training, strict=True
    ):
        found["methods"][method] = {
            "after": measure([row for row in rows if row["method"] == method], read_json(after)),
            "trained_on_holdout": trains_on_holdout,
            "asked_in_training": learned(questions, [*parts[0], *parts[1] * trains_on_holdout]),
            "training": read_json(training),
        }
    Path(output).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output[0], snakemake.params.recipe["settings"])
