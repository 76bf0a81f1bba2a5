"""Markdown: tables, and the escape of text that would be read as markup."""

import re
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

SPECIAL = re.compile(r"([\\`*_|<\[\]])")
MISSING = "–"


def escaped(text: object) -> str:
    """Return `text` on one line, with the characters escaped that Markdown would read as markup."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table.

    Fractions get one decimal, columns of numbers are aligned to the right, and None and NaN become a dash.
    """
    columns = list(zip(*rows)) or [()] * len(head)
    texts = [[name, *map(_cell, column)] for name, column in zip(head, columns, strict=True)]
    widths = [max(3, *map(len, column)) for column in texts]
    right = [
        any(isinstance(v, Real) for v in column) and not any(isinstance(v, str) for v in column) for column in columns
    ]
    rule = ["-" * (width - 1) + ":" if r else ":" + "-" * (width - 1) for width, r in zip(widths, right)]
    first, *others = [[v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, right)] for row in zip(*texts)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [first, rule, *others])


def records(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table of mappings with the same keys, which become its head."""
    return table(list(rows[0]), [list(row.values()) for row in rows])


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return MISSING
    return f"{value:.1f}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
