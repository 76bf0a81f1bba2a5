"""Reads the lines and the JSON that the workflow itself writes."""

import json
from pathlib import Path
from typing import Any


def read_lines(path: str | Path) -> list[str]:
    """Return the lines of a UTF-8 file; only LF ends a line, since a review or an answer may hold other breaks."""
    with open(path, encoding="utf-8", newline="\n") as stream:
        return [line.removesuffix("\n") for line in stream]


def read_json(path: str | Path) -> Any:
    """Return the contents of a JSON file."""
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def read_json_lines(path: str | Path) -> list[Any]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in read_lines(path) if line]
