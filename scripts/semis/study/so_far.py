"""The finished part of a study: tables, figures and summary of the runs that are there, in a folder of their own."""

import os
import sys
from collections.abc import Sequence

from semis.study.figures import figure_targets
from semis.study.pages import page_targets
from semis.study.plan import Study
from semis.study.tables import table_targets

FOLDER = "so_far"


class SoFar(Study):
    """A study reduced to its `runs` that are finished. What is shown of it is not the result of the study.

    Methods keep their places in the config, and so their colours. Of the other results, those count that exist.
    """

    def __init__(self, study: Study, runs: Sequence[dict]) -> None:
        super().__init__(study.config)
        self.shown = f"{self.results}/{FOLDER}"
        self.runs = list(runs)
        missing = [run for run in study.runs if run not in self.runs]
        self.missing = [f"{run['method']} on {run['dataset']} with seed {run['seed']}" for run in missing]
        self.missing += ["the language-model part"] if study.qlora else []
        used = {run["dataset"] for run in self.runs}
        self.datasets = {name: dataset for name, dataset in study.datasets.items() if name in used}
        self.qlora = None

    def has(self, path: str) -> bool:
        """Say whether a file of the study is there."""
        return os.path.exists(path)

    def targets(self) -> list[str]:
        """Return the paths of its tables, figures and summary. Exits with a sentence if no run is finished."""
        if not self.runs:
            sys.exit(
                f"Semis: no classifier of {self.results} is finished with the settings and code of today; run "
                "`snakemake` first, with --keep-going if one of the methods fails."
            )
        return [*table_targets(self), *figure_targets(self), page_targets(self)[0]]
