"""Writes Markdown tables. Their cells are text, which is made safe, unless they are `Markdown` that we wrote."""

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from semis.results.markup import Markdown, escaped

from tabulate import tabulate

MISSING = "–"


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
    return tabulate(cells, [*map(_cell, head)], "pipe", disable_numparse=True, colalign=aligned if cells else None)


def records(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table of mappings with the same keys; the keys become its head."""
    return table(list(rows[0]), [list(row.values()) for row in rows])


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return MISSING
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{value:.1f}"
    return str(value) if isinstance(value, Markdown) else escaped(value)
