"""Writes HTML: the head that all pages share, and tables."""

import html
from collections.abc import Iterable

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
th, td { border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: left; vertical-align: top; }
img { max-width: 100%; }
blockquote { border-left: 3px solid #ccc; margin-left: 0; padding-left: 1em; color: #444; }
"""


def escaped(text: object) -> str:
    """Return `text` with HTML's markup characters escaped."""
    return html.escape(str(text))


def page(title: str, body: str, style: str = "") -> str:
    """Return a complete page; `title` is text, `body` is HTML, and `style` extends the style that all pages share."""
    head = f'<meta charset="utf-8"><title>{escaped(title)}</title><style>{STYLE}{style}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return an HTML table; the cells are HTML already."""
    lines = [_row("th", head), *(_row("td", row) for row in rows)]
    return "\n".join(["<table>", *lines, "</table>"])


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"
