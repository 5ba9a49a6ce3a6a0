"""Checking the ledger: the chain of events, the rows it tells of, signatures, pointer logs, and the heads kept outside.

Reading a whole chain takes time in proportion to it, and memory in proportion to the rows beside it, a digest each.
From a checkpoint on, what is checked is that the checkpoint's event is still there with its hash, everything that came
after, every pointer log and every head. What was done to history before the checkpoint, only the whole check sees.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from registry import chain, laws, signing
from registry.deciding import People
from registry.errors import NotFound, RegistryError, Unreadable
from registry.laws import KEY_ADDED, KEY_REVOKED, Signatures
from registry.ports import Ledger, VersionStore
from registry.records import PointerMove, Verification, digest_of
from registry.stored import Links, StoredEvent, StoredProposal
from registry.tail import beyond, covered, unsound, words

# looks at a head that seems to lag: so many while others write, so many while nobody does, and seconds between them
TRIES, QUIET, PAUSE = 30, 5, 0.1
TOLD_EVERY = 100_000  # events between two words about how far a check has come
KEYS = (KEY_ADDED, KEY_REVOKED)
PEOPLE = (laws.ACCOUNT_CHANGED, laws.TOKEN_CHANGED)
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
    people: laws.People = field(default_factory=laws.People)
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
            self.registered.add(str(subject).rpartition("/")[0])
        elif kind in PEOPLE:
            self.people.add(kind, subject, body)
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
    *PEOPLE,
})  # fmt: skip


def verify(
    versions: VersionStore,
    ledger: Ledger,
    *,
    since: Checkpoint | None = None,
    progress: Progress | None = None,
    trusted: Mapping[str, str] | None = None,
    people: People | None = None,
) -> Verification:
    """What is wrong, one sentence each; `checked` counts the events walked over. Nothing is changed.

    `progress` is told, now and then, how many events of how many were walked over. `trusted` are public keys that
    people handed over, by name. With `people`, who is declared, what no head outside covers is judged by it.
    """
    keys = {signing.person(name): key for name, key in (trusted or {}).items()}
    ask = partial(_verify, versions, ledger, since=since, progress=progress, trusted=keys, people=people)
    try:
        return ask(any_text=False)
    except Unreadable:  # text that is none: another look, which takes longer, says which row it is
        return ask(any_text=True)


def _verify(
    versions: VersionStore,
    ledger: Ledger,
    *,
    since: Checkpoint | None,
    progress: Progress | None,
    trusted: Mapping[str, str],
    people: People | None,
    any_text: bool,
) -> Verification:
    faults: list[str] = []
    with ledger.reading(faults=faults, any_text=any_text):  # others decide meanwhile
        given = {s.seq: vars(s) for s in ledger.signatures()}
        told = Told(Signatures(given, trusted, signing.verified))
        problems, count = _walk(ledger, told, since, progress)
        problems += _compare(ledger, told, since)
        problems += _pointers(ledger)
        problems += _people(ledger, told, since)
        problems += told.signatures.untrusted()
        last = ledger.head()
        known = {*ledger.problems(), *told.registered}
    notes, decided = list(told.signatures.trust()), told.last_decided()
    try:
        heads = versions.tagged(chain.HEAD_TAG)
    except RegistryError as error:
        heads = {}
        problems.append(f"The heads kept on the registered models can't be read: {error}")
    else:
        for problem in sorted({*known, *heads}):
            problems += _head(versions, ledger, problem, decided.get(problem, 0), people)
    newest = max(map(covered, heads.values()), default=0)
    if last is not None and last.seq > newest:
        notes.append(f"{last.seq - newest:,} events after {newest:,} are covered by no head outside yet.")
    problems = [_printable(text) for text in dict.fromkeys([*faults, *problems])]
    return Verification(not problems, count, problems, tuple(map(_printable, notes)))


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


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
        try:
            good = digest_of(stored.body) == said or _same_record(ledger, stored, said)
            why = ""
        except Unreadable as error:
            good, why = False, f" {error}"
        if not good:
            problems.append(f"Proposal '{stored.id}' is not what the events say of it.{why}")
    return problems + [f"Proposal '{i}' is gone; the events know it." for i in told.proposals if i not in there]


def _same_record(ledger: Ledger, stored: StoredProposal, said: str) -> bool:
    """Whether the record is the one told of though its text is another; Unreadable when it is none."""
    try:
        body = chain.stored(ledger.proposal(stored.id)).body
    except (TypeError, ValueError, AttributeError):
        return False
    return body["evidence_digest"] == stored.body["evidence_digest"] and digest_of(body) == said


def _proposals(ledger: Ledger, told: Told, since: Checkpoint | None) -> Iterator[StoredProposal]:
    """All proposals, or from a checkpoint on those that changed after it."""
    if since is None:
        yield from ledger.stored_proposals()
        return
    for ident in told.proposals:
        try:
            yield chain.stored(ledger.proposal(ident))
        except (TypeError, ValueError, AttributeError, Unreadable):
            yield StoredProposal(ident, "", {"evidence_digest": ""})  # the comparison says why
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


def _pointers(ledger: Ledger) -> list[str]:
    return chain.broken_pointers(_moves(ledger), {problem: ledger.approved(problem) for problem in ledger.problems()})


def _people(ledger: Ledger, told: Told, since: Checkpoint | None) -> Iterable[str]:
    if since:  # those from before it too
        told.people = laws.People()
        events = (e for kind in PEOPLE for e in ledger.events(kind=kind))
        for event in sorted(events, key=lambda e: e.seq):
            told.people.add(event.kind, event.subject, event.body)
    return told.people.strayed(*ledger.people())


def _head(versions: VersionStore, ledger: Ledger, problem: str, decided: int, people: People | None) -> list[str]:
    wrong: list[str] = []
    last, still = None, 0
    for _ in range(TRIES):
        try:
            tag = versions.model_tags(problem).get(chain.HEAD_TAG)
        except RegistryError as error:
            return [f"{problem}: the head kept on the registered model can't be read: {error}"]
        try:
            wrong = _wrong_head(ledger, problem, tag, decided, people)
            half, head = ledger.proposals(problem, effect="applying"), ledger.head()
        except Unreadable:
            return wrong  # which one it is was said
        still = still + 1 if head == last else 1
        last = head
        if not wrong or half or still >= QUIET:
            break
        time.sleep(PAUSE)  # whoever decided this moment writes the head next
    return wrong


def _wrong_head(ledger: Ledger, problem: str, tag: str | None, decided: int, people: People | None) -> list[str]:
    """Whether the head kept outside is in the chain and covers the last event that decided (0: none did)."""
    if tag is None:
        return [f"{problem}: the chain's head is not kept on the registered model."] if decided else []
    if strange := chain.strange_head(tag, ledger, problem):
        return strange
    if not (end := beyond(ledger, problem, tag)):
        return []
    said = f"{problem}: {len(end)} events after the head kept outside (event {covered(tag)}): {words(end)}."
    if wrong := unsound(ledger, problem, tag, people):
        return [f"{said} No command wrote them, and nothing covers or finishes them: restore the ledger from a backup.",
                *(f"{problem}, after the head kept outside: {why}" for why in wrong)]  # fmt: skip
    return [f"{said} A command that was stopped before its last step (half applied) writes such: if you know of it, "
            "the next one that decides, or 'arena-status', finishes it and keeps the new head."]  # fmt: skip
