"""Count what a fairseq model reads of a dataset: tokens of each review, unknown ones, reviews cut, bytes."""

from pathlib import Path

from semis.harness.job import job
from semis.results.tables import read_lines

import pandas as pd

AROUND = 2  # fairseq puts <s> before the pieces of a review and </s> behind them


def review_lengths(lines, words):
    """Return a table (row, tokens, unknown) of tokenized `lines`: how long each is to the model, and how many of its
    pieces are not among `words` and so become `<unk>`."""
    reviews = [line.split() for line in lines]
    return pd.DataFrame(
        {
            "row": range(len(reviews)),
            "tokens": [len(pieces) + AROUND for pieces in reviews],
            "unknown": [sum(piece not in words for piece in pieces) for pieces in reviews],
        }
    )


def token_checks(lengths, positions):
    """Return {name: value} of one split: tokens and unknown ones, the lengths, and how many reviews are cut.

    A review is cut where it has more tokens than the model has `positions`. Percentages are of the tokens (unknown) and
    of the reviews (cut).
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


def main(inputs, output, params):
    """Write the lengths of all reviews, and a row of checks for each split."""
    words = {line.rsplit(" ", 1)[0] for line in read_lines(inputs.dictionary)}
    lengths, checks = {}, {}
    for split, pieces, binarized in zip(params.splits, inputs.pieces, inputs.binarized, strict=True):
        lengths[split] = review_lengths(read_lines(pieces), words)
        sizes = {"text_bytes": Path(pieces).stat().st_size, "binarized_bytes": Path(binarized).stat().st_size}
        checks[split] = token_checks(lengths[split], params.positions) | sizes
    pd.concat(lengths, names=["split"]).reset_index("split").to_csv(output.lengths, index=False)
    pd.DataFrame.from_dict(checks, orient="index").rename_axis("split").round(4).to_csv(output.checks)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params)
