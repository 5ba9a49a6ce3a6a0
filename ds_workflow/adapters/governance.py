"""The data files that say what a release needs: materiality, checklist, rubric, data sources.

Each is looked for in the workspace's config folder first, then in the checkout's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ds_workflow.domain import rubric
from ds_workflow.domain.assurance import FACTS
from ds_workflow.domain.checklist import Checklist
from ds_workflow.domain.materiality import Materiality
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import CHECKOUT, Settings, parse_yaml

MATERIALITY = "materiality.yaml"
CHECKLIST = "checklist/effective_challenge.yaml"
RUBRIC = "documents/ml_test_score.yaml"
SOURCES = "documents/data_sources.yaml"


def materiality(settings: Settings, problem: str) -> Materiality:
    """The assessment of a problem; one that nobody assessed counts as tier 1. Raises InvalidInput naming the key."""
    for path in (settings.root / "config" / MATERIALITY, CHECKOUT / "config" / MATERIALITY):
        entry = _problems(path).get(problem)
        if entry is not None:
            return Materiality.parse(entry, where=f"{path}, {problem}")
    return Materiality()


def materiality_files(settings: Settings, problem: str) -> tuple[Path, ...]:
    """The files whose words say how much hangs on a problem, the one that counts first: the workspace's own, and the
    shipped one where the workspace's says nothing of it."""
    own, shipped = settings.root / "config" / MATERIALITY, CHECKOUT / "config" / MATERIALITY
    if own == shipped or _problems(own).get(problem) is not None:
        return (own,)
    return (shipped, own)


def materiality_meaning(problem: str) -> Callable[[bytes], str]:
    """What such a file says of one problem, as one digest; of the whole file where it can't be read."""

    def meaning(content: bytes) -> str:
        try:
            said = parse_yaml(content, where=MATERIALITY)["problems"].get(problem)
        except (InvalidInput, TypeError, KeyError, AttributeError):
            return hashlib.sha256(content).hexdigest()
        if said is None:
            return ""
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    return meaning


def materiality_entry(settings: Settings, problem: str) -> dict[str, Any]:
    """The same as plain JSON with the tier, for the documents' evidence."""
    found = materiality(settings, problem)
    return {
        "tier": found.tier,
        "exposure": found.exposure,
        "purpose": found.purpose,
        "reason": found.reason,
        "approvers": dict(found.approvers),
    }


def checklist(settings: Settings) -> Checklist:
    """The effective-challenge checklist. Raises InvalidInput naming the gate."""
    path = _found(settings, CHECKLIST)
    return Checklist.parse(_yaml(path), facts=FACTS, where=str(path))


def test_score(settings: Settings) -> tuple[rubric.Item, ...]:
    """The items of the ML Test Score. Raises InvalidInput."""
    return rubric.parse(_yaml(_found(settings, RUBRIC)), facts=FACTS)


def sourcing(settings: Settings, problem: str) -> dict[str, str]:
    """Address, cadence, retention and personal data of a problem's source, as far as they are recorded."""
    for path in (settings.root / "config" / SOURCES, CHECKOUT / "config" / SOURCES):
        entry = _problems(path).get(problem)
        if isinstance(entry, Mapping):
            return {str(k): str(v) for k, v in entry.items()}
    return {}


def _found(settings: Settings, name: str) -> Path:
    own = settings.root / "config" / name
    return own if own.exists() else CHECKOUT / "config" / name


def _problems(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    content = _yaml(path)
    problems = content.get("problems") if isinstance(content, Mapping) else None
    if not isinstance(problems, Mapping):
        raise InvalidInput(f"{path} must hold a mapping 'problems'.")
    return problems


def _yaml(path: Path) -> Any:
    try:
        return parse_yaml(path.read_bytes(), where=str(path))
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
