"""The only module that uses Snakemake's undocumented internals; tested with the version below."""

import errno
import os
import sys
import traceback
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from semis.machine.devices import visible
from semis.study.config import resolve
from semis.study.config_text import check_text

import yaml
from packaging.version import Version
from snakemake import __version__ as snakemake_version
from snakemake.deployment import conda
from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged
from snakemake.utils import update_config

TESTED = "9.27.1"
GPUS = "SEMIS_GPUS"


class Internals:
    """Answers Semis's questions about a running Snakemake, from its `workflow` object."""

    def __init__(self, workflow: Any) -> None:
        self.workflow = workflow
        if self.is_main:
            _explain_unwritable_prefix()
        if self.is_main and Version(snakemake_version) > Version(TESTED):
            print(
                f"Semis: Snakemake {snakemake_version} is newer than {TESTED}, with which Semis was tested; if "
                f"something fails, install snakemake=={TESTED}.",
                file=sys.stderr,
            )

    @property
    def is_main(self) -> bool:
        """Whether this is the process that plans and schedules; each other process runs one job."""
        return self.workflow.is_main_process

    @property
    def is_module(self) -> bool:
        """Whether another workflow takes this one in as a module; then the handlers of this one are never called."""
        return not self.workflow.modifier.is_main_snakefile()

    def check_config(self, config: dict, schema: Path) -> None:
        """Check `config` and fill in its defaults, in place. Raises UserError for the first problem."""
        files = [os.path.relpath(file) for file in self.workflow.configfiles]
        name = ", ".join(files) or "config"
        if self.workflow.config_settings.config:
            name += " and --config"
        for file in [] if self.is_module else files:
            check_text(file, Path(file).read_text(encoding="utf-8"))
        self._read_as_yaml(config)
        resolve(config, str(schema), name, self.gpus)

    def _read_as_yaml(self, config: dict) -> None:
        """Read the lists and mappings of --config again: Snakemake reads everything in them as text, so 1 as "1"."""
        given = self.workflow.config_settings
        for entry in given.config_args or []:
            key, _, text = entry.partition("=")
            if isinstance(given.config.get(key), list | dict):
                check_text(f"--config {entry}", text)
                update_config(config, {key: yaml.safe_load(text)})

    @cached_property
    def gpus(self) -> int:
        """What gpus: auto means: 1 if jobs run on this machine and it has a GPU, else 0.

        A job reads it from the process that planned it, since its own machine may be another one.
        """
        if self.is_main:
            os.environ[GPUS] = str(int(self._is_local and bool(visible())))
        return int(os.environ.get(GPUS, 0))

    @property
    def _is_local(self) -> bool:
        """Whether jobs run on this machine. Snakemake tells its workflow only later, so its own caller is asked."""
        for frame, _ in traceback.walk_stack(None):
            if frame.f_code.co_name == "args_to_api":
                return frame.f_locals["args"].executor in (None, "local")
        return self.workflow.resource_settings.nodes is None

    @property
    def cores(self) -> int:
        """The number of cores that this run may use."""
        return self.workflow.cores

    @property
    def snakefile(self) -> str:
        """The path of the main Snakefile."""
        return self.workflow.main_snakefile

    @property
    def environments_folder(self) -> str:
        """The folder in which Snakemake makes environments."""
        return str(self.workflow.deployment_settings.conda_prefix or ".snakemake/conda")

    @property
    def deployment(self) -> list[str]:
        """The methods by which this run sets up the software of its rules, such as conda."""
        return sorted(str(method) for method in self.workflow.deployment_settings.deployment_method)

    @property
    def touches(self) -> bool:
        """Whether this run only marks results as new (--touch)."""
        return self.workflow.touch

    @property
    def targets(self) -> set[str]:
        """The targets that this run was asked for."""
        return set(self.workflow.dag_settings.targets)

    @property
    def is_whole(self) -> bool:
        """Whether this run was asked for the whole study."""
        asked = self.workflow.dag_settings
        parted = asked.until or asked.omit_from or asked.batch or asked.allowed_rules
        return not parted and (not asked.targets or "all" in asked.targets)

    def recipes(self, due: bool = False) -> Iterable[tuple[str, str, dict]]:
        """Yield (rule, path of the recorded recipe, planned recipe) of each job that records its recipe.

        With `due`, yield only the jobs of this run.
        """
        dag = self.workflow.dag
        for job in dag.needrun_jobs(exclude_finished=False) if due else dag.jobs:
            if path := job.output.get("recipe"):
                yield job.rule.name, str(path), job.params.recipe

    def unmade(self) -> list[str]:
        """Return the files that this run should have made and has not: those of jobs that failed or were not reached.

        Temporary files are left out.
        """
        jobs = self.workflow.dag.needrun_jobs()
        return sorted(str(path) for job in jobs for path in job.output if not is_flagged(path, "temp"))

    def environments(self) -> dict[str, str]:
        """Return {name: folder} of the environments of this run's rules."""
        found = self.workflow.dag.conda_envs.values()
        return {Path(env.file.get_path_or_uri(secret_free=True)).stem: env.address for env in found}


def _explain_unwritable_prefix() -> None:
    """Make Snakemake give one sentence if it cannot write an environment; it would end with a traceback."""
    make = conda.Env.create
    if make.__module__ != conda.__name__:  # this workflow is a module of another one, which includes it twice
        return

    def create(env: Any, *args: Any, **options: Any) -> Any:
        try:
            return make(env, *args, **options)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not error.filename:
                raise
            raise WorkflowError(
                f"Semis: the environment {Path(str(env.file)).stem} is missing, and it cannot be made in "
                f"{os.path.dirname(error.filename)} ({error.strerror}); run `snakemake --conda-create-envs-only` where "
                "this folder can be written, or give another --conda-prefix."
            ) from None

    conda.Env.create = create
