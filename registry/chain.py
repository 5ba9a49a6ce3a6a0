"""The event chain: what each write says of itself, and the check that rows, events and pointer agree.

Every ledger appends one event per write, in the same transaction, with the body made here; so two ledgers that are
told the same things hold the same chain, and a row that was changed behind the ledger's back no longer fits its event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from registry import laws
from registry.errors import InvalidRecord
from registry.ports import Ledger
from registry.records import (
    Event,
    PointerMove,
    Proposal,
    canonical_json,
    digest_of,
)
from registry.stored import Standing, StoredProposal

PROPOSAL = "proposal.written"
CHANGED = "proposal.changed"
DECISION = "decision.taken"
MOVE = "champion.moved"
STANDING = "decider.standing"  # how the person of the event after it was eligible, and the look it rests on
LOCK = "hypothesis.locked"
SNAPSHOT = "snapshot.recorded"
HOLDOUT = "holdout.used"
CONTINUES = "holdout.continues"  # two holdouts share rows, and so their looks; its subject is the newer one
RESERVED = "holdout.reserved"  # a look is taken before its result is known; its subject is the holdout
REGISTERED = "version.registered"
APPLY_FAILED = "champion.apply_failed"
RESTORED = "champion.restored"
ASKS = "proposal.asks"  # the tier and the number of people that a proposal bound when it was written
APPROVAL = "approval.given"  # one of several that a decision needs
OVERRIDE = "override.requested"
ACCOUNT = "account.changed"  # who uses the pages was added, changed or disabled
VOUCHED = "key.vouched"  # an approver stands for somebody else's first key
CLOCK_SET = "clock.set_right"  # a person says that the ledger's time was wrong, and the clock is right
DECIDED = frozenset({DECISION, APPROVAL, OVERRIDE, RESTORED, CLOCK_SET})
# what the person whom an event names under `by` signs, once they have a key
SIGNED = DECIDED | {LOCK, REGISTERED, ACCOUNT, VOUCHED}

CLOCK = "clock.turned_back"  # what the machine's clock said while it was behind the ledger
CLOCK_SLACK = timedelta(minutes=10)  # commands that run at once write their times in another order than they took them

HEAD_TAG = "ledger_head"


def plain(value: Any) -> Any:
    """`value` as JSON gives it back. Raises InvalidRecord for NaN, infinity and what JSON can't hold."""
    try:
        text = canonical_json(value)
        text.encode()
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise InvalidRecord(
            f"A record holds a value that can't be kept: {error}.",
            hint="Use null for a figure that is not a finite number, and plain text, lists and numbers for the rest.",
        ) from error


