"""Recognises a results folder of another version of Semis, so that this version does not mix its files with them."""

import json
from pathlib import Path

from semis.harness.errors import UserError

LAYOUT = 2  # increase it when files below results/ change their names or meaning
PARTS = ("bloom", "data", "figures", "models", "pretraining", "qlora", "runs", "tables")


def check_layout(results: Path) -> None:
    """Raise UserError if a study's folder holds results of another version. Changes nothing."""
    found = _layout(results)
    if found != LAYOUT and any((results / part).exists() for part in PARTS):
        version = "an older version" if found < LAYOUT else "a newer version"
        raise UserError(
            f"{results} holds a study of {version} of Semis, which this one would overwrite; give `study` in the "
            f"config another name, or move {results} to another place."
        )


def write_layout(results: Path) -> None:
    """Record this version's layout in a study's folder."""
    results.mkdir(parents=True, exist_ok=True)
    if _layout(results) != LAYOUT:
        (results / "layout.json").write_text(json.dumps({"layout": LAYOUT}) + "\n", encoding="utf-8")


def _layout(results: Path) -> int:
    """Return the layout that is recorded in the folder, or 0."""
    try:
        return int(json.loads((results / "layout.json").read_text(encoding="utf-8"))["layout"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0
