"""Write the model card of an arm: from which data and with which settings it was trained, and what was measured."""

import json
from pathlib import Path

from semis.harness.errors import redacted
from semis.harness.job import job
from semis.qlora.answers import metrics_row

CARD = """\
---
base_model: {base}
---

# {base}: answers to questions, arm {arm}

LoRA weights that Semis trained over the base model in NF4.

## Data

- base model: {model}
- questions and answers: {faq}
- pairs in training: {pairs}, of which {cut} were cut at {longest} tokens
- pairs held out to be measured: {holdout}{seen}

## Metrics

{metrics}

## Settings

{settings}

## Versions

{versions}
"""


def origin(source):
    """A source of the config as text; a model without one was built by the workflow."""
    keys = [key for key in ("hub", "url", "path", "file") if key in source]
    keys += ["revision"] * ("hub" in source)
    return redacted(", ".join(f"{key} {source[key]}" for key in keys)) or "built by the workflow from plain text"


def table(head, rows):
    """A Markdown table."""
    lines = [" | ".join(str(cell) for cell in row) for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(f"| {line} |" for line in lines)


def card(arm, metrics, params):
    """The text of the card of this arm, from bloom/metrics.json and the rule's params."""
    found = metrics["arms"][arm]
    training = found["training"]
    before, after = metrics_row(metrics["before"]), metrics_row(found["after"])
    settings = {"prompt": params.prompt}
    for part in ("lora", "training", "sampling"):
        settings |= {f"{part}: {key}": value for key, value in params[part].items()}
    settings["lora: target_modules"] = ", ".join(params.lora["target_modules"])
    settings |= {key: training[key] for key in ("device", "dtype", "threads")}
    settings["unlike the report"] = "; ".join(training["changes"]) or "nothing"
    return CARD.format(
        arm=arm,
        base=params.base,
        model=origin(params.model),
        faq=origin(params.faq),
        pairs=training["pairs"],
        cut=training["pairs_cut"],
        longest=params.training["max_length"],
        holdout=metrics["before"]["holdout"]["pairs"],
        seen=" (this arm was trained on them too)" * found["trained_on_holdout"],
        metrics=table(["", "before", "after"], [[name, before[name], after[name]] for name in before]),
        settings=table(["setting", "value"], settings.items()),
        versions=table(["package", "version"], training["versions"].items()),
    )


if __name__ == "__main__":
    with job(snakemake):
        metrics = json.loads(Path(snakemake.input.metrics).read_text(encoding="utf-8"))
        text = card(snakemake.wildcards.arm, metrics, snakemake.params)
        Path(snakemake.output[0]).write_text(text, encoding="utf-8")
