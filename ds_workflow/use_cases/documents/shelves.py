"""The written documents of a workspace: what there is, and the text of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ds_workflow.adapters import packs
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import markup
from ds_workflow.settings import CHECKOUT
from registry.errors import NotFound

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

SUFFIXES = (".md", ".html")
PACKS = "packs"
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
    Kind(
        "packs",
        "Documents of versions",
        "docs/packs",
        "All that is written of a version, with its evidence.",
        "docs-build",
    ),
    Kind("model_cards", "Model cards", "docs/model_cards", "One a version that was champion.", "arena-approve"),
    Kind("arena", "Proposals", "reports/arena", "What a decision was taken on, as it was.", "arena-propose"),
    Kind("releases", "Release checks", "reports/releases", "Five gates before a release.", "release-check"),
    Kind(
        "validation", "Validation", "docs/validation", "How documents, checklist and findings work.", "", shipped=True
    ),
    Kind("monitoring", "Monitoring", "docs/monitoring", "What to do when, and what was seen.", "", shipped=True),
    Kind("retirements", "Retired versions", "docs/retirements", "What went out of service, and why.", "model-retire"),
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
        if shelf.kind.name == kind == PACKS:
            return _of_pack(work, name)
        for document in shelf.documents if shelf.kind.name == kind else ():
            if document.name == name:
                return document, document.path.read_text("utf-8", errors="replace")
    raise NotFound(f"There is no document '{name[:80]}' of kind '{kind[:40]}'.", hint="The list shows what there is.")


def printed(work: Workspace, name: str) -> bytes:
    """The bytes of a pack's PDF. NotFound for what no pack's manifest lists."""
    path = _in_pack(work, name)
    if path is None or path.suffix != ".pdf":
        raise NotFound(f"There is no printed document '{name[:80]}'.", hint="The list shows what there is.")
    return path.read_bytes()


def _of_pack(work: Workspace, name: str) -> tuple[Document, str]:
    """A file of a pack and its text."""
    path = _in_pack(work, name)
    if path is None or path.suffix not in (".html", ".md", ".json", ".svg"):
        raise NotFound(f"There is no document '{name[:80]}' in a pack.", hint="The list shows what there is.")
    return Document(PACKS, name, path.name, path), path.read_text("utf-8", errors="replace")


def _in_pack(work: Workspace, name: str) -> Path | None:
    """A file that the manifest of a listed pack names and that lies in it; None for any other name."""
    problem, _, rest = name.partition("/")
    version, _, file = rest.partition("/")
    if f"{problem}/{version}/index.html" not in {pack.name for pack in _packs(work)}:
        return None
    place = packs.root(work.settings) / problem / version
    path = place / file
    inside = path.is_file() and path.resolve().is_relative_to(place.resolve())
    return path if inside and file in packs.manifest(place)["files"] else None


def _packs(work: Workspace) -> list[Document]:
    """The first page of every pack that has a manifest, by problem, the newest version first."""
    root, found = packs.root(work.settings), []
    for place in sorted(root.glob("*/v*"), key=lambda p: (p.parent.name, -_number(p.name))):
        page = place / "index.html"
        try:
            about = packs.manifest(place)
        except InvalidInput:
            continue  # half a pack is none
        if page.is_file() and not place.is_symlink():
            title = f"{about.get('problem')} version {about.get('version')}, built {str(about.get('at'))[:16]} UTC"
            found.append(Document(PACKS, f"{place.parent.name}/{place.name}/index.html", title, page))
    return found


def _number(name: str) -> int:
    return int(name[1:]) if name[1:].isdigit() else 0


def html(text: str) -> str:
    """Markdown as HTML; raw HTML in it is shown as text."""
    return markup.boxed(text)


def _documents(work: Workspace, kind: Kind) -> list[Document]:
    if kind.name == PACKS:
        return _packs(work)
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
