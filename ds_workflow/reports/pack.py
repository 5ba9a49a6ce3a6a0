"""The frame of a pack: its documents as pages that print well, its index, its evidence with every digest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ds_workflow.reports import markup
from ds_workflow.reports.cited import Shelf
from ds_workflow.reports.page import page
from ds_workflow.reports.tables import NOT_PROVIDED, code, esc, md, md_table

CSS = """
a{color:var(--wait)}td a{color:inherit;text-decoration:underline dotted var(--soft) 1px;text-underline-offset:.2em}
td a:hover{text-decoration-style:solid}strong{color:var(--bad)}figure svg{max-width:100%}
nav.pack{font-size:.9rem;display:flex;flex-wrap:wrap;gap:.25rem .9rem;margin:0 0 1rem}article{margin:0 0 2.5rem}
article h1{font-size:1.7rem}article h2{margin:1.8rem 0 .4rem;padding-top:.6rem;border-top:1px solid var(--line)}
p+table{margin-top:.4rem}td{max-width:24rem}td code{font-size:.8em;overflow-wrap:anywhere}
td:first-child code{white-space:nowrap}:is(td,th).r+:is(td,th):not(.r){padding-left:.9em}
@page{size:A4;margin:16mm 14mm 18mm;
@bottom-right{content:counter(page) " of " counter(pages);font:8pt sans-serif;color:#566070}}
@media print{nav.pack{display:block;columns:2;font-size:9pt;line-height:1.5;margin:0 0 6mm}nav.pack a{display:block}
article{break-after:page}article:last-child{break-after:auto}a{text-decoration:none;color:inherit}
td a{text-decoration:none}article h1{font-size:17pt}article h2{font-size:12.5pt;break-after:avoid}
table{font-size:8pt;line-height:1.4}th{font-size:inherit}th,td{padding:.4em .9em .4em 0}td code{font-size:.92em}
thead{display:table-header-group}td{max-width:none}p{max-width:none;orphans:3;widows:3}
tbody tr:first-child,p:has(+:is(.scroll,ul,figure)){break-after:avoid}
tbody tr:last-child,.scroll+p,article>:last-child{break-before:avoid}td code{overflow-wrap:break-word}
th code{font-size:.85em}figcaption{break-after:auto}
figure:has(+figure),figure+figure{display:inline-block;width:49%;vertical-align:top}
figure svg{max-width:14cm;max-height:19cm}figure:has(+figure) svg,figure+figure svg{max-height:6.4cm;max-width:100%}}
"""
_HEAD = re.compile(r"(?<=<code>)\w+(?=</code></th>)")
_IMAGE = re.compile(r'<p><img src="pictures/([a-z_]+)\.svg" alt="([^"]*)"\s*/?></p>')


@dataclass(frozen=True)
class Document:
    """One document of a pack: the name of its file without ending, its title, and its Markdown."""

    name: str
    title: str
    markdown: str


def body(document: Document, pictures: Mapping[str, str]) -> str:
    """The HTML of a document, its pictures in place, what was not provided to be seen at once."""

    def placed(found: re.Match[str]) -> str:
        drawn = pictures.get(found.group(1), "")
        return f"<figure>{drawn}<figcaption>{found.group(2)}</figcaption></figure>"

    text = _IMAGE.sub(placed, markup.boxed(document.markdown))
    text = _HEAD.sub(lambda name: name.group().replace("_", "_<wbr>"), text)  # a table of many metrics fits on paper
    return f'<article id="{esc(document.name)}">{text}</article>'


def html(document: Document, pictures: Mapping[str, str], others: Sequence[Document]) -> str:
    """One document as a page of its own, with the way to the others."""
    links = [f'<a href="{esc(o.name)}.html">{esc(o.title)}</a>' for o in others if o.name != document.name]
    nav = f'<nav class="pack" aria-label="Documents">{"".join(links)}</nav>'
    return _styled(page(document.title, nav + body(document, pictures)))


def whole(title: str, documents: Sequence[Document], pictures: Mapping[str, str]) -> str:
    """All documents as one page, for paper."""
    links = [f'<a href="#{esc(o.name)}">{esc(o.title)}</a>' for o in documents]
    nav = f'<nav class="pack" aria-label="Documents">{"".join(links)}</nav>'
    return _styled(page(title, nav + "\n".join(body(d, pictures) for d in documents)))


def _styled(text: str) -> str:
    return text.replace("</style>", f"{CSS}</style>", 1)


def times(count: int) -> str:
    """Once, twice, or so many times."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def index(title: str, documents: Sequence[Document], *, printed: str, lead: Sequence[str]) -> Document:
    """The first page: what there is, how much of each document is NOT PROVIDED, and what was printed."""
    rows = []
    for d in documents:
        gaps = d.markdown.count(NOT_PROVIDED)
        rows.append([f"[{md(d.title)}]({d.name}.html)", f"**{times(gaps)} {NOT_PROVIDED}**" if gaps else "whole"])
    out = [f"# {md(title)}", "", *lead, "", *md_table(["Document", "Gaps"], rows), ""]
    return Document("index", title, "\n".join([*out, f"{printed} Every page also as Markdown.", ""]))


def evidence(shelf: Shelf) -> Document:
    """Every file of evidence with its whole digest."""
    rows = [
        [f"[{md(s.name)}]({s.path})", md(s.what), code(s.digest)]
        for s in sorted(shelf.sources.values(), key=lambda s: s.name)
    ]
    out = ["# Evidence", "", "The files that the figures link to, with the SHA-256 of their bytes."]
    return Document("evidence", "Evidence", "\n".join([*out, "", *md_table(["File", "What", "SHA-256"], rows), ""]))
