"""Writes Markdown: tables, and text with its markup characters escaped."""

import re
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from tabulate import tabulate

SPECIAL = re.compile(r"([\\`*_|<\[\]])")
MISSING = "–"


def escaped(text: object) -> str:
    """Return `text` on one line, with Markdown's markup characters escaped."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table.

    Fractions get one decimal, columns of numbers are aligned to the right, and None and NaN become a dash.
    """
    columns = list(zip(*rows)) or [()] * len(head)
    right = [
        any(isinstance(v, Real) for v in column) and not any(isinstance(v, str) for v in column) for column in columns
    ]
    cells = list(zip(*(map(_cell, column) for column in columns)))
    aligned = ["right" if numbers else "left" for numbers in right]
    return tabulate(cells, head, "pipe", disable_numparse=True, colalign=aligned if cells else None)


def records(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table of mappings with the same keys; the keys become its head."""
    return table(list(rows[0]), [list(row.values()) for row in rows])


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return MISSING
    return f"{value:.1f}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
