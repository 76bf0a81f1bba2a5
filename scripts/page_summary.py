"""Write the reader's page of a study, summary.md, and the same as HTML with its figures inside."""

import base64
import json
import re
from pathlib import Path

from semis.harness.job import job
from semis.qlora.answers import ending, metrics_row
from semis.results.statistics import spread_factors
from semis.results.tables import read_json_lines, read_table

import markdown
import pandas as pd

TABLES = ["summary", "spread", "history", "pretraining", "comparisons", "checks", "parameters", "tokens"]
# Shown as given in tables; Markdown would take these characters for itself.
SPECIAL = re.compile(r"([\\`*_|<\[\]])")


def table(rows):
    """A Markdown table of a DataFrame; numbers have one decimal and stand to the right, what is missing is a dash."""
    right = [pd.api.types.is_numeric_dtype(rows[name]) for name in rows]
    for name in rows.select_dtypes("float"):
        rows = rows.assign(**{name: [None if pd.isna(value) else f"{value:.1f}" for value in rows[name]]})
    rows = rows.astype(object).where(rows.notna(), "–")
    aligned = ["right" if is_number else "left" for is_number in right]
    return rows.to_markdown(index=False, disable_numparse=True, colalign=aligned)


def escaped(text):
    """`text` on one line, with what Markdown would take for markup made plain."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def results_section(summary):
    """The accuracies, each method a row: on test, and of the same checkpoints on the reviews that chose them."""
    of = ["dataset", "method"]
    test, valid = (summary[summary["split"] == split].set_index(of) for split in ("test", "valid"))
    rows = pd.DataFrame(
        {
            "checkpoint": test["selection"],
            "seeds": test["n_seeds"],
            "on valid": valid["mean"],
            "on test": test["mean"],
            "std (population)": test["std_population"],
            "std (sample)": test["std_sample"],
            "95 % interval": interval(test["ci_low"], test["ci_high"]),
            "one label": test["majority"],
        }
    )
    return [
        "## Accuracy (%)",
        table(rows.reset_index()),
        "The checkpoint of each run was chosen on the validation reviews (best: the highest accuracy; last: the end of "
        "training) and evaluated once on test. The standard deviations and the interval are those on test. On valid a "
        "checkpoint that was chosen there looks better than it is. One label is the accuracy on test of always giving "
        "the most frequent one.",
        *(chance(row) for row in test.reset_index().itertuples() if row.mean <= row.majority or row.p_majority >= 0.05),
        "![Accuracy on test by method](figures/accuracy_by_method.png)",
        "![Confusion matrices](figures/confusion.png)",
    ]


def interval(low, high):
    """The text of each interval of two columns."""
    return [f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True)]


def chance(row):
    """The sentence for a method that may have learned nothing."""
    return (
        f"**{row.method} on {row.dataset} is at chance: it is not shown to do better than one label for all reviews** "
        f"({row.mean:.1f} % against {row.majority:.1f} %, p = {row.p_majority:.2f})."
    )


def spread_section(summary, spread):
    """How sure the accuracies on test are, and what so few seeds can tell."""
    of = ["dataset", "method"]
    test = summary[summary["split"] == "test"].set_index(of)
    found = spread[spread["split"] == "test"].set_index(of)
    rows = pd.DataFrame(
        {
            "error from seeds": found["se_seeds"],
            "from reviews": found["se_reviews"],
            "95 % interval (Student's t)": interval(test["ci_low"], test["ci_high"]),
            "by two-level resampling": interval(found["resampled_low"], found["resampled_high"]),
            "seeds disagree on": found["disagreement_mean"],
            "least": found["disagreement_lowest"],
            "most": found["disagreement_highest"],
        }
    )
    return [
        "## How sure is that?",
        table(rows.reset_index()),
        "The errors are the standard errors, in points, that the choice of the seeds and of the reviews brings into "
        "the mean accuracy on test. The interval by Student's t adds their variances (degrees of freedom by "
        "Satterthwaite); of a method with one seed, it is about that seed alone. Two-level resampling draws seeds and "
        "reviews anew (the pigeonhole bootstrap): a few seeds drawn again differ less than new ones would, so where "
        "the seeds lie far apart it is too narrow, and the other interval is the one to quote. Seeds disagree on this "
        "share (%) of the test reviews: the mean over all pairs of seeds, and the pairs that disagree least and most.",
        how_little(found["n_seeds"].iloc[0]),
    ]


def how_little(n_seeds):
    """What so few seeds can tell of the spread between seeds."""
    if n_seeds < 2:
        return "**One seed tells nothing about other seeds**: every figure here is that of one run."
    low, high = spread_factors(n_seeds)
    return (
        f"**{n_seeds} seeds tell little.** The true standard deviation between seeds may be anything from {low:.1f} to "
        f"{high:.1f} times the sample one (95 %, chi-squared). More seeds are the only remedy: `seeds` in the config."
    )


def verdict(row):
    """One sentence on a comparison of two methods."""
    if row.p_holm < 0.05:
        better, worse = (row.method_a, row.method_b) if row.difference > 0 else (row.method_b, row.method_a)
        return f"{better} is better than {worse}"
    return "no difference shown"


def comparisons_section(comparisons):
    """What can be said of each two methods."""
    if comparisons.empty:
        return []
    rows = pd.DataFrame(
        {
            "dataset": comparisons["dataset"],
            "methods": comparisons["method_a"] + " – " + comparisons["method_b"],
            "difference": [f"{value:+.1f}" for value in comparisons["difference"]],
            "95 % interval": [f"{a:+.1f} to {b:+.1f}" for a, b in zip(comparisons["ci_low"], comparisons["ci_high"])],
            "p (Holm)": [f"{value:.3f}" for value in comparisons["p_holm"]],
            "at the 5 % level": [verdict(row) for row in comparisons.itertuples()],
        }
    )
    return [
        "## Which method is better?",
        table(rows),
        f"Points of test accuracy; {comparisons['test'].iloc[0]}. The p values are corrected by Holm for the number of "
        "comparisons on a dataset, the intervals are not. With few seeds only a large difference can be shown; with "
        "one seed it speaks of these two runs alone, not of the methods.",
    ]


def checks_section(checks, tokens):
    """Sizes of the splits, reviews that stand in two of them, and what the models read of them."""
    shown = ["reviews", "words", "empty", "repeats", "also_in_train", "also_in_valid", "also_in_test"]
    found = checks[checks["check"].isin(shown) | checks["check"].str.startswith("label_")]
    wide = found.pivot(index=["dataset", "split"], columns="check", values="value")
    order = [*sorted(name for name in wide if name.startswith("label_")), *(name for name in shown if name in wide)]
    wide = wide[order].reindex(["train", "valid", "test"], level="split").astype("Int64").reset_index()
    wide.columns = [name.replace("_", " ") for name in wide.columns]
    shared = checks[(checks["split"] == "test") & (checks["check"] == "also_in_train")]
    sentences = [
        f"In {row.dataset}, {row.value} of the test reviews also stand{'s' * (row.value == 1)} in train, to the letter."
        for row in shared.itertuples()
    ]
    return ["## Data", table(wide), *sentences, *(tokens_section(tokens) if tokens is not None else [])]


def tokens_section(tokens):
    """What each fairseq model reads of each split."""
    rows = pd.DataFrame(
        {
            "dataset": tokens["dataset"],
            "model": tokens["model"],
            "split": tokens["split"],
            "tokens": [f"{value:,}" for value in tokens["tokens"]],
            "shortest": tokens["shortest"],
            "median": tokens["median"],
            "longest": tokens["longest"],
            "unknown": [f"{value:.2f} %" for value in tokens["unknown_percent"]],
            "reviews cut": [f"{value:.1f} %" for value in tokens["cut_percent"]],
            "as text": [megabytes(value) for value in tokens["text_bytes"]],
            "binarized": [kilobytes(value) for value in tokens["binarized_bytes"]],
        }
    )
    return [
        table(rows),
        "Tokens as the model reads them: sentencepiece pieces and the two around each review. Unknown is the share of "
        "tokens that are `<unk>`; a review is cut where it has more tokens than the model has positions. The sizes are "
        "those of the pieces as text and of fairseq's `.bin`.",
        "![Lengths of the reviews](figures/lengths.png)",
    ]


def megabytes(value):
    """Bytes as MB, three decimals."""
    return f"{value / 1e6:.3f} MB"


def kilobytes(value):
    """Bytes as kB, one decimal."""
    return f"{value / 1e3:.1f} kB"


def models_section(parameters):
    """Parameters of each fairseq model, counted and by the formula."""
    totals = parameters[parameters["module"] == "total"]
    embeddings = parameters[parameters["module"].str.startswith("embed_")].groupby("model")["parameters"].sum()
    rows = pd.DataFrame(
        {
            "model": totals["model"],
            "parameters (counted)": [f"{value:,}" for value in totals["parameters"]],
            "by the formula": [f"{value:,}" for value in totals["analytic"]],
            "embeddings": [f"{embeddings[row.model] / row.parameters:.1%}" for row in totals.itertuples()],
        }
    )
    return [
        "## Model size",
        table(rows),
        "Without heads. The formula is "
        f"{escaped(totals['formula'].iloc[0].replace('**', '^').replace('*', ' '))}, with D the dimension, F the "
        "feed-forward width, L the layers, T the positions and V the tokens; fairseq keeps T + 2 rows for positions, "
        "since it numbers them from the padding index + 1. Every tensor stands in "
        "[tables/parameters.csv](tables/parameters.csv).",
        "![Parameters by part](figures/parameters.png)",
    ]


def pretraining_section(pretraining):
    """Updates, tokens and held-out perplexity of each model that was pretrained here."""
    found = pretraining[(pretraining["split"] == "valid") & (pretraining["metric"] == "perplexity")]
    first, last = (found.groupby("model", sort=False).nth(index).set_index("model") for index in (0, -1))
    rows = pd.DataFrame(
        {
            "updates": last["step"],
            "tokens": [f"{value:,}" for value in last["step"] * last["tokens_per_step"]],
            "perplexity at first": [f"{row.value:.1f} (update {row.step})" for row in first.itertuples()],
            "perplexity": [f"{value:.1f}" for value in last["value"]],
        }
    )
    return [
        "## Pretraining",
        table(rows.reset_index()),
        "Masked language model from plain text. Tokens are those read, hidden or not, as often as they were. "
        "The perplexity is that of the hidden tokens in lines that were held out.",
        "![Perplexity by step](figures/perplexity.png)",
    ]


def missing(history, summary):
    """A sentence for each method of which a curve was not logged."""
    logged = set(history[["dataset", "method", "split", "metric"]].itertuples(index=False, name=None))
    runs = summary[["dataset", "method"]].drop_duplicates().itertuples(index=False, name=None)
    return [
        f"Of {method} on {dataset} no training loss was logged: training.log_every is longer than its trainings."
        for dataset, method in runs
        if (dataset, method, "train", "loss") not in logged
    ]


def runs_section(history, summary):
    """The curves and the wall time."""
    return [
        "## Training",
        *missing(history, summary),
        "![Validation accuracy by step](figures/validation_accuracy.png)",
        "![Training loss by step](figures/training_loss.png)",
        "![Learning rate by step](figures/learning_rate.png)",
        "![Wall time of one run](figures/wall_time.png)",
    ]


def bloom_answer(sample):
    """The list item of one row of bloom/samples.jsonl."""
    answer = escaped(sample["answer"]) or "(nothing)"
    return f"- *{sample['arm']}, {sample['stage']}* ({ending(sample)}): {answer}"


def bloom_section(bloom):
    """BLOOM's parameters, its metrics before and after training, and its answers."""
    parameters, metrics, samples = (bloom[key] for key in ("parameters", "metrics", "samples"))
    counts = pd.DataFrame(
        [
            {"": stage.replace("_", " "), "trainable": f"{found['trainable']:,}", "all": f"{found['all']:,}"}
            for stage, found in parameters.items()
            if isinstance(found, dict) and "trainable" in found
        ]
    )
    stages = [("base, before", metrics["before"])]
    stages += [(f"{arm}, after", found["after"]) for arm, found in metrics["arms"].items()]
    measured = pd.DataFrame([{"": name, **metrics_row(found)} for name, found in stages])
    changes = [
        f"The arm {arm} was trained on {escaped(found['training']['device'])}"
        + "".join(f"; {escaped(change)}" for change in found["training"]["changes"])
        + "."
        for arm, found in metrics["arms"].items()
    ]
    answers = []
    for question in dict.fromkeys(sample["question"] for sample in samples):
        answers.append(f"**{escaped(question)}**")
        answers.append("\n".join(bloom_answer(sample) for sample in samples if sample["question"] == question))
    return [
        "## BLOOM in 4 bits with LoRA",
        table(counts),
        "![What LoRA trains](figures/bloom_parameters.png)",
        table(measured),
        *changes,
        "![Answers before and after training](figures/bloom_metrics.png)",
        "![Training loss and learning rate](figures/bloom_training.png)",
        "### Answers",
        "Side by side they stand in [bloom/samples.html](bloom/samples.html).",
        *answers,
    ]


