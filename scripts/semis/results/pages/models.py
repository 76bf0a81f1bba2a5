"""The sections on the size of the fairseq models, and on the models that the study pretrained."""

from semis.results.markdown_tables import records
from semis.results.markup import escaped
from semis.results.pages.results import Results


def section(results: Results) -> list[str]:
    """Return the parameters of each fairseq model, counted and by the formula."""
    if "parameters" not in results.tables:
        return []
    parameters = results.tables["parameters"]
    totals = parameters[parameters["module"] == "total"]
    embeddings = parameters[parameters["module"].str.startswith("embed_")].groupby("model")["parameters"].sum()
    rows = [
        {
            "model": row.model,
            "parameters (counted)": f"{row.parameters:,}",
            "by the formula": f"{row.analytic:,}",
            "embeddings": f"{embeddings[row.model] / row.parameters:.1%}",
        }
        for row in totals.itertuples()
    ]
    return [
        "## Model size",
        records(rows),
        "Without heads. The formula is "
        f"{escaped(totals['formula'].iloc[0].replace('**', '^').replace('*', ' '))}, with D the dimension, F the "
        "feed-forward width, L the layers, T the positions and V the tokens. fairseq keeps T + 2 rows for positions, "
        "since it numbers them from the padding index + 1. [tables/parameters.csv](tables/parameters.csv) lists every "
        "tensor.",
        *results.images("Models"),
    ]


def pretraining_section(results: Results) -> list[str]:
    """Return updates, tokens and held-out perplexity of each model that the study pretrained."""
    if "pretraining" not in results.tables:
        return []
    pretraining = results.tables["pretraining"]
    found = pretraining[(pretraining["split"] == "valid") & (pretraining["metric"] == "perplexity")]
    rows = []
    for model, measured in found.groupby("model", sort=False):
        first, last = measured.iloc[0], measured.iloc[-1]
        rows.append(
            {
                "model": model,
                "updates": last["step"],
                "tokens": f"{last['step'] * last['tokens_per_step']:,}",
                "perplexity at first": f"{first['value']:.1f} (update {first['step']})",
                "perplexity": f"{last['value']:.1f}",
            }
        )
    return [
        "## Pretraining",
        records(rows),
        "Masked language model from plain text. The column tokens counts every token that the model read, hidden or "
        "not, as often as it did. The perplexity is that of the hidden tokens in held-out lines.",
        *results.images("Pretraining"),
    ]
