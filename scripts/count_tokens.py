"""Count what a fairseq model reads of a dataset: tokens of each review, unknown ones, truncated reviews, bytes."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from semis.harness.job import job
from semis.text.files import read_lines

import pandas as pd

AROUND = 2  # fairseq puts <s> before the pieces of a review and </s> after them


def review_lengths(lines: Sequence[str], words: Container[str]) -> pd.DataFrame:
    """Return a table (row, tokens, unknown) of tokenized `lines`.

    It has the length that the model sees, and how many pieces are not among `words` and so become `<unk>`.
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
    """Return {name: value} of one split: tokens and unknown ones, the lengths, and how many reviews are truncated.

    A review with more tokens than the model has `positions` is truncated ("cut"). Percentages are of the tokens
    (unknown) and of the reviews (cut).
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
    """Write the lengths of all reviews, and a row of counts for each split."""
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
