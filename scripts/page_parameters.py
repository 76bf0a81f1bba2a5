"""Show the parameters of each fairseq model as a page: how many, where, by which formula, and why T + 2 positions."""

import html
import re
from pathlib import Path

from semis.harness.job import job
from semis.results.tables import read_table

HEAD = """<!doctype html>
<html><head><meta charset="utf-8"><title>Model size</title><style>
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
th, td { border-bottom: 1px solid #ccc; padding: .2em .7em; text-align: right; }
th:first-child, td:first-child { text-align: left; font-family: monospace; }
tr:last-child td { font-weight: bold; }
</style></head><body>
<h1>Model size</h1>
<p>Every tensor of the encoder, heads left out, as counted in the checkpoint and as its formula says. D is the
dimension, F the width of the feed-forward layers, L the number of layers, V the number of tokens and T that of
positions. A, the number of attention heads, stands in no formula: the heads share D among them, so that more of them
are narrower ones.</p>
<p>Positions have T + 2 rows because fairseq numbers them from the padding index + 1, and padding is token 1: the first
token of a review stands at position 2, and rows 0 and 1 belong to no position. They are not for the start and the end
of the sentence, which take two of the T positions.</p>
<p>The masked-language-model head has D<sup>2</sup> + 3 D + V parameters of its own, since its large matrix is the
embedding of the tokens, and a classification head of two classes D<sup>2</sup> + 3 D + 2. fairseq counts both while it
fine-tunes.</p>"""


def marked(formula):
    """A formula of sympy's as HTML."""
    return re.sub(r"\*\*(\d+)", r"<sup>\1</sup>", html.escape(formula)).replace("*", " ")


def section(model, rows, sizes):
    """The HTML of one model: the total, the share of the embeddings, and the rows of parameters.csv.

    `sizes` is {symbol: number}.
    """
    total = rows.iloc[-1]
    embeddings = rows.loc[rows["module"].str.startswith("embed_"), "parameters"].sum()
    heads = [sizes["D"] ** 2 + 3 * sizes["D"] + end for end in (sizes["V"], 2)]
    cells = [
        [html.escape(row.module), row.shape, f"{row.parameters:,}", marked(row.formula), f"{row.analytic:,}"]
        for row in rows.fillna("").itertuples()
    ]
    return [
        f"<h2>{html.escape(model)}: {total.parameters:,} parameters</h2>",
        f"<p>{', '.join(f'{symbol} = {size:,}' for symbol, size in sizes.items())}. The embeddings hold "
        f"{embeddings:,} of them, {embeddings / total.parameters:.1%}. With both heads they are "
        f"{total.parameters + sum(heads):,}.</p>",
        "<table><tr><th>tensor</th><th>shape</th><th>parameters</th><th>formula</th><th>by the formula</th></tr>",
        *(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells),
        "</table>",
    ]


def page(table, sizes):
    """The page of tables/parameters.csv; `sizes` is {model: {symbol: number}}, where V is read from the table."""
    parts = [HEAD]
    for model, rows in table.groupby("model", sort=False):
        tokens = rows.loc[rows["module"] == "embed_tokens.weight", "shape"].iloc[0].split("x")[0]
        parts += section(model, rows, {**sizes[model], "V": int(tokens)})
    return "\n".join([*parts, "</body></html>"]) + "\n"


if __name__ == "__main__":
    with job(snakemake):
        made = page(read_table(snakemake.input.parameters), snakemake.params.sizes)
        Path(snakemake.output[0]).write_text(made, encoding="utf-8")