def ours(tables, bloom):
    """{key of published.csv: this study's figure as text}; `tables` are those of the study by name, or None."""
    found = {}
    if tables["summary"] is not None:
        test = tables["summary"][tables["summary"]["split"] == "test"].set_index(["dataset", "method"])
        for row in tables["summary"][tables["summary"]["split"] == "valid"].itertuples():
            on_test = test.loc[row.dataset, row.method]
            found[f"accuracy/{row.dataset}/{row.method}/valid"] = (
                f"{row.mean:.1f} ± {row.std_population:.2f}; on test {on_test['mean']:.1f} "
                f"({on_test['ci_low']:.1f} to {on_test['ci_high']:.1f})"
            )
            found[f"wall_time/{row.dataset}/{row.method}"] = "in [tables/runtime.csv](tables/runtime.csv)"
        for row in tables["checks"][tables["checks"]["check"] == "reviews"].itertuples():
            found[f"reviews/{row.dataset}/{row.split}"] = f"{row.value:,}"
    if tables["parameters"] is not None:
        for model, rows in tables["parameters"].set_index("module").groupby("model"):
            tokens, dimension = map(int, rows.loc["embed_tokens.weight", "shape"].split("x"))
            total = rows.loc["total", "parameters"]
            heads = 2 * (dimension**2 + 3 * dimension) + tokens + 2  # of the language model, and of two classes
            found |= {f"parameters/{model}": f"{total:,}", f"parameters/{model}/fine-tuned": f"{total + heads:,}"}
        for row in tables["tokens"].itertuples():
            name = f"{row.dataset}/{row.model}/{row.split}"
            found |= {f"text/{name}": megabytes(row.text_bytes), f"binarized/{name}": kilobytes(row.binarized_bytes)}
    if bloom:
        counts = bloom["parameters"]
        found["bloom/parameters/unquantized"] = f"{counts['unquantized']:,}"
        for stage in ("before_lora", "after_lora"):
            found |= {f"bloom/parameters/{stage}/{key}": f"{counts[stage][key]:,}" for key in ("trainable", "all")}
            found[f"bloom/parameters/{stage}/percent"] = f"{counts[stage]['percent']:.3f} %"
    return found


