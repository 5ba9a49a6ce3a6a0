"""Markdown to HTML. Raw HTML in the text is shown as text, never passed on."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def html(text: str) -> str:
    """The HTML of CommonMark with tables; links to scripts are refused by the parser."""
    return str(_parser().render(text))
