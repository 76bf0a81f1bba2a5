"""Count what a reader of the study should know about a dataset: sizes, balance, repeats within and across splits."""

from semis.harness.job import job
from semis.results.tables import read_lines

import pandas as pd


def check_dataset(reviews, labels):
    """Return a table (split, check, value) for `reviews` and `labels` ({split: list of text}).

    Repeats are lines that stand again, to the letter; `also_in_S` counts the lines of a split that stand in split S.
    """
    rows = []
    for split, lines in reviews.items():
        rows.append((split, "reviews", len(lines)))
        rows += [
            (split, f"label_{label}", count) for label, count in sorted(pd.Series(labels[split]).value_counts().items())
        ]
        rows.append((split, "empty", sum(not line for line in lines)))
        rows.append((split, "repeats", len(lines) - len(set(lines))))
        rows.append((split, "words", sum(len(line.split()) for line in lines)))
        rows.append((split, "bytes", sum(len(line.encode()) + 1 for line in lines)))
        for other, others in reviews.items():
            known = set(others)
            if other != split:
                rows.append((split, f"also_in_{other}", len([line for line in lines if line in known])))
    return pd.DataFrame(rows, columns=["split", "check", "value"])


if __name__ == "__main__":
    with job(snakemake):
        splits = snakemake.params.splits
        table = check_dataset(
            dict(zip(splits, map(read_lines, snakemake.input.reviews), strict=True)),
            dict(zip(splits, map(read_lines, snakemake.input.labels), strict=True)),
        )
        table.insert(0, "dataset", snakemake.wildcards.dataset)
        table.to_csv(snakemake.output[0], index=False)
