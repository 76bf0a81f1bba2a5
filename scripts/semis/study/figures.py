"""The registry of figures: inputs, settings, section and title of each figure, and the studies that have it.

Snakemake's own Python imports this module, so it imports no matplotlib. The script scripts/plot_<name>.py draws the
figure, and report/<name>.rst holds its caption.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semis.study.plan import Study
from semis.study.tables import RUN, TABLES, Inputs, filled, has_methods, qlora_methods, table_file

LENGTHS = "{results}/data/{dataset}/tokens/{model}/lengths.csv"


@dataclass(frozen=True)
class Figure:
    """A figure: its title, its section in report and summary, its inputs and settings, and whether a study has it."""

    label: str
    category: str
    inputs: Callable[[Study], Inputs]
    settings: Callable[[Study], dict[str, Any]] = lambda study: {}
    applies: Callable[[Study], bool] = has_methods


def of_tables(*names: str) -> Callable[[Study], Inputs]:
    """Return the inputs function of a figure of tables; the script calls each input by the name of its table."""
    return lambda study: {name: table_file(study, name) for name in names}


def of_qlora(name: str) -> Callable[[Study], Inputs]:
    """Return the inputs function of a figure of one JSON file of the language-model part."""
    return lambda study: {name: f"{study.results}/qlora/{name}.json"}


def methods(study: Study) -> dict[str, Any]:
    """Return the settings {methods}: all methods in the config's order, which decides their colours."""
    return {"methods": list(study.methods)}


def methods_of_qlora(study: Study) -> dict[str, Any]:
    """Return the settings {methods}: all methods of the language-model part in the config's order."""
    return {"methods": qlora_methods(study)}


def has_qlora(study: Study) -> bool:
    """Say whether the study has a language-model part."""
    return study.qlora is not None


def history_and_metrics(study: Study) -> Inputs:
    """Return the inputs {history, metrics}: the history of all runs, and the metrics.json of each run."""
    return {"history": table_file(study, "history"), "metrics": filled(f"{RUN}/metrics.json", study, study.runs)}


def lengths(study: Study) -> Inputs:
    """Return the inputs {lengths}: for each dataset and fairseq model, the lengths of the reviews in tokens."""
    return {"lengths": filled(LENGTHS, study, tokenized(study))}


def tokenized(study: Study) -> list[dict[str, Any]]:
    """Return {dataset, model} of each input of `lengths`."""
    return [of for of in study.tokenized if study.has(LENGTHS.format(results=study.results, **of))]


def positions(study: Study) -> dict[str, Any]:
    """Return the settings {of}: dataset, model and positions of each input of `lengths`."""
    return {"of": [{**of, "positions": study.models[of["model"]]["positions"]} for of in tokenized(study)]}


FIGURES = {
    "metric_by_method": Figure("results on test by method", "Results", of_tables("metrics", "summary"), methods),
    "confusion": Figure("confusion matrices", "Results", of_tables("confusion")),
    "validation_accuracy": Figure(
        "validation accuracy by step", "Training", history_and_metrics, lambda study: {"seeds": study.seeds}
    ),
    "training_loss": Figure("training loss by step", "Training", of_tables("history"), methods),
    "learning_rate": Figure("learning rate by step", "Training", of_tables("history"), methods),
    "wall_time": Figure("wall time by method", "Training", of_tables("runtime")),
    "perplexity": Figure(
        "perplexity of the pretraining",
        "Pretraining",
        of_tables("pretraining"),
        applies=TABLES["pretraining"].applies,
    ),
    "parameters": Figure("parameters by part", "Models", of_tables("parameters"), applies=TABLES["parameters"].applies),
    "lengths": Figure(
        "lengths of the reviews", "Data", lengths, positions, applies=lambda study: bool(tokenized(study))
    ),
    "qlora_parameters": Figure("what LoRA trains", "Language model", of_qlora("parameters"), applies=has_qlora),
    "qlora_metrics": Figure(
        "answers before and after training", "Language model", of_qlora("metrics"), methods_of_qlora, has_qlora
    ),
    "qlora_training": Figure(
        "training loss and learning rate by step",
        "Language model",
        of_tables("qlora_history"),
        methods_of_qlora,
        has_qlora,
    ),
}


def figure_file(study: Study, name: str, kind: str) -> str:
    """Return the path of a figure; `kind` is svg or png."""
    return f"{study.shown}/figures/{name}.{kind}"


def figures_of(study: Study) -> dict[str, Figure]:
    """Return the figures that the study has, by name."""
    return {name: figure for name, figure in FIGURES.items() if figure.applies(study)}


def figure_targets(study: Study) -> list[str]:
    """Return the paths of all figures of the study."""
    return [figure_file(study, name, kind) for name in figures_of(study) for kind in ("svg", "png")]
