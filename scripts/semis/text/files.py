"""Reads lines and JSON from files that the workflow itself has written."""

import json
from pathlib import Path
from typing import Any


def read_lines(path: str | Path) -> list[str]:
    """Return the lines of a UTF-8 file. Only LF ends a line, since a review or an answer may contain other breaks."""
    with open(path, encoding="utf-8", newline="\n") as stream:
        return [line.removesuffix("\n") for line in stream]


def read_json(path: str | Path) -> Any:
    """Return the contents of a JSON file."""
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def read_json_lines(path: str | Path) -> list[Any]:
    """Return the values in a file of JSON lines."""
    return [json.loads(line) for line in read_lines(path) if line]
