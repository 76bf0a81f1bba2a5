"""The registry of tables: inputs and settings of each table, and the studies that have it.

Snakemake's own Python imports this module, so it imports no pandas. The script scripts/table_<name>.py makes the table.
If a table only stacks others with the same columns, scripts/table_stack.py makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semis.study.plan import Study

Inputs = dict[str, str | list[str]]
Rows = Callable[[Study], list[dict[str, Any]]]
STAGES = ["finetune", "evaluate"]
RUN = "{results}/runs/{dataset}/{method}/seed{seed}"


def has_methods(study: Study) -> bool:
    """Say whether the study compares methods of fine-tuning."""
    return bool(study.runs)


@dataclass(frozen=True)
class Table:
    """A table: its inputs by name, the settings of its script, and whether a study has it."""

    inputs: Callable[[Study], Inputs]
    settings: Callable[[Study], dict[str, Any]] = lambda study: {}
    applies: Callable[[Study], bool] = has_methods
    stacked: bool = False


def filled(pattern: str, study: Study, rows: list[dict[str, Any]]) -> list[str]:
    """Return a path for each of the `rows`: the pattern, filled in with the row's values."""
    return [pattern.format(results=study.results, **row) for row in rows]


def of_runs(name: str, file: str, settings: Callable[[Study], dict[str, Any]] = lambda study: {}) -> Table:
    """Return a table that reads one file of each run; the rule and the script call this input `name`."""
    return Table(lambda study: {name: filled(f"{RUN}/{file}", study, study.runs)}, settings)


def stack(pattern: str, rows: Rows, applies: Callable[[Study], bool] = has_methods) -> Table:
    """Return a table that stacks the tables at `pattern`, one for each row; the row's columns come first."""

    def there(study: Study) -> list[dict[str, Any]]:
        return [row for row in rows(study) if study.has(pattern.format(results=study.results, **row))]

    return Table(
        lambda study: {"tables": filled(pattern, study, there(study))},
        lambda study: {"rows": there(study)},
        lambda study: applies(study) and bool(there(study)),
        stacked=True,
    )


def runs(study: Study) -> dict[str, Any]:
    """Return the settings {runs}: the run of each input."""
    return {"runs": study.runs}


def runs_and_labels(study: Study) -> dict[str, Any]:
    """Return the settings {runs, labels}: the run of each input, and each dataset's labels in order of the classes."""
    return runs(study) | {"labels": {name: dataset["labels"] for name, dataset in study.datasets.items()}}


def qlora_methods(study: Study) -> list[str]:
    """Return the methods of the language-model part in the config's order; an empty list without that part."""
    return list(study.qlora["methods"]) if study.qlora else []


def benchmarks(study: Study) -> Inputs:
    """Return the inputs {benchmarks}: Snakemake's benchmark files of all runs, stage by stage."""
    pattern = "{results}/benchmarks/{stage}/{dataset}/{method}/seed{seed}.tsv"
    return {"benchmarks": filled(pattern, study, [{**run, "stage": stage} for stage in STAGES for run in study.runs])}


def summary_inputs(study: Study) -> Inputs:
    """Return the inputs {metrics, predictions}: the table of metrics, and the predictions of all runs."""
    return {"metrics": table_file(study, "metrics"), **TABLES["comparisons"].inputs(study)}


def pretrainings(study: Study) -> list[dict[str, Any]]:
    """Return a row for each pretrained model: {model, tokens_per_step}, the tokens that an update reads."""
    models = {name: study.models[name] for name in study.models_pretrained}
    return [
        {"model": name, "tokens_per_step": model["pretraining"]["batch_size"] * model["positions"]}
        for name, model in models.items()
    ]


TABLES = {
    "metrics": of_runs("metrics", "metrics.json", runs),
    "summary": Table(summary_inputs, runs),
    "comparisons": of_runs("predictions", "predictions.csv", runs),
    "spread": of_runs("predictions", "predictions.csv", runs),
    "confusion": of_runs("predictions", "predictions.csv", runs_and_labels),
    "runtime": Table(benchmarks, lambda study: runs(study) | {"stages": STAGES}),
    "history": stack(f"{RUN}/history.csv", lambda study: study.runs),
    "datasets": stack(
        "{results}/data/{dataset}/description.csv", lambda study: [{"dataset": name} for name in study.datasets]
    ),
    "tokens": stack(
        "{results}/data/{dataset}/tokens/{model}/counts.csv",
        lambda study: study.tokenized,
        lambda study: bool(study.models_sized),
    ),
    "parameters": stack(
        "{results}/models/{model}.parameters.csv",
        lambda study: [{"model": name} for name in study.models_sized],
        lambda study: bool(study.models_sized),
    ),
    "pretraining": stack(
        "{results}/pretraining/{model}/history.csv", pretrainings, lambda study: bool(study.models_pretrained)
    ),
    "qlora_history": stack(
        "{results}/qlora/{method}/history.csv",
        lambda study: [{"method": name} for name in qlora_methods(study)],
        lambda study: study.qlora is not None,
    ),
}


def table_file(study: Study, name: str) -> str:
    """Return the path of a table."""
    return f"{study.shown}/tables/{name}.csv"


def tables_of(study: Study, stacked: bool | None = None) -> list[str]:
    """Return the names of the study's tables: all, or only those with this value of `stacked`."""
    wanted = (True, False) if stacked is None else (stacked,)
    return [name for name, table in TABLES.items() if table.applies(study) and table.stacked in wanted]


def table_targets(study: Study) -> list[str]:
    """Return the paths of all tables of the study."""
    return [table_file(study, name) for name in tables_of(study)]
