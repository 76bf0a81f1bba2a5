"""The pages of a study: inputs and settings of the summary, and the paths of all pages."""

from typing import Any

from semis.study.figures import figure_file, figures_of
from semis.study.plan import Study
from semis.study.tables import table_targets

QLORA = ["parameters.json", "metrics.json", "samples.jsonl"]


def summary_inputs(study: Study) -> dict[str, list[str]]:
    """Return the inputs of the summary: all tables and figures, the language-model part, and the published table."""
    return {
        "tables": table_targets(study),
        "figures": [figure_file(study, name, "png") for name in figures_of(study)],
        "qlora": [f"{study.results}/qlora/{name}" for name in QLORA] if study.qlora else [],
        "published": [study.config["published"]] if "published" in study.config else [],
    }


def summary_settings(study: Study) -> dict[str, Any]:
    """Return the settings of the summary.

    They are the study's name and remark, [category, name, label] of each figure, and what is missing: a list if the
    page shows only the finished runs, else None.
    """
    figures = [[figure.category, name, figure.label] for name, figure in figures_of(study).items()]
    return {"study": study.name, "remark": study.config["remark"], "figures": figures, "missing": study.missing}


def page_targets(study: Study) -> list[str]:
    """Return the paths of the summary and of the page of parameters, which a study with fairseq models has."""
    parameters = [f"{study.results}/tables/parameters.html"] if study.models_sized else []
    return [f"{study.shown}/summary.md", *parameters]
