"""Checking the ledger: the chain of events, the rows it tells of, signatures, pointer logs, and the heads kept outside.

Reading a whole chain takes time in proportion to it, and memory in proportion to the rows beside it, a digest each.
From a checkpoint on, what is checked is that the checkpoint's event is still there with its hash, everything that came
after, every pointer log and every head. What was done to history before the checkpoint, only the whole check sees.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from registry import chain
from registry.errors import NotFound, RegistryError, Unreadable
from registry.ports import Ledger, VersionStore
from registry.records import PointerMove, Verification, digest_of
from registry.signing import KEY_ADDED, KEY_REVOKED, Signatures
from registry.stored import Links, StoredEvent, StoredProposal, standing_of

TRIES, PAUSE = 3, 0.1  # looks at a head that seems to lag, and the seconds between them
TOLD_EVERY = 100_000  # events between two words about how far a check has come
KEYS = (KEY_ADDED, KEY_REVOKED)
RECORDS = (chain.LOCK, chain.SNAPSHOT, chain.HOLDOUT)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Checkpoint:
    """An event up to which the chain was found sound."""

    seq: int
    hash: str


@dataclass
class Told:
    """What the events walked over say of rows; a row is known by the digest of its record."""

    signatures: Signatures
    proposals: dict[str, tuple[str, str]] = field(default_factory=dict)  # of each: problem, digest of the last body
    rows: dict[str, Counter[str]] = field(default_factory=lambda: {chain.DECISION: Counter(), chain.MOVE: Counter()})
    kept: list[chain.Kept] = field(default_factory=list)  # locks, snapshots, holdout uses
    weighty: dict[str, int] = field(default_factory=dict)  # the last event that decided on each proposal
    registered: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)  # of signatures

    def add(self, event: StoredEvent, body: Any) -> None:
        """Take one more event in: one of the kinds `TELLING`, its body as text and as value."""
        seq, kind, subject = event[0], event[2], event[3]
        if kind in (chain.PROPOSAL, chain.CHANGED):
            self.proposals[subject] = (str(body.get("problem", "")), _digest(event[4]))
        elif kind in self.rows:
            self.rows[kind][_digest(event[4])] += 1
            self.weighty[subject] = seq
        elif kind in RECORDS:
            self.kept.append(chain.Kept(seq, kind, subject, _digest(event[4])))
        elif kind == chain.REGISTERED:
            self.registered.add(subject.rpartition("/")[0])
        if kind in chain.SIGNED or kind in KEYS:
            self.wrong += self.signatures.wrong(seq, kind, subject, body, event[6])

    def last_decided(self) -> dict[str, int]:
        """The last event that decided on anything, of each problem."""
        last: dict[str, int] = {}
        for ident, seq in self.weighty.items():
            problem = self.proposals.get(ident, ("", ""))[0]
            last[problem] = max(seq, last.get(problem, 0))
        return last


TELLING = frozenset({
    chain.PROPOSAL, chain.CHANGED, chain.DECISION, chain.MOVE, chain.REGISTERED, *RECORDS, *chain.SIGNED, *KEYS,
})  # fmt: skip


def verify(
    versions: VersionStore, ledger: Ledger, *, since: Checkpoint | None = None, progress: Progress | None = None
) -> Verification:
    """What is wrong, one sentence each; `checked` counts the events walked over.

    `progress` is told, now and then, how many events of how many were walked over.
    """
    with ledger.reading():  # others decide meanwhile, and a row newer than its event would look like tampering
        told = Told(Signatures({s.seq: s for s in ledger.signatures()}, chain.SIGNED))
        problems, count = _walk(ledger, told, since, progress)
        try:
            problems += _compare(ledger, told, since)
            problems += [wrong for problem in ledger.problems() for wrong in _pointer(ledger, problem)]
        except Unreadable as error:
            more = "The other rows are compared with their events once every row can be read."
            problems += [*(ledger.unreadable() or [str(error)]), more]
    decided = told.last_decided()
    for problem in sorted({*ledger.problems(), *told.registered}):
        problems += _head(versions, ledger, problem, decided.get(problem, 0))
    return Verification(not problems, count, problems)


def _walk(ledger: Ledger, told: Told, since: Checkpoint | None, progress: Progress | None) -> tuple[list[str], int]:
    """What is wrong with the chain itself, its signatures included; and how many events there are."""
    problems = _lost_before(ledger, since) if since else []
    walked = Links(since.seq, since.hash) if since else Links()
    if since:  # whose key it is that signs
        keys = sorted((e for kind in KEYS for e in ledger.events(kind=kind) if e.seq <= since.seq), key=lambda e: e.seq)
        for e in keys:
            told.wrong += told.signatures.wrong(e.seq, e.kind, e.subject, e.body, e.hash)
    last = ledger.head() if progress else None
    count, next_word = 0, TOLD_EVERY
    for page in ledger.stored_events(after=walked.seq):
        wrong, rows, bodies = walked.page(page)
        problems += wrong
        for at in [n for n, row in enumerate(rows) if row[2] in TELLING]:
            told.add(rows[at], bodies[at])
        count += len(page)
        if progress and last and count >= next_word:
            progress(count, last.seq - (since.seq if since else 0))
            next_word += TOLD_EVERY
    return problems + told.wrong, count


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _lost_before(ledger: Ledger, since: Checkpoint) -> list[str]:
    at = ledger.event(since.seq)
    if at is None:
        return [f"The chain was cut off: the checkpoint is event {since.seq}, and it is not there."]
    if at.hash != since.hash or not at.sound():
        return [f"The chain was rewritten: event {since.seq} is not the one of the checkpoint."]
    return []


def _compare(ledger: Ledger, told: Told, since: Checkpoint | None) -> list[str]:
    """Where rows are not what the events say."""
    problems = _strayed_proposals(ledger, told, since)
    problems += _strayed_rows(ledger, told, since)
    kept = told.kept
    if since:  # those from before it too: a row put in since tells nothing of when
        events = (event for kind in RECORDS for event in ledger.events(kind=kind))
        kept = [chain.Kept(e.seq, e.kind, e.subject, digest_of(e.body)) for e in events]
    return problems + chain.strayed_records(ledger, kept)


def _strayed_proposals(ledger: Ledger, told: Told, since: Checkpoint | None) -> list[str]:
    """Where a stored proposal no longer is what its last event says, or one is there without the other."""
    problems, there = [], set()
    for stored in _proposals(ledger, told, since):
        there.add(stored.id)
        _, said = told.proposals.get(stored.id, ("", ""))
        if digest_of(stored.body) != said and not _same_record(ledger, stored, said):
            problems.append(f"Proposal '{stored.id}' is not what the events say of it.")
    return problems + [f"Proposal '{i}' is gone; the events know it." for i in told.proposals if i not in there]


def _same_record(ledger: Ledger, stored: StoredProposal, said: str) -> bool:
    """Whether the record is the one told of though its text is another; Unreadable when it is none."""
    body = chain.stored(ledger.proposal(stored.id)).body
    return body["evidence_digest"] == stored.body["evidence_digest"] and digest_of(body) == said


def _proposals(ledger: Ledger, told: Told, since: Checkpoint | None) -> Iterator[StoredProposal]:
    """All proposals, or from a checkpoint on those that changed after it."""
    if since is None:
        yield from ledger.stored_proposals()
        return
    for ident in told.proposals:
        try:
            yield chain.stored(ledger.proposal(ident))
        except NotFound:
            continue  # it is gone, and the comparison says so


def _strayed_rows(ledger: Ledger, told: Told, since: Checkpoint | None) -> list[str]:
    problems = []
    for kind, what in ((chain.DECISION, "decision"), (chain.MOVE, "move of the champion")):
        if since is None:
            rows: Iterable[Any] = ledger.decisions() if kind == chain.DECISION else _moves(ledger)
        elif kind == chain.DECISION:
            rows = [row for ident in told.weighty for row in ledger.decisions(ident)]
        else:
            rows = [row for row in _moves(ledger) if row.proposal_id in told.weighty]
        have = Counter(digest_of(asdict(row) if kind == chain.MOVE else vars(row)) for row in rows)
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
    approved = {standing.id: standing for standing in ledger.approved(problem)}
    for move in moves:  # one whose proposal is no approved one any more
        if move.proposal_id not in approved:
            approved[move.proposal_id] = standing_of(ledger.proposal(move.proposal_id))
    return chain.broken_pointer(moves, approved)


def _head(versions: VersionStore, ledger: Ledger, problem: str, decided: int) -> list[str]:
    wrong: list[str] = []
    for _ in range(TRIES):
        try:
            tag = versions.model_tags(problem).get(chain.HEAD_TAG)
        except RegistryError as error:
            return [f"{problem}: the head kept on the registered model can't be read: {error}"]
        wrong = chain.wrong_head(tag, ledger, problem, decided)
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
