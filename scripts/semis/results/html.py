"""Writes HTML: the head that all pages share, and tables."""

import html
from collections.abc import Iterable

from semis.results.markup import REORDERS, entity, shown

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
th, td { border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: left; vertical-align: top; }
img { max-width: 100%; }
blockquote { border-left: 3px solid #ccc; margin-left: 0; padding-left: 1em; color: #444; }
"""
# A second fence behind the escaping: a page runs no script and loads nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Html(str):
    """HTML that is safe, since we wrote it or `escaped` made it."""


def escaped(text: object) -> Html:
    """Return `text` for HTML, as the content of an element or as an attribute's value in quotes."""
    return Html(REORDERS.sub(entity, html.escape(shown(text))))


def page(title: str, body: str, style: str = "") -> str:
    """Return a complete page; `title` is text, `body` is HTML, and `style` extends the style that all pages share."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    head = f'<meta charset="utf-8">{policy}<title>{escaped(title)}</title><style>{STYLE}{style}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return an HTML table. Its cells are text, which is escaped, unless they are `Html`."""
    lines = [_row("th", head), *(_row("td", row) for row in rows)]
    return "\n".join(["<table>", *lines, "</table>"])


def _row(tag: str, cells: Iterable[object]) -> str:
    made = (cell if isinstance(cell, Html) else escaped(cell) for cell in cells)
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in made)}</tr>"
