"""Finds out whether transformers failed because a Python package is missing, which is no fault of the model."""

import re

from semis.harness.errors import UserError

NAMED = re.compile(r"(?:pip3? install|You need to install|requires the|`?import`?)\s+`?([A-Za-z][\w.-]*)`?")


def missing_package(error: BaseException) -> str | None:
    """Return the name of the Python package whose absence caused an exception, or None if nothing says so."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        if isinstance(at, ModuleNotFoundError) and at.name:
            return at.name.partition(".")[0]
        if isinstance(at, ImportError) or "pip install" in str(at):
            found = NAMED.search(str(at))
            if found:
                return found[1].rstrip(".")
        at = at.__cause__ or at.__context__
    return None


def check_packages(folder: str, error: BaseException, environment: str) -> None:
    """Raise UserError if an exception says that a package is missing in envs/`environment`.yaml."""
    if package := missing_package(error):
        raise UserError(
            f"{folder}: transformers needs the Python package {package} for this model, and envs/{environment}.yaml "
            "lacks it; add it to the pip list of that file, and the next run builds the environment with it."
        ) from error
