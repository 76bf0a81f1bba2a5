"""Reading the tables, lines and JSON that the workflow writes; names and labels stay text, whatever they look like."""

import json

import pandas as pd

NAMES = ["dataset", "method", "model", "arm", "split", "label", "prediction", "check", "module"]


def read_table(path):
    """A CSV as a DataFrame: a method called 2024 or a label called None is text, and only an empty cell is missing."""
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])


def read_lines(path):
    """The lines of a UTF-8 file; only LF ends a line, since a review or an answer may hold other breaks."""
    with open(path, encoding="utf-8", newline="\n") as stream:
        return [line.removesuffix("\n") for line in stream]


def read_json(path):
    """The contents of a JSON file."""
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def read_json_lines(path):
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in read_lines(path) if line]
