"""Markdown to HTML. Raw HTML in the text is shown as text, never passed on."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def html(text: str) -> str:
    """The HTML of CommonMark with tables; links to scripts are refused by the parser."""
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        # a page with a strict content policy lets no style attribute through; PAGE_CSS knows the class
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "r")
    return str(parser.renderer.render(tokens, parser.options, {}))


def boxed(text: str) -> str:
    """The same, each table in a box that scrolls by itself, by finger and by keyboard."""
    opened = '<div class="scroll" tabindex="0"><table>'
    return html(text).replace("<table>", opened).replace("</table>", "</table></div>")
