"""Gathering what a machine can know of a registered version, for the checklist, the documents and the release check.

What can't be had is left empty; the facts then say unknown. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ds_workflow.adapters import evidence, governance, monitoring_history, policies, run_files, snapshots, traffic
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain import findings, retirement
from ds_workflow.domain.assurance import Canary, Known, facts
from ds_workflow.domain.challenge import Challenge
from ds_workflow.domain.checklist import SIGNED, signatures, standing
from ds_workflow.domain.monitoring.looks import Look, worst
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.traffic import CHALLENGER
from ds_workflow.errors import WorkflowError
from ds_workflow.settings import Settings

T = TypeVar("T")
PUT_DOWN = (SIGNED, findings.OPENED, findings.CLOSED, retirement.RETIRED)  # the kinds of events that people write


class Lenient:
    """Asks, and gives None when a record is gone, unreadable or its store is away: `errors` are the ways to say so."""

    def __init__(self, errors: tuple[type[Exception], ...]) -> None:
        self._errors: tuple[type[Exception], ...] = (*errors, WorkflowError, OSError, ValueError, KeyError)

    def __call__(self, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except self._errors:
            return None


def gather(
    settings: Settings,
    registry: Any,
    problem: Problem,
    version: Any,
    *,
    at: str,
    errors: tuple[type[Exception], ...],
) -> Known:
    """Everything the facts of a version need. `registry` is the registry's reading half, `version` a ModelVersion.

    `errors` are those by which the registry says that something can't be had.
    """
    name, or_none = problem.name, Lenient(errors)
    moves = tuple(or_none(lambda: registry.moves(name)) or ())
    judged, decision = _proposals(registry, version, moves, or_none)
    record = or_none(lambda: registry.snapshot(name, version.lineage.dataset_version))
    events = or_none(lambda: put_down(registry)) or []
    whole = None if record is None else or_none(lambda: _rows(settings, problem, record.dataset_version))
    bundle = None
    if judged is not None:
        bundle = or_none(lambda: evidence.verify(settings.evidence, judged.evidence.bundle_digest))
    return Known(
        problem=problem,
        version=version,
        at=at,
        materiality=governance.materiality(settings, name),
        policy=or_none(lambda: policies.load(settings.policy(name), problem)),
        judged=judged,
        decision=decision,
        moves=moves,
        custody=or_none(lambda: registry.custody(name).status) or "",
        chain=or_none(registry.verify),
        snapshot=record,
        snapshot_whole=whole,
        bundle=bundle,
        files=or_none(lambda: _files(registry.run_artifacts(version), or_none)) or {},
        card=_text(settings.model_cards / f"{name}-v{version.version}.md"),
        sourcing=governance.sourcing(settings, name),
        tests=or_none(lambda: run_files.read_json(settings.reports / "tests.json")),
        monitoring=or_none(lambda: watched(settings, name, version.digest)),
        looks=or_none(lambda: tuple(_looks(settings, name, version.digest))) or (),
        canaries=or_none(lambda: canaries(settings, name, version.digest)) or (),
        incidents=or_none(lambda: alerts(settings, name)),
        findings=findings.fold(events, name),
        retired=retirement.fold(events, name),
        told=told(events, name),
    )


def challenge(settings: Settings, registry: Any, known: Known) -> Challenge:
    """The checklist of a version: what the machine knows, what people signed for its bytes."""
    found, listed = facts(known), governance.checklist(settings)
    signed = signatures(registry.events(kind=SIGNED), known.problem.name, known.version.ref)
    lines = standing(listed, facts=found, signed=signed, materiality=known.materiality)
    return Challenge(known, found, listed, signed, lines)


def put_down(registry: Any) -> list[Any]:
    """The events that people wrote about versions, oldest first; of a long chain they are few."""
    return sorted((event for kind in PUT_DOWN for event in registry.events(kind=kind)), key=lambda event: event.seq)


def told(events: Iterable[Any], problem: str) -> int:
    """How many signatures, findings and retirements people put down about a problem."""
    return sum(event.kind in PUT_DOWN and event.body.get("problem") == problem for event in events)


def watched(settings: Settings, problem: str, digest: str) -> tuple[str, str] | None:
    """The worst status of the newest looks at these bytes, with its words; None where nobody looked."""
    about = _looks(settings, problem, digest)
    if not about:
        return None
    level = worst(look.status for look in about)
    newest = next(look for look in about if look.status == level)
    return level, f"{newest.kind} at {newest.at[:16]}: {newest.sentence()}"


def canaries(settings: Settings, problem: str, digest: str) -> tuple[Canary, ...]:
    """The trials in which these bytes answered a share of the traffic, oldest first."""
    found = []
    for trial in Trials(settings.store).listed(problem):
        if trial.mode == "ab" and trial.challenger.digest == digest:
            arm = traffic.arms(settings.store, trial.id).get(CHALLENGER)
            found.append(Canary(trial.id, trial.started_at, trial.share, arm.requests if arm else 0))
    return tuple(found)


def alerts(settings: Settings, problem: str) -> tuple[str, ...]:
    """The open incidents of a problem, each in one line."""
    found = Incidents(settings.store).listed(problem, only_open=True)
    return tuple(f"{one.id} ({one.severity}, {one.cause}): {one.detail}" for one in found)


def _looks(settings: Settings, problem: str, digest: str) -> list[Look]:
    """The newest look of each kind at these bytes."""
    return [look for look in monitoring_history.latest(settings.store, problem).values() if look.digest == digest]


def _proposals(registry: Any, version: Any, moves: tuple[Any, ...], or_none: Lenient) -> tuple[Any, Any]:
    """The proposal that holds the version's evidence, and the decision that put it in office last; None each without.

    For a version that never held office it is the newest proposal about it."""
    named = [or_none(partial(registry.proposal, m.proposal_id)) for m in moves if m.to_ref == version.ref]
    decided = [p for p in named if p is not None]
    judged = next((p for p in decided if p.kind != "rollback"), None)
    if judged is None:
        about = or_none(lambda: registry.proposals(version.problem, challenger=version.digest)) or []
        judged = next((p for p in about if p.challenger == version.ref and p.kind != "rollback"), None)
    return judged, decided[-1] if decided else None


def _rows(settings: Settings, problem: Problem, dataset_version: str) -> bool:
    """True when the snapshot's rows have the digest that was recorded; raises otherwise."""
    snapshots.SnapshotStore(settings.data).load(problem, dataset_version)
    return True


def _files(folder: Path, or_none: Lenient) -> dict[str, Any]:
    """The run's files by name; JSON as content, of others only that they are there."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file():
            found[path.name] = or_none(partial(run_files.read_json, path)) if path.suffix == ".json" else None
    return found


def _text(path: Path) -> str | None:
    return path.read_text("utf-8", errors="replace") if path.is_file() else None
