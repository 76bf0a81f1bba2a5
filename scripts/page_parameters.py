"""Write the page of parameters: for each fairseq model its tensors, their formulas, and the reason for T + 2 rows."""

import re
from collections.abc import Mapping
from pathlib import Path

from semis.harness.job import job
from semis.results import html
from semis.results.heads import classification_head, language_model_head
from semis.results.tables import read_table

import pandas as pd

SYMBOLS = "DFLATV"  # in the order of the text
STYLE = """
th, td { padding: .2em .7em; text-align: right; }
th:first-child, td:first-child { text-align: left; font-family: monospace; }
tr:last-child td { font-weight: bold; }
"""
HEAD = """<h1>Model size</h1>
<p>The table lists every tensor of the encoder without heads: its parameters as counted in the checkpoint, and as its
formula gives them. D is the dimension, F the width of the feed-forward layers, L the number of layers, V the number of
tokens and T that of positions. A, the number of attention heads, occurs in no formula: the heads share D, so more heads
are narrower heads.</p>
<p>The position embedding has T + 2 rows because fairseq numbers positions from the padding index + 1, and padding is
token 1. The first token of a review has position 2, and no position uses rows 0 and 1. Those rows are not for the start
and the end of the sentence, which take two of the T positions.</p>
<p>The head of the masked language model shares its large matrix with the token embedding and adds D<sup>2</sup> + 3 D +
V parameters. A classification head with two classes has D<sup>2</sup> + 3 D + 2. fairseq counts both heads while it
fine-tunes.</p>"""


def marked(formula: str) -> html.Html:
    """Return a formula of sympy as HTML."""
    return html.Html(re.sub(r"\*\*(\d+)", r"<sup>\1</sup>", html.escaped(formula)).replace("*", " "))


def section(model: str, rows: pd.DataFrame, sizes: Mapping[str, int]) -> list[str]:
    """Return the HTML of one model: its total, the share of the embeddings, and its `rows` of tables/parameters.csv.

    `sizes` is {symbol: number}.
    """
    total = rows.iloc[-1]
    embeddings = rows.loc[rows["module"].str.startswith("embed_"), "parameters"].sum()
    heads = language_model_head(sizes["D"], sizes["V"]) + classification_head(sizes["D"], 2)
    cells = [
        [row.module, row.shape, f"{row.parameters:,}", marked(row.formula), f"{row.analytic:,}"]
        for row in rows.fillna("").itertuples()
    ]
    return [
        f"<h2>{html.escaped(model)}: {total.parameters:,} parameters</h2>",
        f"<p>{', '.join(f'{symbol} = {sizes[symbol]:,}' for symbol in SYMBOLS)}. The embeddings hold "
        f"{embeddings:,} of them, {embeddings / total.parameters:.1%}. With both heads they are "
        f"{total.parameters + heads:,}.</p>",
        html.table(["tensor", "shape", "parameters", "formula", "by the formula"], cells),
    ]


def page(table: pd.DataFrame, sizes: Mapping[str, Mapping[str, int]]) -> str:
    """Return the page for tables/parameters.csv; `sizes` is {model: {symbol: number}}, and V comes from the table."""
    parts = [HEAD]
    for model, rows in table.groupby("model", sort=False):
        tokens = rows.loc[rows["module"] == "embed_tokens.weight", "shape"].iloc[0].split("x")[0]
        parts += section(str(model), rows, {**sizes[str(model)], "V": int(tokens)})
    return html.page("Model size", "\n".join(parts), STYLE)


if __name__ == "__main__":
    with job(snakemake):
        made = page(read_table(snakemake.input.parameters), snakemake.params.recipe["settings"]["sizes"])
        Path(snakemake.output[0]).write_text(made, encoding="utf-8")