def proposal_body(proposal: Proposal, text: str = "") -> dict[str, Any]:
    """What the chain keeps of a proposal: its state in words and the digest of the whole record (`text`, if known)."""
    return {
        "problem": proposal.problem,
        "kind": proposal.kind,
        "verdict": proposal.verdict,
        "disposition": proposal.disposition,
        "effect": proposal.effect,
        "evidence_digest": proposal.digest,
        "row_version": proposal.row_version,
        "record": sha256((text or canonical_json(_record(proposal))).encode()).hexdigest(),
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


def stored(proposal: Proposal) -> StoredProposal:
    """The proposal as a ledger stores it."""
    text = canonical_json(_record(proposal))
    return StoredProposal(proposal.id, text, proposal_body(proposal, text))


def next_event(previous: Event | None, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
    """The next event of the chain, its body as JSON gives it back."""
    return Event.after(previous, at=at, kind=kind, subject=subject, body=plain(dict(body)))


def next_events(
    previous: Event | None,
    *,
    at: str,
    kind: str,
    subject: str,
    body: Mapping[str, Any],
    clock_events: Callable[[], Sequence[Event]] = lambda: (),
) -> Iterator[Event]:
    """The next event, after one that tells when the clock is behind the ledger.

    Events never go back in time: one is dated no earlier than the last, until a person sets the ledger's time right.
    `clock_events` gives the events of kind CLOCK so far, so that one tells of a whole stretch.
    """
    if previous is not None and kind != CLOCK_SET and (last := moment(previous.at)) is not None:
        now = moment(at)
        if now is not None and now < last - CLOCK_SLACK and not _said(clock_events(), now, last):
            told = {"from": previous.at, "to": at}
            yield (previous := next_event(previous, at=previous.at, kind=CLOCK, subject=subject, body=told))
        if now is None or now < last:
            at = previous.at
    yield next_event(previous, at=at, kind=kind, subject=subject, body=body)


def _said(clock_events: Sequence[Event], now: datetime, last: datetime) -> bool:
    """Whether the last event about the clock is of this very stretch, and the clock was not turned back further."""
    if not clock_events:
        return False
    told = moment(clock_events[-1].body.get("to"))
    return told is not None and moment(clock_events[-1].at) == last and now >= told - CLOCK_SLACK


def moment(text: object) -> datetime | None:
    """The time that a text names; None for no time, or one without a zone: an event's time is what a caller chose."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return None if found.tzinfo is None else found


def latest(ledger: Ledger) -> datetime | None:
    """The newest time that the ledger knows of: nothing is judged as if it were earlier. None while it knows none.

    It is the last event's, or, in a ledger whose events were once free to go back, the one from where they did.
    """
    last = ledger.head()
    right = ledger.events(kind=CLOCK_SET)
    back = ledger.events(kind=CLOCK, after=right[-1].seq if right else 0)
    known = [moment(last.at if last else None), *(moment(told.body.get("from")) for told in back)]
    return max((at for at in known if at is not None), default=None)


def head_text(event: Event) -> str:
    """The head as it is kept outside the ledger."""
    return f"{event.seq} {event.hash}"


class Kept(NamedTuple):
    """What an event tells of a lock, a snapshot or a holdout use: the digest of its record."""

    seq: int
    kind: str
    subject: str
    record: str


def strayed_records(ledger: Ledger, events: Iterable[Kept]) -> list[str]:
    """Where a lock, a snapshot or a holdout use is not what the `events` about them say, or none tells of it."""
    stored: dict[str, list[Any]] = {LOCK: ledger.locks(), SNAPSHOT: ledger.snapshots(), HOLDOUT: ledger.holdout_uses()}
    found = {kind: [digest_of(vars(row)) for row in rows] for kind, rows in stored.items()}
    have = {kind: Counter(digests) for kind, digests in found.items()}
    problems = []
    for event in events:
        if have[event.kind][event.record] > 0:
            have[event.kind][event.record] -= 1
        else:
            what = f"Event {event.seq} ({event.kind} {event.subject})"
            problems.append(f"{what} tells of a record that is gone or edited.")
    for kind, rows in stored.items():
        for row, digest in zip(rows, found[kind], strict=True):
            if have[kind][digest] > 0:
                have[kind][digest] -= 1
                problems.append(f"No event tells of {_RECORDS[kind](row)}, which is stored.")
    return problems


_RECORDS: dict[str, Callable[[Any], str]] = {
    LOCK: lambda row: f"the lock of hypothesis '{row.hypothesis_id}' of {row.problem}",
    SNAPSHOT: lambda row: f"the snapshot '{row.dataset_version}' of {row.problem}",
    HOLDOUT: lambda row: f"the holdout use of '{row.proposal_id}' on {row.holdout_digest[:12]}",
}


def broken_pointers(moves: Iterable[PointerMove], approved: Mapping[str, Iterable[Standing]]) -> list[str]:
    """Where logs of moves contradict themselves or what was decided (`approved`, by problem); see `laws.pointers`."""
    standings: dict[str, laws.Standing] = {}
    for problem, some in approved.items():
        for one in some:
            standings[one.id] = (
                problem,
                one.effect,
                vars(one.challenger),
                vars(one.champion) if one.champion else None,
            )
    return list(laws.pointers(map(asdict, moves), standings))


def strange_head(tag: str, ledger: Ledger, problem: str) -> list[str]:
    """Whether the head kept outside is an event of the chain."""
    seq, _, link = tag.partition(" ")
    at = ledger.event(int(seq)) if seq.isdecimal() and len(seq) < 19 else None
    if at is None:
        last = ledger.head()
        end = last.seq if last else 0
        return [f"{problem}: the chain was cut off: the head kept outside is event {seq}, the last here is {end}."]
    if at.hash != link:
        return [f"{problem}: the chain was rewritten: event {seq} differs from the head kept outside."]
    return []
