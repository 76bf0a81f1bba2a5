"""Reading the tables and JSON lines that the workflow writes; names and labels stay text, whatever they look like."""

import json
from pathlib import Path

import pandas as pd

NAMES = ["dataset", "method", "model", "arm", "split", "label", "prediction", "check", "module"]


def read_table(path):
    """A CSV as a DataFrame: a method called 2024 or a label called None is text, and only an empty cell is missing."""
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])


def read_json_lines(path):
    """The objects of a file of JSON lines; only LF ends a line, since an answer may hold other breaks."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
