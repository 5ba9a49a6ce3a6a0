"""The written documents of a workspace: what there is, and the text of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ds_workflow.reports import markup
from ds_workflow.settings import CHECKOUT
from registry.errors import NotFound

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

SUFFIXES = (".md", ".html")
_LARGEST = 5_000_000  # bytes that a page shows


@dataclass(frozen=True)
class Kind:
    """One shelf: where its documents lie below the workspace, what they are, and how to make one. Those of a `shipped`
    shelf come with the checkout too; the workspace's own of the same name wins."""

    name: str
    title: str
    folder: str
    what: str
    command: str
    shipped: bool = False


KINDS = (
    Kind("model_cards", "Model cards", "docs/model_cards", "One a version that was champion.", "arena-approve"),
    Kind("arena", "Proposals", "reports/arena", "What a decision was taken on, as it was.", "arena-propose"),
    Kind("releases", "Release checks", "reports/releases", "Five gates before a release.", "release-check"),
    Kind("validation", "Validation", "docs/validation", "What an independent reader checks.", ""),
    Kind("monitoring", "Monitoring", "docs/monitoring", "What is watched, and what was seen.", ""),
    Kind("change", "Change process", "docs", "How a change becomes a champion.", "", shipped=True),
    Kind("dictionary", "Data dictionaries", "docs/data_dictionary", "What each column means.", "data-dictionary", True),
    Kind("decisions", "Decisions on the software", "docs/decisions", "Why it is built as it is.", "", shipped=True),
)


@dataclass(frozen=True)
class Document:
    """One file: `name` is relative to its shelf."""

    kind: str
    name: str
    title: str
    path: Path


@dataclass(frozen=True)
class Shelf:
    """A kind and its documents, newest name first."""

    kind: Kind
    documents: tuple[Document, ...]


def shelves(work: Workspace) -> list[Shelf]:
    """All kinds, also those that hold nothing yet."""
    return [Shelf(kind, tuple(_documents(work, kind))) for kind in KINDS]


def read(work: Workspace, kind: str, name: str) -> tuple[Document, str]:
    """A document and its text. Only names that are listed are ever opened; NotFound for any other."""
    for shelf in shelves(work):
        for document in shelf.documents if shelf.kind.name == kind else ():
            if document.name == name:
                return document, document.path.read_text("utf-8", errors="replace")
    raise NotFound(f"There is no document '{name[:80]}' of kind '{kind[:40]}'.", hint="The list shows what there is.")


def html(text: str) -> str:
    """Markdown as HTML; raw HTML in it is shown as text."""
    return markup.boxed(text)


def _documents(work: Workspace, kind: Kind) -> list[Document]:
    shipped = _files(CHECKOUT / kind.folder) if kind.shipped else {}
    files = {**shipped, **_files(work.settings.root / kind.folder)}
    found = [Document(kind.name, name, _title(files[name]), files[name]) for name in sorted(files, reverse=True)]
    pictured = {d.path.stem for d in found if d.path.suffix == ".html"}  # the same in words only is not listed twice
    return [d for d in found if d.path.suffix == ".html" or d.path.stem not in pictured]


def _files(folder: Path) -> dict[str, Path]:
    """The documents of a folder by name; links that lead out of it are none of them."""
    if not folder.is_dir():
        return {}
    return {
        path.name: path
        for path in folder.iterdir()
        if path.suffix in SUFFIXES
        and path.is_file()
        and path.resolve().is_relative_to(folder.resolve())
        and path.stat().st_size <= _LARGEST
    }


def _title(path: Path) -> str:
    """The first heading of a Markdown file, or of the one beside a page; failing both the file's name."""
    words = path.with_suffix(".md")
    if words.is_file():
        with words.open(encoding="utf-8", errors="replace") as stream:
            for line, _ in zip(stream, range(10), strict=False):
                if line.startswith("# "):
                    return line[2:].strip().replace("\\", "")
    return path.name
