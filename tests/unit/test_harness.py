"""The harness cannot change a number: it imports no library, and no digest includes it."""

import ast
import os
import stat

from semis.harness.permissions import follow_umask

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


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o002, 0o664, 0o775), (0o077, 0o600, 0o700)]
)
def test_a_private_file_gets_the_permissions_of_the_umask(tmp_path, umask, file, folder):
    """As after tempfile's functions, with which safetensors writes."""
    inner = tmp_path / "folder"
    inner.mkdir(mode=0o700)
    private, program = inner / "model.safetensors", inner / "program"
    for path, mode in ((private, 0o600), (program, 0o700)):
        path.touch()
        path.chmod(mode)
    (inner / "link").symlink_to("/etc/passwd")
    before = os.umask(umask)
    try:
        follow_umask([inner, tmp_path / "missing"])
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (private, inner)]
    assert modes == [file, folder]
    assert os.access(program, os.X_OK)
