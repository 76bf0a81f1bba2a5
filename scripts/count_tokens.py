"""Count what a fairseq model reads of a dataset: tokens per review, unknown tokens, truncated reviews, bytes."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.text.files import read_lines

import pandas as pd

AROUND = 2  # fairseq puts <s> before the pieces of a review and </s> after them


def review_lengths(lines: Sequence[str], words: Container[str]) -> pd.DataFrame:
    """Return a table (row, tokens, unknown) with a row for each of the tokenized `lines`.

    `tokens` is the length that the model sees. `unknown` counts the pieces that are not among `words`: fairseq turns
    them into `<unk>`.
    """
    reviews = [line.split() for line in lines]
    return pd.DataFrame(
        {
            "row": range(len(reviews)),
            "tokens": [len(pieces) + AROUND for pieces in reviews],
            "unknown": [sum(piece not in words for piece in pieces) for pieces in reviews],
        }
    )


def token_counts(lengths: pd.DataFrame, positions: int) -> dict[str, float]:
    """Return {name: value} for one split: tokens, unknown tokens, lengths and truncated reviews.

    A review with more tokens than the model has `positions` is truncated (the columns `cut`). `unknown_percent` is a
    percentage of the tokens, `cut_percent` one of the reviews.
    """
    tokens, unknown, cut = lengths["tokens"].sum(), lengths["unknown"].sum(), (lengths["tokens"] > positions).sum()
    return {
        "reviews": len(lengths),
        "tokens": tokens,
        "shortest": lengths["tokens"].min(),
        "median": lengths["tokens"].median(),
        "longest": lengths["tokens"].max(),
        "unknown": unknown,
        "unknown_percent": 100 * unknown / tokens,
        "cut": cut,
        "cut_percent": 100 * cut / len(lengths),
    }


def main(inputs: Any, output: Any, settings: dict[str, Any]) -> None:
    """Write a table with the length of every review, and one with the counts of each split."""
    words = {line.rsplit(" ", 1)[0] for line in read_lines(inputs.dictionary)}
    lengths, counts = {}, {}
    for split, pieces, binarized in zip(settings["splits"], inputs.pieces, inputs.binarized, strict=True):
        lengths[split] = review_lengths(read_lines(pieces), words)
        sizes = {"text_bytes": Path(pieces).stat().st_size, "binarized_bytes": Path(binarized).stat().st_size}
        counts[split] = token_counts(lengths[split], settings["positions"]) | sizes
    pd.concat(lengths, names=["split"]).reset_index("split").to_csv(output.lengths, index=False)
    pd.DataFrame.from_dict(counts, orient="index").rename_axis("split").round(4).to_csv(output.counts)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params.recipe["settings"])
