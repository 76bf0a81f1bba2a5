"""Makes text that is not ours safe for pages: names, labels, reviews, questions, answers, paths, remarks."""

import json
import re

# The characters with which some Markdown or HTML begins markup.
MARKUP = re.compile(
    r"[&>`*\[\]|\\~${}@]|<(?! )"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word it is text everywhere
    r"|:(?=//)|(?<=www)\."  # some programs turn addresses into links
    r"|^[#=:]|#$|^[-+](?=[-\s]|$)|^\d(?=\d*[.)](?:\s|$))"  # a heading or its end, a rule, a list
)
# Invisible characters that reorder the text around them.
REORDERS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What a page cannot hold: control characters, halves of characters, and what Unicode keeps free.
IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
BLANKS = re.compile("[ \t\n\f\r\x85\u2028\u2029]+")  # other blanks, such as no-break spaces, stay


class Markdown(str):
    """Markdown that is safe, since we wrote it or `escaped` made it."""


def shown(text: object) -> str:
    """Return `text` with a visible sign for each character that no page can hold."""
    return IMPOSSIBLE.sub(_picture, str(text))


def escaped(text: object) -> Markdown:
    """Return `text` on one line, so that Markdown and HTML show it as it is.

    Markup becomes entities, which CommonMark, GitHub and Python-Markdown all take for text. Backslashes would not do:
    Python-Markdown does not know them before every character, and text may bring its own.
    """
    return Markdown(REORDERS.sub(entity, MARKUP.sub(entity, on_one_line(text))))


def quoted(text: object) -> str:
    """Return `text` on one line and in quotes, as JSON writes it; YAML reads that too."""
    return json.dumps(on_one_line(text), ensure_ascii=False)


def on_one_line(text: object) -> str:
    """Return `text`, as `shown` does, with one blank for line breaks and for several blanks."""
    return BLANKS.sub(" ", shown(text)).strip()


def entity(match: re.Match[str]) -> str:
    """Return the entity of a matched character."""
    return f"&#{ord(match[0])};"


def _picture(match: re.Match[str]) -> str:
    """Return Unicode's picture of a control character, or the replacement character."""
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
