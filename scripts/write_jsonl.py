"""Write a split as JSON lines with `sentence1` and `label` (the number of the class), the format of run_glue.py."""

import json
from collections.abc import Iterable, Iterator, Sequence

from semis.harness.job import job


def json_lines(reviews: Iterable[str], given: Iterable[str], labels: Sequence[str]) -> Iterator[str]:
    """Yield a JSON line for each review; `given` holds its label, and the class is the label's index in `labels`."""
    for review, label in zip(reviews, given, strict=True):
        yield json.dumps(
            {"sentence1": review.rstrip("\n"), "label": labels.index(label.rstrip("\n"))}, ensure_ascii=False
        )


if __name__ == "__main__":
    with job(snakemake):
        with (
            open(snakemake.input.review, encoding="utf-8", newline="\n") as reviews,
            open(snakemake.input.label, encoding="utf-8", newline="\n") as given,
            open(snakemake.output[0], "w", encoding="utf-8", newline="\n") as out,
        ):
            out.writelines(
                f"{line}\n" for line in json_lines(reviews, given, snakemake.params.recipe["settings"]["labels"])
            )
