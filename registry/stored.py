"""What a ledger holds, as it is stored: texts that are hashed as they are, a page at a time.

An event's hash is of the JSON text of its fields, and a body is stored as that part of the text. So the hash of the
stored body, put between the other fields, is the event's, if the body is its value's one text (no blanks, sorted keys,
no key twice); a page is read as values and written as text once to see that. A page where anything differs is
looked at event by event, by value, and says which one it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from json.scanner import make_scanner
from typing import Any, NamedTuple

from registry.records import Event, Proposal, VersionRef, canonical_json

PAGE = 500  # events: what is read stays near the processor; ten times as many take a third longer


class StoredEvent(NamedTuple):
    """A row of the chain; `body` is the JSON text that is kept."""

    seq: int
    at: str
    kind: str
    subject: str
    body: str
    previous: str
    hash: str


class Standing(NamedTuple):
    """What a move of the champion has to agree with in its proposal."""

    id: str
    effect: str
    challenger: VersionRef
    champion: VersionRef | None


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A stored proposal: the text of its record, and what the event about it has to say (`chain.proposal_body`)."""

    id: str
    text: str
    body: Mapping[str, Any]


def standing_of(proposal: Proposal) -> Standing:
    """The same of a proposal in memory."""
    return Standing(proposal.id, proposal.effect, proposal.challenger, proposal.champion)


def event_of(row: StoredEvent) -> Event:
    """The event of a row; a body that no ledger writes is kept as text, so that the check of the chain finds it."""
    try:
        body = json.loads(row.body)
        canonical_json(body).encode()
    except (ValueError, TypeError, RecursionError):
        body = None
    return Event(**{**row._asdict(), "body": body if isinstance(body, dict) else {"unreadable": ascii(row.body)}})


def values_of(texts: Sequence[str]) -> list[Any] | None:
    """The values of JSON texts, or None if one of them is not the one text of its value.

    Each is read to its end, and all are written as one list: no JSON value that is whole begins another one that goes
    on after a comma, so the list is made of these texts only if each of them is its own value's.
    """
    try:
        read = [_read(text, 0) for text in texts]
        values = [value for value, _ in read]
        whole = [end for _, end in read] == [len(text) for text in texts]
        return values if whole and canonical_json(values) == f"[{','.join(texts)}]" else None
    except (ValueError, TypeError, RecursionError, StopIteration):  # the last: there is no value
        return None


_decoder: Any = json.JSONDecoder()
_read = make_scanner(_decoder)  # what `json.loads` comes down to, without looking for blanks around


def lines(rows: Sequence[StoredEvent]) -> Iterator[str]:
    """Each event as one JSON text with all its fields, its hash among them."""
    if values_of([row[4] for row in rows]) is not None:
        try:
            made = [
                f'{{"at":{quoted(at)},"body":{body},"hash":{quoted(link)},"kind":{quoted(kind)},'
                f'"previous":{quoted(previous)},"seq":{seq},"subject":{quoted(subject)}}}'
                for seq, at, kind, subject, body, previous, link in rows
            ]
            "".join(made).encode()
        except (TypeError, ValueError):  # bytes where text belongs, or text that is none
            pass
        else:
            yield from made
            return
    yield from (_line(event_of(StoredEvent(*row))) for row in rows)


def _line(event: Event) -> str:
    """One text of an event; what is no text in it becomes one, so that its hash shows it."""
    fields = {key: value if isinstance(value, str | int | dict) else ascii(value) for key, value in vars(event).items()}
    text = canonical_json(fields)
    return text.encode(errors="replace").decode()


@dataclass
class Links:
    """Where a walk along the chain has come to: the last event's number and hash."""

    seq: int = 0
    link: str = "0" * 64

    def page(self, rows: Sequence[StoredEvent]) -> tuple[list[str], Sequence[StoredEvent], list[Any]]:
        """What is wrong with the next events (edited, cut out, put in or moved); the events, each body as its value's
        one text; and those values.
        """
        values = values_of([row[4] for row in rows])
        if values is not None and self._sound(rows):
            self.seq, self.link = rows[-1][0], rows[-1][6]
            return [], rows, values
        problems, told, values = [], [], []
        for row in rows:
            event = event_of(StoredEvent(*row))
            problems += self._next(event)
            told.append(StoredEvent(*row)._replace(body=canonical_json(event.body)))
            values.append(event.body)
        return problems, told, values

    def _sound(self, rows: Sequence[StoredEvent]) -> bool:
        """Whether nothing is wrong with events whose bodies are one text each."""
        seqs, ats, kinds, subjects, bodies, before, kept = zip(*rows, strict=True)
        if before != (self.link, *kept[:-1]) or seqs != tuple(range(self.seq + 1, self.seq + 1 + len(rows))):
            return False
        try:
            return kept == tuple([
                sha256(
                    f'{{"at":{quoted(at)},"body":{body},"kind":{quoted(kind)},"previous":{quoted(link)},"seq":{seq},'
                    f'"subject":{quoted(subject)}}}'.encode()
                ).hexdigest()
                for seq, at, kind, subject, body, link in zip(seqs, ats, kinds, subjects, bodies, before, strict=True)
            ])  # fmt: skip
        except (TypeError, ValueError):  # bytes where text belongs
            return False

    def _next(self, event: Event) -> list[str]:
        problems = []
        if event.seq != self.seq + 1:
            problems.append(f"Event {self.seq + 1} is missing: the next one found is {event.seq}.")
        if event.previous != self.link:
            problems.append(f"Event {event.seq} does not follow the one before it.")
        if not _sound(event):
            problems.append(f"Event {event.seq} ({event.kind} {event.subject}) was edited: its hash does not fit.")
        self.seq, self.link = event.seq, event.hash
        return problems


def _sound(event: Event) -> bool:
    try:
        return event.sound()
    except (TypeError, ValueError):  # bytes where text belongs
        return False
