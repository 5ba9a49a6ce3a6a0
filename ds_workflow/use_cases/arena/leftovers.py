"""What commands that were killed left behind, in words: each with the command that goes on from there.

Nothing of it is in the way of anybody, and nothing is lost by it; but who finds it should not have to wonder. Only
what the stores and folders list is read: no file of a version is opened and nothing is hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import unfinished
from registry.chain import LOCK, REGISTERED, RESERVED
from registry.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from ds_workflow.workspace import Workspace
    from registry.records import Event, Proposal

LATELY = 20_000  # events among which trainings and looks that came to nothing are sought
NEWEST = 10  # decided proposals whose documents are read


@dataclass(frozen=True)
class Leftover:
    """One of them: what is there, and what to do about it."""

    what: str
    fix: str


def of(work: Workspace, proposals: Iterable[Proposal], aliases: Mapping[str, Any]) -> tuple[Leftover, ...]:
    """Everything that is left half done in the workspace's problem; nothing while the versions can't be reached."""
    name = work.settings.problem
    try:
        there = set(work.registry.numbers(name))
    except Unavailable:
        return ()
    command, shown = f"ds-workflow --problem {name}", list(proposals)
    known = work.registry.registrations(name) & there
    lately = [
        event
        for event in work.registry.lately(REGISTERED, among=LATELY)
        if event.body.get("lineage", {}).get("problem") == name
    ]
    return (
        *_versions(command, there - known, max(known, default=0), aliases),
        *_locks(work, command, lately),
        *_snapshots(work, command),
        *_looks(work, command, lately, shown),
        *_outcomes(work, command, shown),
        *_folders(work),
    )


def _versions(command: str, strange: set[int], newest: int, aliases: Mapping[str, Any]) -> Iterator[Leftover]:
    """Versions that MLflow has and the ledger was never told of; and a newest one that the alias does not know."""
    fresh = sorted(number for number in strange if number > newest)
    if old := sorted(strange.difference(fresh)):
        yield Leftover(
            f"{_numbered(old)} never registered: trainings that did not finish made them, or somebody round the arena.",
            "Nothing is to be done: they can't be proposed.",
        )
    if fresh:
        yield Leftover(
            f"{_numbered(fresh)} made by a training that did not finish (or runs now, or went round the arena): the "
            "ledger was never told of it, so it can't be proposed.",
            f"Train again: {command} train-candidate, with the same options.",
        )
    pointed = (aliases.get("candidate") or {}).get("version")
    if newest and pointed != newest and pointed not in fresh:
        where = f"on version {pointed}" if pointed else "nowhere"
        yield Leftover(
            f"Version {newest} is the newest one, and the alias 'candidate' is {where}: its training was stopped at "
            "its last step, or somebody moved the alias.",
            f"It is whole. Propose it by its number: {command} arena-propose --version {newest}",
        )


def _numbered(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"Version {numbers[0]} was"
    more = f" and {len(numbers) - 5:,} more" if len(numbers) > 5 else ""
    return f"Versions {', '.join(map(str, numbers[:5]))}{more} were"


def _locks(work: Workspace, command: str, made: list[Event]) -> Iterator[Leftover]:
    """Hypotheses that were locked for a training that made no version."""
    tried = {str(event.body["lineage"].get("hypothesis_id")) for event in made}
    for event in work.registry.lately(LOCK, among=LATELY):
        if event.body.get("problem") == work.settings.problem and event.subject not in tried:
            yield Leftover(
                f"{event.subject} was locked by {event.body.get('by')} at {event.at}, and no version was registered "
                "for it: its training did not finish, or runs now.",
                f"Train it: {command} train-candidate --hypothesis-id {event.subject}, with the same options.",
            )


def _snapshots(work: Workspace, command: str) -> Iterator[Leftover]:
    """Snapshots that lie on disk, and the ledger was not told of."""
    place = work.settings.data / "snapshots" / work.settings.problem
    if not place.is_dir():
        return
    known = {record.dataset_version for record in work.registry.snapshots(work.settings.problem)}
    for path in sorted(place.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and path.name not in known:
            yield Leftover(
                f"The snapshot {path.name} lies in {place}, and the ledger was not told of it: freezing it did not "
                "finish.",
                "Repeat the command that froze it, with the same options; training on it tells the ledger as well. "
                f"Or delete the folder, and take the name anew: {command} data-snapshot",
            )


def _looks(work: Workspace, command: str, made: list[Event], shown: list[Proposal]) -> Iterator[Leftover]:
    """Looks at a holdout that were taken, and came to no proposal."""
    numbers = {str(event.body.get("digest")): event.subject.rpartition("/")[2] for event in made}
    asked = {proposal.challenger.digest for proposal in shown}
    said: set[str] = set()
    for told in work.registry.lately(RESERVED, among=LATELY):
        digest = str(told.body.get("challenger") or "")
        if digest not in numbers or digest in asked or digest in said:
            continue
        if work.registry.proposals(work.settings.problem, challenger=digest, limit=1):
            continue
        said.add(digest)
        again = f"{command} arena-propose --version {numbers[digest]}. A repeated question takes no second look."
        if told.body.get("kind") == "bootstrap":
            if any(p.kind == "bootstrap" and p.created_at > told.at for p in shown):
                continue  # another was tried in its place
            again = f"{command} bootstrap-champion, with the same options; it trains anew, and that is another trial."
        yield Leftover(
            f"A look at the holdout {told.subject[:12]} was taken for version {numbers[digest]} at {told.at}, and "
            "there is no proposal: the comparison did not finish, or runs now.",
            f"Repeat it: {again}",
        )


def _outcomes(work: Workspace, command: str, shown: list[Proposal]) -> Iterator[Leftover]:
    """Outcomes of claims that do not stand in their document yet."""
    for place, proposal in enumerate(shown):
        reference = proposal.hypothesis
        claim = proposal.summary.get("claim") or {}
        if reference is None or reference.outcome is None or claim.get("said") is None or proposal.kind != "promotion":
            continue
        if place >= NEWEST and proposal.disposition != "open":
            continue
        path = work.settings.hypotheses / f"{reference.id}.md"
        if path.is_file() and proposal.id not in path.read_text("utf-8", "replace"):
            again = f"{command} arena-propose --version {proposal.challenger.version}"
            yield Leftover(
                f"The outcome of {reference.id} ({reference.outcome}, by {proposal.id}) does not stand in {path} yet.",
                f"Write it: {again}" if proposal.disposition == "open" else f"'arena-show {proposal.id}' says it.",
            )


def _folders(work: Workspace) -> Iterator[Leftover]:
    """Folders that were left half built."""
    data, name = work.settings.data, work.settings.problem
    places: tuple[tuple[Path, str, str], ...] = (
        (data / "snapshots" / name, ".building-", "data-snapshot"),
        (work.settings.evidence, ".bundle-", "arena-propose"),
        (work.settings.root / "docs" / "packs" / name, ".pack-", "docs-build"),
    )
    for place, prefix, by in places:
        for path in unfinished.abandoned(place, prefix):
            what = f"{path} was left half built by a command that was stopped."
            yield Leftover(what, f"The next '{by}' clears it away.")
