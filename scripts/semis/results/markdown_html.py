"""Turns our own Markdown into HTML. Only what our Markdown can say becomes an element, an attribute or an address."""

import re
from typing import Any

import markdown
from markdown.treeprocessors import Treeprocessor

ELEMENTS = {"div", "h1", "h2", "h3", "p", "strong", "em", "code", "blockquote", "ul", "ol", "li", "a", "img"}
ELEMENTS |= {"table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"href", "src", "alt", "style"}  # style: the alignment of a table's cells
ADDRESS = re.compile(r"\w[\w./-]*")  # of a file in the results: no protocol, no server
# Raw HTML, addresses in < >, and references that a text could define.
UNUSED = ["html", "autolink", "automail", "reference", "image_reference", "short_reference", "short_image_ref"]


def converted(page: str) -> str:
    """Return the Markdown `page` as HTML."""
    maker = markdown.Markdown(extensions=["tables"])
    maker.preprocessors.deregister("html_block")
    maker.parser.blockprocessors.deregister("reference")
    for name in UNUSED:
        maker.inlinePatterns.deregister(name)
    maker.treeprocessors.register(OnlyOurs(maker), "only_ours", 15)  # after the inline patterns, whose priority is 20
    return maker.convert(page)


class OnlyOurs(Treeprocessor):
    """Takes away every element, attribute and address that our own Markdown does not use."""

    def run(self, root: Any) -> None:
        """Change the tree of a page in place."""
        for element in root.iter():
            if element.tag not in ELEMENTS:
                element.tag = "span"
            for name, value in list(element.items()):
                if name not in ATTRIBUTES or (name in ("href", "src") and not ADDRESS.fullmatch(value)):
                    del element.attrib[name]
