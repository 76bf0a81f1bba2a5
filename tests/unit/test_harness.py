"""The harness cannot change a number: it imports no library, and no digest includes it."""

import ast

import pytest
from conftest import ROOT

HARNESS = sorted((ROOT / "scripts" / "semis" / "harness").glob("*.py"))


def imported(file):
    """Return the top-level names of all modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", HARNESS, ids=lambda file: file.name)
def test_the_harness_imports_no_library_and_no_other_package_of_semis(file):
    for name in imported(file):
        assert not name.startswith("semis") or name.startswith("semis.harness"), name
        assert name.split(".")[0] not in ("torch", "numpy", "pandas", "fairseq", "transformers"), name
