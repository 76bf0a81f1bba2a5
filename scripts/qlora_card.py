"""Write the model card of a method: its data, its settings and its metrics."""

from pathlib import Path
from typing import Any

from semis.harness.errors import redacted
from semis.harness.job import job
from semis.qlora.answers import metrics_row, said
from semis.results.markdown_tables import table
from semis.results.markup import escaped, quoted
from semis.text.files import read_json

CARD = """\
---
base_model: {quoted}
---

# {base}: answers to questions, method {method}

LoRA weights that Semis trained over the base model in NF4.

## Data

- base model: {model}
- questions and answers: {data}
- pairs in training: {pairs} ({cut} of them truncated to {longest} tokens, {without} with nothing of the answer left)
- pairs held out for measuring: {holdout}{seen}

## Metrics

{metrics}

## Settings

{settings}

## Versions

{versions}
"""


def origin(source: dict[str, str]) -> str:
    """Return a source of the config as text; a model without a source was built by the workflow."""
    keys: list[str] = [key for key in ("hub", "url", "path", "file") if key in source]
    keys += ["revision"] * ("hub" in source)
    return redacted(", ".join(f"{key} {source[key]}" for key in keys)) or "built by the workflow from plain text"


def used_settings(settings: dict[str, Any], training: dict[str, Any]) -> dict[str, str]:
    """Return {setting: value as text} for the card, from the rule's settings and the run's training.json."""
    found = {"recipe": settings["recipe"], "prompt": settings["prompt"]}
    for part in ("lora", "training", "sampling"):
        found |= {f"{part}: {key}": value for key, value in settings[part].items()}
    found["lora: target_modules"] = f"{', '.join(training['target_modules'])} ({training['adapted_layers']} layers)"
    found |= {key: training[key] for key in ("device", "dtype", "threads")}
    found["weights stored in"] = ", ".join(training["stored"])
    found["ignored of the model's folder"] = said(training["ignored"]) or "nothing"
    found |= {"end of an answer": training["end_of_answer"]}
    found |= {"date in the chat template": training["template_date"]} if training["template_date"] else {}
    found["unlike the report"] = "; ".join(training["changes"]) or "nothing"
    return {key: str(value) for key, value in found.items()}


def card(method: str, metrics: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return the text of the method's card, from qlora/metrics.json and the rule's settings."""
    found = metrics["methods"][method]
    training = found["training"]
    before, after = metrics_row(metrics["before"]), metrics_row(found["after"])
    return CARD.format(
        method=escaped(method),
        quoted=quoted(settings["base"]),
        base=escaped(settings["base"]),
        model=escaped(origin(settings["model"])),
        data=escaped(origin(settings["data"])),
        pairs=training["pairs"],
        cut=training["pairs_cut"],
        without=training["pairs_without_answer"],
        longest=settings["training"]["max_length"],
        holdout=metrics["before"]["holdout"]["pairs"],
        seen=" (this method was trained on them too)" * found["trained_on_holdout"],
        metrics=table(["", "before", "after"], [[name, before[name], after[name]] for name in before]),
        settings=table(["setting", "value"], used_settings(settings, training).items()),
        versions=table(["package", "version"], training["versions"].items()),
    )


if __name__ == "__main__":
    with job(snakemake):
        metrics = read_json(snakemake.input.metrics)
        text = card(snakemake.wildcards.method, metrics, snakemake.params.recipe["settings"])
        Path(snakemake.output[0]).write_text(text, encoding="utf-8")
