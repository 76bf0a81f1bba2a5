"""Describe a dataset in numbers: sizes, balance of the labels, repeats within and across splits."""

from collections.abc import Mapping, Sequence

from semis.harness.job import job
from semis.text.files import read_lines

import pandas as pd


def describe(reviews: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return a table (split, quantity, value) for `reviews` and `labels`, both {split: lines}.

    `repeats` counts the reviews that are identical to an earlier one of the same split, `also_in_S` those that are
    identical to one of split S.
    """
    rows: list[tuple[str, str, int]] = []
    for split, lines in reviews.items():
        counts = pd.Series(labels[split]).value_counts().items()
        rows.append((split, "reviews", len(lines)))
        rows += [(split, f"label_{label}", count) for label, count in sorted(counts)]
        rows.append((split, "empty", sum(not line for line in lines)))
        rows.append((split, "repeats", len(lines) - len(set(lines))))
        rows.append((split, "words", sum(len(line.split()) for line in lines)))
        rows.append((split, "bytes", sum(len(line.encode()) + 1 for line in lines)))
        for other in reviews:
            known = set(reviews[other])
            if other != split:
                rows.append((split, f"also_in_{other}", sum(line in known for line in lines)))
    return pd.DataFrame(rows, columns=["split", "quantity", "value"])


if __name__ == "__main__":
    with job(snakemake):
        splits = snakemake.params.recipe["settings"]["splits"]
        table = describe(
            dict(zip(splits, map(read_lines, snakemake.input.reviews), strict=True)),
            dict(zip(splits, map(read_lines, snakemake.input.labels), strict=True)),
        )
        table.to_csv(snakemake.output[0], index=False)
