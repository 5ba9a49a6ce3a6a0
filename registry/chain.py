"""The event chain: what each write says of itself, and the check that rows, events and pointer agree.

Every ledger appends one event per write, in the same transaction, with the body made here; so two ledgers that are
told the same things hold the same chain, and a row that was changed behind the ledger's back no longer fits its event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from registry.errors import InvalidRecord
from registry.ports import Ledger
from registry.records import (
    Event,
    HoldoutUse,
    HypothesisLock,
    PointerMove,
    Proposal,
    SnapshotRecord,
    canonical_json,
    digest_of,
)

PROPOSAL = "proposal.written"
CHANGED = "proposal.changed"
DECISION = "decision.taken"
MOVE = "champion.moved"
LOCK = "hypothesis.locked"
SNAPSHOT = "snapshot.recorded"
HOLDOUT = "holdout.used"
REGISTERED = "version.registered"
APPLY_FAILED = "champion.apply_failed"
RESTORED = "champion.restored"

HEAD_TAG = "ledger_head"


def plain(value: Any) -> Any:
    """`value` as JSON gives it back. Raises InvalidRecord for NaN, infinity and what JSON can't hold."""
    try:
        return json.loads(canonical_json(value))
    except (TypeError, ValueError) as error:
        raise InvalidRecord(
            f"A record holds a value that can't be kept: {error}.",
            hint="Use null for a figure that is not a finite number, and plain text, lists and numbers for the rest.",
        ) from error


def proposal_body(proposal: Proposal) -> dict[str, Any]:
    """What the chain keeps of a proposal: its state in words and the digest of the whole record."""
    return {
        "problem": proposal.problem,
        "kind": proposal.kind,
        "verdict": proposal.verdict,
        "disposition": proposal.disposition,
        "effect": proposal.effect,
        "evidence_digest": proposal.digest,
        "row_version": proposal.row_version,
        "record": digest_of(asdict(proposal)),
    }


def next_event(previous: Event | None, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
    """The next event of the chain, its body as JSON gives it back."""
    return Event.after(previous, at=at, kind=kind, subject=subject, body=plain(dict(body)))


def head_text(event: Event) -> str:
    """The head as it is kept outside the ledger."""
    return f"{event.seq} {event.hash}"


def broken_links(events: Iterable[Event]) -> list[str]:
    """Where the chain itself does not hold: an event edited, cut out, put in or moved."""
    problems, link, seq = [], "0" * 64, 0
    for event in events:
        if event.seq != seq + 1:
            problems.append(f"Event {seq + 1} is missing: the next one found is {event.seq}.")
        if event.previous != link:
            problems.append(f"Event {event.seq} does not follow the one before it.")
        if not event.sound():
            problems.append(f"Event {event.seq} ({event.kind} {event.subject}) was edited: its hash does not fit.")
        link, seq = event.hash, event.seq
    return problems


def strayed_rows(ledger: Ledger, events: list[Event]) -> list[str]:
    """Where a stored row no longer is what its event says, or one is there without the other."""
    told: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind in (PROPOSAL, CHANGED):
            told[event.subject] = dict(event.body)
    stored = {p.id: proposal_body(p) for p in ledger.proposals()}
    problems = [f"Proposal '{i}' is not what the events say of it." for i in stored if told.get(i) != stored[i]]
    problems += [f"Proposal '{i}' is gone; the events know it." for i in told if i not in stored]
    moves = [m for problem in sorted({p.problem for p in ledger.proposals()}) for m in ledger.moves(problem)]
    for kind, what, rows in ((DECISION, "decision", ledger.decisions()), (MOVE, "move of the champion", moves)):
        have = Counter(digest_of(asdict(row)) for row in rows)
        want = Counter(digest_of(event.body) for event in events if event.kind == kind)
        problems += [f"{n} {what}(s) stored that no event tells of." for n in [sum((have - want).values())] if n]
        problems += [f"{n} {what}(s) told by events but gone or edited." for n in [sum((want - have).values())] if n]
    return problems + [lost for event in events for lost in _lost(ledger, event)]


def _lost(ledger: Ledger, event: Event) -> list[str]:
    body = event.body
    rows: list[HypothesisLock | SnapshotRecord | HoldoutUse | None]
    if event.kind == LOCK:
        rows = [ledger.lock(body["problem"], body["hypothesis_id"])]
    elif event.kind == SNAPSHOT:
        rows = [s for s in ledger.snapshots(body["problem"]) if s.dataset_version == body["dataset_version"]]
    elif event.kind == HOLDOUT:
        rows = [*ledger.holdout_uses(body["holdout_digest"])]
    else:
        return []
    if any(row is not None and plain(asdict(row)) == body for row in rows):
        return []
    return [f"Event {event.seq} ({event.kind} {event.subject}) tells of a record that is gone or edited."]


def broken_pointer(moves: list[PointerMove], proposals: Mapping[str, Proposal]) -> list[str]:
    """Where the pointer log of one problem contradicts itself or the applied proposals."""
    problems, at = [], None
    for move in moves:
        if move.from_ref != at:
            problems.append(f"Move {move.seq} starts at {move.from_ref}, but the champion was {at}.")
        at = move.to_ref
        proposal = proposals.get(move.proposal_id)
        if proposal is None or proposal.effect not in ("applied", "rolled_back"):
            problems.append(f"Move {move.seq} was made for '{move.proposal_id}', which is not an applied decision.")
        elif (proposal.challenger, proposal.champion) != (move.to_ref, move.from_ref):
            problems.append(f"Move {move.seq} is not the one that '{move.proposal_id}' decided.")
    moved = Counter(move.proposal_id for move in moves)
    for proposal in proposals.values():
        if proposal.effect in ("applied", "rolled_back") and moved[proposal.id] != 1:
            problems.append(
                f"'{proposal.id}' is {proposal.effect}, but the pointer log has {moved[proposal.id]} moves."
            )
    return problems


def wrong_head(tag: str | None, events: list[Event], problem: str, decided: set[str]) -> list[str]:
    """Whether the head kept outside is in the chain and covers the last decision on the proposals `decided`."""
    last = events[-1].seq if events else 0
    weighty = [event.seq for event in events if event.kind in (DECISION, MOVE) and event.subject in decided]
    if tag is None:
        return [f"{problem}: the chain's head is not kept on the registered model."] if decided else []
    seq, _, link = tag.partition(" ")
    at = next((e for e in events if str(e.seq) == seq), None)
    if at is None:
        return [f"{problem}: the chain was cut off: the head kept outside is event {seq}, the last here is {last}."]
    if at.hash != link:
        return [f"{problem}: the chain was rewritten: event {seq} differs from the head kept outside."]
    if weighty and weighty[-1] > at.seq:
        return [f"{problem}: the head kept outside is event {seq}, but event {weighty[-1]} decided after it."]
    return []
