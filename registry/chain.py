"""The event chain: what each write says of itself, and the check that rows, events and pointer agree.

Every ledger appends one event per write, in the same transaction, with the body made here; so two ledgers that are
told the same things hold the same chain, and a row that was changed behind the ledger's back no longer fits its event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from registry.errors import InvalidRecord
from registry.ports import Ledger
from registry.records import (
    Event,
    PointerMove,
    Proposal,
    canonical_json,
    digest_of,
)

PROPOSAL = "proposal.written"
CHANGED = "proposal.changed"
DECISION = "decision.taken"
MOVE = "champion.moved"
STANDING = "decider.standing"  # the roles of who decides, and the digest of all declared people, as they were then
LOCK = "hypothesis.locked"
SNAPSHOT = "snapshot.recorded"
HOLDOUT = "holdout.used"
CONTINUES = "holdout.continues"  # two holdouts share rows, and so their looks; its subject is the newer one
RESERVED = "holdout.reserved"  # a look is taken before its result is known; its subject is the holdout
REGISTERED = "version.registered"
APPLY_FAILED = "champion.apply_failed"
RESTORED = "champion.restored"
APPROVAL = "approval.given"  # one of several that a decision needs
OVERRIDE = "override.requested"
SIGNED = frozenset({DECISION, APPROVAL, OVERRIDE, RESTORED})  # what a person with a key signs

CLOCK = "clock.turned_back"
CLOCK_SLACK = timedelta(minutes=10)  # commands that run at once write their times in another order than they took them

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
        "record": digest_of(_record(proposal)),
    }


def _record(proposal: Proposal) -> dict[str, Any]:
    """What `asdict` gives, without its copies: a check of the whole ledger makes one of each proposal."""
    evidence, hypothesis = proposal.evidence, proposal.hypothesis
    champion = vars(evidence.champion) if evidence.champion else None
    return {
        **vars(proposal),
        "evidence": {**vars(evidence), "challenger": vars(evidence.challenger), "champion": champion},
        "gates": [vars(gate) for gate in proposal.gates],
        "hypothesis": vars(hypothesis) if hypothesis else None,
        "summary": dict(proposal.summary),
    }


def next_event(previous: Event | None, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
    """The next event of the chain, its body as JSON gives it back."""
    return Event.after(previous, at=at, kind=kind, subject=subject, body=plain(dict(body)))


def next_events(
    previous: Event | None, *, at: str, kind: str, subject: str, body: Mapping[str, Any]
) -> Iterator[Event]:
    """The next event, after one that tells when the clock was turned back since the last."""
    if previous is not None and turned_back(at, previous.at):
        told = {"from": previous.at, "to": at}
        yield (previous := next_event(previous, at=at, kind=CLOCK, subject=subject, body=told))
    yield next_event(previous, at=at, kind=kind, subject=subject, body=body)


def turned_back(now: str, last: str) -> bool:
    """Whether the time `now` is before the last event's by more than commands that run at once explain."""
    try:
        return datetime.fromisoformat(now) < datetime.fromisoformat(last) - CLOCK_SLACK
    except (TypeError, ValueError):  # an event's time is text that a caller chose
        return False


def head_text(event: Event) -> str:
    """The head as it is kept outside the ledger."""
    return f"{event.seq} {event.hash}"


@dataclass
class Links:
    """Where a walk along the chain has come to: the last event's number and hash."""

    seq: int = 0
    link: str = "0" * 64

    def next(self, event: Event) -> list[str]:
        """What is wrong with the next event: edited, cut out, put in or moved."""
        problems = []
        if event.seq != self.seq + 1:
            problems.append(f"Event {self.seq + 1} is missing: the next one found is {event.seq}.")
        if event.previous != self.link:
            problems.append(f"Event {event.seq} does not follow the one before it.")
        if not event.sound():
            problems.append(f"Event {event.seq} ({event.kind} {event.subject}) was edited: its hash does not fit.")
        self.seq, self.link = event.seq, event.hash
        return problems


def broken_links(events: Iterable[Event]) -> list[str]:
    """Where the chain itself does not hold."""
    walk = Links()
    return [problem for event in events for problem in walk.next(event)]


def strayed_proposals(stored: Mapping[str, Proposal], told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where a stored proposal no longer is what its last event says, or one is there without the other."""
    bodies = {ident: proposal_body(proposal) for ident, proposal in stored.items()}
    problems = [f"Proposal '{i}' is not what the events say of it." for i in bodies if told.get(i) != bodies[i]]
    return problems + [f"Proposal '{i}' is gone; the events know it." for i in told if i not in bodies]


def strayed_records(ledger: Ledger, events: Iterable[Event]) -> list[str]:
    """Where a lock, a snapshot or a holdout use is not what the `events` about them say, or none tells of it."""
    stored: dict[str, list[Any]] = {LOCK: ledger.locks(), SNAPSHOT: ledger.snapshots(), HOLDOUT: ledger.holdout_uses()}
    have = {kind: Counter(digest_of(asdict(row)) for row in rows) for kind, rows in stored.items()}
    problems = []
    for event in events:
        told = digest_of(event.body)
        if have[event.kind][told] > 0:
            have[event.kind][told] -= 1
        else:
            what = f"Event {event.seq} ({event.kind} {event.subject})"
            problems.append(f"{what} tells of a record that is gone or edited.")
    for kind, rows in stored.items():
        for row in rows:
            if have[kind][digest := digest_of(asdict(row))] > 0:
                have[kind][digest] -= 1
                problems.append(f"No event tells of {_RECORDS[kind](row)}, which is stored.")
    return problems


_RECORDS: dict[str, Callable[[Any], str]] = {
    LOCK: lambda row: f"the lock of hypothesis '{row.hypothesis_id}' of {row.problem}",
    SNAPSHOT: lambda row: f"the snapshot '{row.dataset_version}' of {row.problem}",
    HOLDOUT: lambda row: f"the holdout use of '{row.proposal_id}' on {row.holdout_digest[:12]}",
}


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


def strange_head(tag: str, ledger: Ledger, problem: str) -> list[str]:
    """Whether the head kept outside is an event of the chain."""
    seq, _, link = tag.partition(" ")
    at = ledger.event(int(seq)) if seq.isdecimal() else None
    if at is None:
        last = ledger.head()
        end = last.seq if last else 0
        return [f"{problem}: the chain was cut off: the head kept outside is event {seq}, the last here is {end}."]
    if at.hash != link:
        return [f"{problem}: the chain was rewritten: event {seq} differs from the head kept outside."]
    return []


def wrong_head(tag: str | None, ledger: Ledger, problem: str, weighty: int) -> list[str]:
    """Whether the head kept outside is in the chain and covers `weighty`, the last event that decided (0: none did)."""
    if tag is None:
        return [f"{problem}: the chain's head is not kept on the registered model."] if weighty else []
    if strange := strange_head(tag, ledger, problem):
        return strange
    seq = int(tag.partition(" ")[0])
    if weighty > seq:
        return [f"{problem}: the head kept outside is event {seq}, but event {weighty} decided after it."]
    return []
