"""The section that compares published figures with those of the study."""

from typing import Any

from semis.results.heads import classification_head, language_model_head
from semis.results.markdown_tables import records
from semis.results.markup import Markdown, escaped
from semis.results.numbers import interval, kilobytes, megabytes
from semis.results.pages.results import Results

import pandas as pd

CLASSES = 2  # of the published model


def section(results: Results) -> list[str]:
    """Return a table of the published figures and the study's, and the remarks; nothing without a published table.

    ± is the population standard deviation over the seeds.
    """
    if results.published is None:
        return []
    ours = figures(results)
    rows = [
        {
            "figure": row.key.replace("/", ", ").replace("_", " "),
            "published": row.published,
            "here": ours.get(row.key),
            "what differs, and why": row.remark,
        }
        for row in results.published[results.published["key"] != ""].itertuples()
    ]
    remarks = results.published[results.published["key"] == ""]["remark"]
    numbered = "\n".join(f"{number}. {escaped(remark)}" for number, remark in enumerate(remarks, start=1))
    return ["## Comparison with the published report", records(rows), "### Statements of the report", numbered]


def figures(results: Results) -> dict[str, str]:
    """Return {key of published.csv: this study's figure as text}."""
    found: dict[str, str] = {}
    for name, read in READERS.items():
        if name in results.tables:
            found |= read(results.tables[name])
    return found | (qlora_figures(results.qlora["parameters"]) if results.qlora else {})


def summary_figures(summary: pd.DataFrame) -> dict[str, str]:
    """Return the metrics of each method, and a link to its wall time."""
    of = ["metric", "dataset", "method"]
    test = summary[summary["split"] == "test"].set_index(of)
    found = {}
    for row in summary[summary["split"] == "valid"].itertuples():
        on_test = test.loc[row.metric, row.dataset, row.method]
        found[f"{row.metric}/{row.dataset}/{row.method}/valid"] = (
            f"{row.mean:.1f} ± {row.std_population:.2f}; on test {on_test['mean']:.1f} "
            f"({interval(on_test['ci_low'], on_test['ci_high'])})"
        )
        found[f"wall_time/{row.dataset}/{row.method}"] = Markdown("in [tables/runtime.csv](tables/runtime.csv)")
    return found


def datasets_figures(datasets: pd.DataFrame) -> dict[str, str]:
    """Return the numbers of reviews."""
    reviews = datasets[datasets["quantity"] == "reviews"]
    return {f"reviews/{row.dataset}/{row.split}": f"{row.value:,}" for row in reviews.itertuples()}


def parameters_figures(parameters: pd.DataFrame) -> dict[str, str]:
    """Return the parameters of each model without heads, and with both heads, as fairseq counts in a fine-tuning."""
    found: dict[str, str] = {}
    for model, rows in parameters.set_index("module").groupby("model"):
        tokens, dimension = map(int, rows.loc["embed_tokens.weight", "shape"].split("x"))
        total = rows.loc["total", "parameters"]
        heads = language_model_head(dimension, tokens) + classification_head(dimension, CLASSES)
        found |= {f"parameters/{model}": f"{total:,}", f"parameters/{model}/fine-tuned": f"{total + heads:,}"}
    return found


def tokens_figures(tokens: pd.DataFrame) -> dict[str, str]:
    """Return the sizes of the tokenized reviews, as text and binarized."""
    found: dict[str, str] = {}
    for row in tokens.itertuples():
        name = f"{row.dataset}/{row.model}/{row.split}"
        found |= {f"text/{name}": megabytes(row.text_bytes), f"binarized/{name}": kilobytes(row.binarized_bytes)}
    return found


def qlora_figures(counts: dict[str, Any]) -> dict[str, str]:
    """Return the parameters of the language model."""
    found = {"qlora/parameters/unquantized": f"{counts['unquantized']:,}"}
    for stage in ("before_lora", "after_lora"):
        found |= {f"qlora/parameters/{stage}/{key}": f"{counts[stage][key]:,}" for key in ("trainable", "all")}
        found[f"qlora/parameters/{stage}/percent"] = f"{counts[stage]['percent']:.3f} %"
    return found


READERS = {
    "summary": summary_figures,
    "datasets": datasets_figures,
    "parameters": parameters_figures,
    "tokens": tokens_figures,
}
