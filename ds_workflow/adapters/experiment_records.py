"""Results that a proposal can cite: written once under a name in the workspace's experiments/, named by their digest.

experiments/NAME.json             kind, source, what was asked, result, digest, time, commit
experiments/NAME.html             the same for people
experiments/NAME.outcomes.jsonl   of an evaluation of code: one line a completion
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ds_workflow.adapters import run_files
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
BOUND = ("kind", "source", "ask", "result")  # what the digest is of
LINES = ".outcomes.jsonl"


@dataclass(frozen=True)
class Kept:
    """A stored result: its files and the digest of its document."""

    name: str
    digest: str
    document: Path
    page: Path


def folder(root: Path) -> Path:
    """Where a workspace keeps results."""
    return root / "experiments"


def of_file(path: Path) -> dict[str, Any]:
    """A file as the source of a result: its name and the sha256 of its bytes."""
    with path.open("rb") as stream:
        return {"file": path.name, "digest": hashlib.file_digest(stream, "sha256").hexdigest()}


def digest_of(body: Mapping[str, Any]) -> str:
    """sha256 of what a record holds beside its name, time and commit."""
    return hashlib.sha256(run_files.json_text({key: body[key] for key in BOUND if key in body}).encode()).hexdigest()


def keep(
    root: Path,
    name: str,
    body: Mapping[str, Any],
    *,
    page: str,
    at: str,
    commit: str,
    lines: Iterable[Mapping[str, Any]] = (),
) -> Kept:
    """Write the result, its page and its lines. The same name with another result is refused; the same result again is
    a no-op. The document comes last, so a result that can be read is whole.

    `body` holds kind, source, ask and result. Raises InvalidInput for a name, StateConflict for one that is taken.
    """
    if not NAME.fullmatch(name):
        raise InvalidInput(f"'{name}' can't name a result.", hint="Letters, digits, dots, dashes; at most 64.")
    place = folder(root)
    document, html, digest = place / f"{name}.json", place / f"{name}.html", digest_of(body)
    if document.exists():
        known = run_files.read_json(document).get("digest")
        if known != digest:
            raise StateConflict(
                f"There is another result named '{name}' (digest {str(known)[:8]}).", hint="Choose another --save name."
            )
        return Kept(name, digest, document, html)
    place.mkdir(parents=True, exist_ok=True)
    html.write_text(page, "utf-8")
    told = [json.dumps(line, ensure_ascii=False, default=str) for line in lines]
    if told:
        (place / f"{name}{LINES}").write_text("\n".join(told) + "\n", "utf-8")
    waiting = place / f".{name}.json"
    run_files.write_json(waiting, {**body, "digest": digest, "at": at, "commit": commit})
    waiting.replace(document)
    return Kept(name, digest, document, html)


def names(root: Path) -> list[str]:
    """Names of the kept results."""
    return sorted(path.stem for path in folder(root).glob("*.json") if NAME.fullmatch(path.stem))


def read(root: Path, name: str) -> dict[str, Any]:
    """A kept result as it is written. UnknownName with the known ones; InvalidInput for a file that is no record."""
    known = names(root)
    if name not in known:
        raise UnknownName("result", name[:80], known)
    found = run_files.read_json(folder(root) / f"{name}.json")
    if not isinstance(found, dict) or not {"kind", "result", "digest", "at"} <= set(found):
        raise InvalidInput(f"{name}.json is no kept result.", hint="Keep one with --save NAME.")
    return found


def outcomes(root: Path, name: str) -> list[dict[str, Any]]:
    """The lines beside a result; none where there are none."""
    path = folder(root) / f"{name}{LINES}"
    if not NAME.fullmatch(name) or not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
