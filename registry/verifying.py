"""Checking the ledger: the chain of events, the rows it tells of, signatures, pointer logs, and the heads kept outside.

Reading a whole chain takes time in proportion to it. From a checkpoint on, what is checked is that the checkpoint's
event is still there with its hash, everything that came after, every pointer log and every head. What was done to
history before the checkpoint, only the whole check sees.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from registry import chain
from registry.errors import NotFound, RegistryError, Unreadable
from registry.ports import Ledger, VersionStore
from registry.records import Event, PointerMove, Proposal, Verification, digest_of
from registry.signing import KEY_ADDED, KEY_REVOKED, wrong_signatures

PAGE = 5_000
TRIES, PAUSE = 3, 0.1  # looks at a head that seems to lag, and the seconds between them
KEYS = (KEY_ADDED, KEY_REVOKED)
RECORDS = (chain.LOCK, chain.SNAPSHOT, chain.HOLDOUT)


@dataclass(frozen=True)
class Checkpoint:
    """An event up to which the chain was found sound."""

    seq: int
    hash: str


@dataclass
class Told:
    """What the events walked over say of rows."""

    proposals: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, Counter[str]] = field(default_factory=lambda: {chain.DECISION: Counter(), chain.MOVE: Counter()})
    kept: list[Event] = field(default_factory=list)  # locks, snapshots, holdout uses
    signed: list[Event] = field(default_factory=list)
    weighty: dict[str, int] = field(default_factory=dict)  # the last event that decided on each proposal
    registered: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take one more event in."""
        if event.kind in (chain.PROPOSAL, chain.CHANGED):
            self.proposals[event.subject] = dict(event.body)
        elif event.kind in self.rows:
            self.rows[event.kind][digest_of(event.body)] += 1
            self.weighty[event.subject] = event.seq
        elif event.kind in RECORDS:
            self.kept.append(event)
        elif event.kind == chain.REGISTERED:
            self.registered.add(event.subject.rpartition("/")[0])
        if event.kind in chain.SIGNED or event.kind in KEYS:
            self.signed.append(event)


def verify(versions: VersionStore, ledger: Ledger, *, since: Checkpoint | None = None) -> Verification:
    """What is wrong, one sentence each; `checked` counts the events walked over."""
    told, count = Told(), 0
    with ledger.reading():  # others decide meanwhile, and a row newer than its event would look like tampering
        problems, count = _walk(ledger, told, since)
        try:
            problems += _compare(ledger, told, since)
            problems += [wrong for problem in ledger.problems() for wrong in _pointer(ledger, problem)]
        except Unreadable as error:
            more = "The other rows are compared with their events once every row can be read."
            problems += [*(ledger.unreadable() or [str(error)]), more]
    for problem in sorted({*ledger.problems(), *told.registered}):
        problems += _head(versions, ledger, problem, told)
    return Verification(not problems, count, problems)


def _walk(ledger: Ledger, told: Told, since: Checkpoint | None) -> tuple[list[str], int]:
    """What is wrong with the chain itself, its signatures included; and how many events there are."""
    count, problems = 0, _lost_before(ledger, since) if since else []
    walked = chain.Links(since.seq, since.hash) if since else chain.Links()
    for event in _pages(ledger, walked.seq):
        problems += walked.next(event)
        told.add(event)
        count += 1
    before = [e for kind in KEYS for e in ledger.events(kind=kind) if e.seq <= since.seq] if since else []
    signed = sorted([*before, *told.signed], key=lambda event: event.seq)
    return problems + wrong_signatures(signed, {s.seq: s for s in ledger.signatures()}, chain.SIGNED), count


def _compare(ledger: Ledger, told: Told, since: Checkpoint | None) -> list[str]:
    """Where rows are not what the events say."""
    by_problem = _proposals(ledger, told, since)
    problems = chain.strayed_proposals(by_problem, told.proposals)
    problems += _strayed_rows(ledger, told, since)
    records = told.kept
    if since:  # those from before it too: a row put in since tells nothing of when
        records = [event for kind in RECORDS for event in ledger.events(kind=kind)]
    return problems + chain.strayed_records(ledger, records)


def _pages(ledger: Ledger, after: int) -> Iterator[Event]:
    while page := ledger.events(after=after, limit=PAGE):
        yield from page
        after = page[-1].seq


def _lost_before(ledger: Ledger, since: Checkpoint) -> list[str]:
    at = ledger.event(since.seq)
    if at is None:
        return [f"The chain was cut off: the checkpoint is event {since.seq}, and it is not there."]
    if at.hash != since.hash or not at.sound():
        return [f"The chain was rewritten: event {since.seq} is not the one of the checkpoint."]
    return []


def _proposals(ledger: Ledger, told: Told, since: Checkpoint | None) -> dict[str, Proposal]:
    """All proposals, or from a checkpoint on those that changed after it."""
    if since is None:
        return {proposal.id: proposal for proposal in ledger.proposals()}
    found = {}
    for ident in told.proposals:
        try:
            found[ident] = ledger.proposal(ident)
        except NotFound:
            continue  # it is gone, and the comparison says so
    return found


def _strayed_rows(ledger: Ledger, told: Told, since: Checkpoint | None) -> list[str]:
    problems = []
    for kind, what in ((chain.DECISION, "decision"), (chain.MOVE, "move of the champion")):
        if since is None:
            rows: Iterable[Any] = ledger.decisions() if kind == chain.DECISION else _moves(ledger)
        elif kind == chain.DECISION:
            rows = [row for ident in told.weighty for row in ledger.decisions(ident)]
        else:
            rows = [row for row in _moves(ledger) if row.proposal_id in told.weighty]
        have = Counter(digest_of(asdict(row)) for row in rows)
        want = told.rows[kind]
        if since is not None:  # a proposal decided before it may have moved after it
            have &= want
        problems += [f"{n} {what}(s) stored that no event tells of." for n in [sum((have - want).values())] if n]
        problems += [f"{n} {what}(s) told by events but gone or edited." for n in [sum((want - have).values())] if n]
    return problems


def _moves(ledger: Ledger) -> list[PointerMove]:
    return [move for problem in ledger.problems() for move in ledger.moves(problem)]


def _pointer(ledger: Ledger, problem: str) -> list[str]:
    moves = ledger.moves(problem)
    approved = {p.id: p for p in ledger.proposals(problem, disposition="approved")}
    for move in moves:  # one whose proposal is no approved one any more
        if move.proposal_id not in approved:
            approved[move.proposal_id] = ledger.proposal(move.proposal_id)
    return chain.broken_pointer(moves, approved)


def _head(versions: VersionStore, ledger: Ledger, problem: str, told: Told) -> list[str]:
    mine = [seq for ident, seq in told.weighty.items() if told.proposals.get(ident, {}).get("problem") == problem]
    wrong: list[str] = []
    for _ in range(TRIES):
        try:
            tag = versions.model_tags(problem).get(chain.HEAD_TAG)
        except RegistryError as error:
            return [f"{problem}: the head kept on the registered model can't be read: {error}"]
        wrong = chain.wrong_head(tag, ledger, problem, max(mine, default=0))
        try:
            half = ledger.proposals(problem, effect="applying")
        except Unreadable:
            return wrong  # which one it is was said
        if half:
            # the head is written after the last step of applying: one that lags here is no tampering
            finishes = "any command that decides, or 'arena-status', finishes it"
            return [f"{half[0].id} is half applied: {finishes}"] if wrong else []
        if not wrong:
            break
        time.sleep(PAUSE)  # whoever decided this moment writes the head next
    return wrong
