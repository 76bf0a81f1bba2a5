"""Finds out whether transformers failed because a Python package is missing; then the model may be complete."""

import re

from semis.harness.errors import UserError

# As transformers words it, the surest first.
SAID = (
    r"pip3? install `?(?!git\+|transformers)([a-zA-Z][\w.-]*)",
    r"need to install ([a-z][\w.-]*)",
    r"The (\w+) dictionary is not installed",
)


def missing_package(error: BaseException) -> str | None:
    """Return the name of the Python package whose absence caused an exception, or None if nothing says so.

    The module that Python did not find is the true cause; transformers may name the package that would have used it.
    """
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__ or at.__context__
    absent = [one.name for one in chain if isinstance(one, ModuleNotFoundError) and one.name]
    if absent:
        name = absent[-1].partition(".")[0]
        return None if name in ("transformers", "semis") else name
    said = [str(one) for one in chain if isinstance(one, ImportError) or "pip install" in str(one)]
    found = (match for text in said for pattern in SAID if (match := re.search(pattern, text)))
    return next((match[1] for match in found), None)


def check_packages(folder: str, error: BaseException, environment: str) -> None:
    """Raise UserError if an exception says that a package is missing in envs/`environment`.yaml."""
    if package := missing_package(error):
        raise UserError(
            f"{folder}: transformers needs the Python package {package} for this model, and envs/{environment}.yaml "
            "lacks it; add it to the pip list of that file, and the next run builds the environment with it."
        ) from error