def published_section(published, found):
    """The published figures beside ours (± is the population standard deviation over the seeds)."""
    figures = published[published["key"] != ""]
    rows = pd.DataFrame(
        {
            "figure": [key.replace("/", ", ").replace("_", " ") for key in figures["key"]],
            "published": figures["published"],
            "here": [found.get(key, "–") for key in figures["key"]],
            "what differs, and why": [escaped(remark) for remark in figures["remark"]],
        }
    )
    remarks = published[published["key"] == ""]["remark"]
    numbered = "\n".join(f"{number}. {escaped(remark)}" for number, remark in enumerate(remarks, start=1))
    return ["## Beside the published report", table(rows), "### What it says, and what holds", numbered]


def inlined(page, folder):
    """HTML of the Markdown `page`; figures, given relative to `folder`, stand inside as data."""

    def inline(match):
        image = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{image}"'

    body = markdown.markdown(page, extensions=["tables"])
    return re.sub(r'src="(figures/[^"]+\.png)"', inline, body)


STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
th, td { border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: left; vertical-align: top; }
img { max-width: 100%; }
blockquote { border-left: 3px solid #ccc; margin-left: 0; padding-left: 1em; color: #444; }
"""


def read(inputs, name):
    """The table `name` among the inputs, or None where the study has none."""
    return read_table(inputs[name]) if inputs.get(name) else None


def read_bloom(inputs):
    """{parameters, metrics, samples} of the BLOOM part, or None where the study has none."""
    if not inputs.get("bloom_parameters"):
        return None
    found = {name: json.loads(Path(inputs[f"bloom_{name}"]).read_text("utf-8")) for name in ("parameters", "metrics")}
    found["samples"] = read_json_lines(inputs.bloom_samples)
    return found


def main(inputs, output, params):
    """Write both pages."""
    tables = {name: read(inputs, name) for name in TABLES}
    summary, bloom = tables["summary"], read_bloom(inputs)
    parts = [f"# {params.study}"]
    if params.remark:
        parts.append(f"> {escaped(params.remark)}")
    if summary is not None:
        parts += results_section(summary) + spread_section(summary, tables["spread"])
        parts += comparisons_section(tables["comparisons"])
    if inputs.get("published"):
        published = pd.read_csv(inputs.published, dtype=str, keep_default_na=False)
        parts += published_section(published, ours(tables, bloom))
    if summary is not None:
        parts += runs_section(tables["history"], summary)
        if tables["pretraining"] is not None:
            parts += pretraining_section(tables["pretraining"])
        if tables["parameters"] is not None:
            parts += models_section(tables["parameters"])
        parts += checks_section(tables["checks"], tables["tokens"])
    if bloom:
        parts += bloom_section(bloom)
    parts.append("Code, config, inputs and versions that this came from: [provenance.json](provenance.json).")
    page = "\n\n".join(parts) + "\n"
    Path(output.page).write_text(page, encoding="utf-8")
    html = (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{params.study}</title><style>{STYLE}</style></head>'
    )
    body = inlined(page, Path(output.page).parent)
    Path(output.html).write_text(f"{html}<body>{body}</body></html>\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params)
