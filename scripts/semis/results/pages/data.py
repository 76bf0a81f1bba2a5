"""The section on the datasets: sizes, repeats within and across splits, and tokens for each model."""

from semis.results.markdown_tables import records, table
from semis.results.markup import escaped
from semis.results.numbers import kilobytes, megabytes
from semis.results.pages.results import Results

import pandas as pd

LABEL = "label_"  # before the name of a label
SHOWN = ["reviews", "words", "empty", "repeats", "also_in_train", "also_in_valid", "also_in_test"]


def section(results: Results) -> list[str]:
    """Return the section."""
    if "datasets" not in results.tables:
        return []
    datasets = results.tables["datasets"]
    shared = datasets[(datasets["split"] == "test") & (datasets["quantity"] == "also_in_train")]
    parts = ["## Data", counts_table(datasets), *(repeated(row.dataset, row.value) for row in shared.itertuples())]
    if "tokens" in results.tables:
        parts += tokens_part(results.tables["tokens"])
    return [*parts, *results.images("Data")]


def repeated(dataset: str, n: int) -> str:
    """Return the sentence about test reviews that are also in train."""
    return f"In {escaped(dataset)}, {n} of the test reviews {'is' if n == 1 else 'are'} also in train, to the letter."


def counts_table(datasets: pd.DataFrame) -> str:
    """Return the table of counts, a row for each split."""
    found = {(row.dataset, row.split, row.quantity): row.value for row in datasets.itertuples()}
    labels = sorted({name for _, _, name in found if name.startswith(LABEL)})
    names = [*labels, *(name for name in SHOWN if name in set(datasets["quantity"]))]
    splits = datasets[["dataset", "split"]].drop_duplicates().itertuples(index=False, name=None)
    rows = [[*split, *(found.get((*split, name)) for name in names)] for split in splits]
    heads = [f"label {name[len(LABEL) :]}" if name in labels else name.replace("_", " ") for name in names]
    return table(["dataset", "split", *heads], rows)


def tokens_part(tokens: pd.DataFrame) -> list[str]:
    """Return the tokens that each fairseq model reads of each split, and an explanation."""
    rows = [
        {
            "dataset": row.dataset,
            "model": row.model,
            "split": row.split,
            "tokens": f"{row.tokens:,}",
            "shortest": row.shortest,
            "median": row.median,
            "longest": row.longest,
            "unknown": f"{row.unknown_percent:.2f} %",
            "reviews truncated": f"{row.cut_percent:.1f} %",
            "as text": megabytes(row.text_bytes),
            "binarized": kilobytes(row.binarized_bytes),
        }
        for row in tokens.itertuples()
    ]
    return [
        records(rows),
        "Tokens as the model reads them: sentencepiece pieces and the two around each review. Unknown is the share of "
        "tokens that are `<unk>`. A review with more tokens than the model has positions is truncated. The sizes are "
        "those of the pieces as text and of fairseq's `.bin`.",
    ]
