"""Results that an arena proposal can cite: written once under a name, named by their digest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import run_files
from ds_workflow.errors import InvalidInput, StateConflict
from registry.records import utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ds_workflow.workspace import Workspace

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Kept:
    """A stored result: its files and the digest of its document."""

    name: str
    digest: str
    document: Path
    page: Path


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(work: Workspace, name: str, *, kind: str, source: Path, result: Mapping[str, Any], page: str) -> Kept:
    """Write the result and its page under experiments/. The same name with another result is refused; the same result
    again is a no-op."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"'{name}' can't name a result.", hint="Letters, digits, dots, dashes; at most 64.")
    folder = work.settings.root / "experiments"
    document, html = folder / f"{name}.json", folder / f"{name}.html"
    body = {"kind": kind, "source": {"file": source.name, "digest": file_digest(source)}, "result": dict(result)}
    digest = hashlib.sha256(run_files.json_text(body).encode()).hexdigest()
    if document.exists():
        known = run_files.read_json(document).get("digest")
        if known != digest:
            raise StateConflict(
                f"There is another result named '{name}' (digest {str(known)[:8]}).", hint="Choose another --save name."
            )
        return Kept(name, digest, document, html)
    folder.mkdir(parents=True, exist_ok=True)
    html.write_text(page, "utf-8")
    run_files.write_json(document, {**body, "digest": digest, "at": utc_text(work.clock()), "commit": work.commit})
    return Kept(name, digest, document, html)
