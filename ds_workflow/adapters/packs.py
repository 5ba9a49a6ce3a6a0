"""Packs of documents on disk: where they lie, and a manifest that says every byte of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ds_workflow.domain import citation
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import Settings

MANIFEST = "manifest.json"
BUILDING = ".pack-"  # how the name of a folder begins that is not whole yet


def root(settings: Settings) -> Path:
    """The folder of all packs of a workspace."""
    return settings.root / "docs" / "packs"


def folder(settings: Settings, problem: str, version: int) -> Path:
    """The folder of one version's pack; it may not be there."""
    return root(settings) / problem / f"v{version}"


def seal(place: Path, about: Mapping[str, Any]) -> None:
    """Write the manifest: what the pack is about, and the SHA-256 of every other file."""
    files = {path.relative_to(place).as_posix(): _sha256(path) for path in _files(place)}
    text = json.dumps({**about, "files": files}, indent=1, sort_keys=True) + "\n"
    (place / MANIFEST).write_text(text, "utf-8")


def manifest(place: Path) -> dict[str, Any]:
    """The manifest of a pack. Raises InvalidInput when there is none that can be read."""
    try:
        content = json.loads((place / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{place} holds no pack of documents.", hint="Run 'docs-build'.") from error
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise InvalidInput(f"{place / MANIFEST} is no manifest of a pack.", hint="Run 'docs-build'.")
    return content


def faults(place: Path) -> list[str]:
    """Which files are gone, changed or put in since the manifest was written; without any, figures without evidence."""
    listed = manifest(place)["files"]
    there = {path.relative_to(place).as_posix(): path for path in _files(place)}
    wrong = [f"{name} is gone" for name in listed if name not in there]
    wrong += [f"{name} is not in the manifest" for name in there if name not in listed]
    wrong += [f"{name} was changed" for name, path in there.items() if listed.get(name) not in (None, _sha256(path))]
    return wrong or _figures(place)


def _figures(place: Path) -> list[str]:
    """Figures of the documents that are not what stands in the evidence they link to."""
    files = {f"{citation.FOLDER}/{p.name}": p.read_text("utf-8") for p in sorted((place / citation.FOLDER).iterdir())}
    pages = {page.name: page.read_text("utf-8") for page in sorted(place.glob("*.md"))}
    return [f"{name}: {fault}" for name, text in pages.items() for fault in citation.faults(text, files)]


def replace(fresh: Path, final: Path) -> None:
    """Put a finished pack in the place of an older one."""
    fresh.chmod(0o755)
    old = fresh.with_name(f"{fresh.name}-before")  # cleared away with what is half built, should this end here
    if final.exists():
        final.rename(old)
    fresh.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _files(place: Path) -> list[Path]:
    return sorted(p for p in place.rglob("*") if p.is_file() and p != place / MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
