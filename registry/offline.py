"""Checks an export of the ledger with Python's standard library alone: `python verify.py [EXPORT] [--head 'SEQ HASH']`.

EXPORT is the zip file, or the folder it was unpacked into (default: the folder of this file). `--head` is a head that
was written down elsewhere: from MLflow's tag `ledger_head`, a mail, a printed page. `--key NAME=HEX` is a public key
that its person handed over. Exit 0: nothing wrong; 1: something is, said in a sentence each; 2: there is no export.

Nothing of the software that wrote the export is needed, so the check outlives it. Ed25519 is that of RFC 8032. The copy
in an export comes from whoever is being checked: bring your own (docs/reference/verify.py of a release that you trust).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from registry.laws import (
    ACCOUNT_CHANGED,
    KEY_ADDED,
    KEY_REVOKED,
    SIGNED,
    TOKEN_CHANGED,
    People,
    Signatures,
    Standing,
    person,
    pointers,
)

FORMAT = 3  # 1 had no locks, snapshots and holdout uses; 2 no accounts
EVENTS, SIGNATURES, MANIFEST = "events.jsonl", "signatures.jsonl", "manifest.json"
PROPOSALS, DECISIONS, MOVES = "proposals.jsonl", "decisions.jsonl", "moves.jsonl"
RECORDS = {"locks.jsonl": "hypothesis.locked", "snapshots.jsonl": "snapshot.recorded", "uses.jsonl": "holdout.used"}
ROWS = {DECISIONS: "decision.taken", MOVES: "champion.moved", **RECORDS}
ACCOUNTS, TOKENS = "accounts.jsonl", "tokens.jsonl"
NO_HEAD = "No head from outside was compared, so an end that was cut off does not show: give one by --head."
NO_KEYS = "Signatures were checked by the keys that the chain itself names: give those handed over, by --key NAME=HEX."
PAGE, TOLD_EVERY = 500, 100_000  # events in memory at a time, and between two words about how far it is

_TEXT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256, in hex, of a value's one JSON text: sorted keys, no spaces."""
    return hashlib.sha256(_TEXT.encode(value).encode()).hexdigest()


@dataclass(frozen=True)
class Part:
    """One file of an export, line by line, as often as it is asked."""

    where: Path  # the zip, or the folder it was unpacked into
    name: str

    def __iter__(self) -> Iterator[str]:
        if self.where.is_dir():
            with (self.where / self.name).open(encoding="utf-8", newline="\n") as file:
                yield from (line.removesuffix("\n") for line in file)
            return
        with zipfile.ZipFile(self.where) as archive, archive.open(self.name) as packed:
            for line in io.TextIOWrapper(packed, "utf-8", newline="\n"):
                yield line.removesuffix("\n")


def read(where: Path) -> dict[str, Part]:
    """The parts of an export by name. Raises OSError or BadZipFile when there is none, KeyError when one is missing."""
    if where.is_dir():
        there = {file.name for file in where.iterdir()}
    else:
        with zipfile.ZipFile(where) as archive:
            there = set(archive.namelist())
    names = (MANIFEST, EVENTS, SIGNATURES, PROPOSALS, DECISIONS, MOVES)
    more = [name for name in (*RECORDS, ACCOUNTS, TOKENS) if name in there]
    if missing := [name for name in names if name not in there]:
        raise KeyError(missing[0])
    return {name: Part(where, name) for name in (*names, *more)}


@dataclass
class Walk:
    """A walk along the chain: where it has come to, what is wrong with it, and what it tells of rows."""

    wanted: frozenset[str] = frozenset()  # the numbers of events whose hashes are to be kept
    signatures: Signatures = field(default_factory=lambda: Signatures({}))
    people: People = field(default_factory=People)
    seq: int = 0
    link: str = "0" * 64
    count: int = 0
    last: str = ""
    wrong: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    owners: bool = False  # whether owners sign by now
    hashes: dict[str, str] = field(default_factory=dict)
    proposals: dict[str, str] = field(default_factory=dict)  # the digest of each one's record
    rows: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in ROWS.values()})

    def page(self, lines: list[str]) -> None:
        """The next events: all at once, or one by one if something is wrong with them."""
        events = [json.loads(line) for line in lines]
        if not self._sound(lines, events):
            for event in events:
                self._next(event)
        for event in events:
            if str(event["seq"]) in self.wanted:
                self.hashes[str(event["seq"])] = event["hash"]
            kind, subject, body = event["kind"], event["subject"], event["body"]
            if kind in ("proposal.written", "proposal.changed"):
                self.proposals[subject] = str(body.get("record", ""))
            elif kind in self.rows:
                self.rows[kind][digest(body)] += 1
            elif kind in (ACCOUNT_CHANGED, TOKEN_CHANGED):
                self.people.add(kind, subject, body)
            if kind in SIGNED or kind in (KEY_ADDED, KEY_REVOKED):
                self.unsigned += self.signatures.wrong(event["seq"], kind, subject, body, event["hash"])
        self.seq, self.link = events[-1]["seq"], events[-1]["hash"]
        self.count, self.last = self.count + len(events), f"{self.seq} {self.link}"

    def _sound(self, lines: list[str], events: list[dict[str, Any]]) -> bool:
        """Whether all is well, by the lines as they are: each is its event's one text, and the hash is of the rest."""
        kept = [event["hash"] for event in events]
        try:
            return (
                [event["previous"] for event in events] == [self.link, *kept[:-1]]
                and [event["seq"] for event in events] == list(range(self.seq + 1, self.seq + 1 + len(events)))
                and {len(event) for event in events} == {7}
                and _TEXT.encode(events) == f"[{','.join(lines)}]"
                and [hashlib.sha256(_rest(*of).encode()).hexdigest() for of in zip(lines, kept, strict=True)] == kept
            )
        except (ValueError, TypeError):
            return False

    def _next(self, event: dict[str, Any]) -> None:
        """Whether an event was edited, moved, put in or cut out."""
        if event["seq"] != self.seq + 1:
            self.wrong.append(f"After event {self.seq} comes event {event['seq']}.")
        if event["previous"] != self.link:
            self.wrong.append(f"Event {event['seq']} does not follow the one before it.")
        try:
            good = digest({k: v for k, v in event.items() if k != "hash"}) == event["hash"]
        except ValueError:  # NaN, or text that is none
            good = False
        if not good:
            self.wrong.append(f"Event {event['seq']} ({event['kind']} {event['subject']}) was edited.")
        self.seq, self.link = event["seq"], event["hash"]


def _rest(line: str, link: str) -> str:
    """An event's text without its hash; what is after that are words, a number and words, so the last one is it."""
    own = f',"hash":"{link}"'
    at = line.rindex(f'{own},"kind":"')
    return line[:at] + line[at + len(own) :]


def check(
    parts: Mapping[str, Iterable[str]],
    head: str = "",
    *,
    keys: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[int, list[str]]:
    """How many events there are, and what is wrong, one sentence each. `parts` are lines, by the name of their file;
    of events and proposals a few are in memory at a time. `head` and `keys` came from elsewhere; `notes` is filled with
    what the answer rests on. `progress` is told now and then how many events were read.
    """
    notes = [] if notes is None else notes
    try:
        manifest = json.loads("".join(parts[MANIFEST]))
        kept = {f"{problem}'s registered model": str(told) for problem, told in manifest["heads"].items()}
        kept |= {"the reader": head} if head else {}
        wanted = frozenset(told.strip().partition(" ")[0] for told in kept.values())
        given = {s["seq"]: s for s in map(json.loads, parts[SIGNATURES])}
        walk = Walk(wanted, Signatures(given, {person(name): key for name, key in (keys or {}).items()}))
        lines = iter(parts[EVENTS])
        while page := list(islice(lines, PAGE)):
            walk.page(page)
            if walk.count % TOLD_EVERY == 0:
                progress(walk.count)
        standings: dict[str, Standing] = {}
        found = [
            *(f"The export lacks what could not be read: {told}" for told in manifest.get("unreadable", ())),
            *walk.wrong,
            *heads(walk, manifest, kept),
            *proposals(walk, parts[PROPOSALS], standings),
            *rows(walk, parts, ROWS if manifest["format"] != 1 else (DECISIONS, MOVES)),
            *pointers(map(json.loads, parts[MOVES]), standings),
            *walk.unsigned,
            *walk.signatures.untrusted(),
        ]
        if manifest["format"] == FORMAT:
            found += walk.people.strayed(map(json.loads, parts[ACCOUNTS]), map(json.loads, parts[TOKENS]))
        else:
            notes.append(f"It is of format {manifest['format']}: what a later one compares besides was not compared.")
        if not head:
            why = manifest.get("heads_unread")
            more = f" Nor could the export read those kept on the models: {why}" if why else ""
            notes.append(f"{NO_HEAD}{more}")
        if given and not keys:
            notes.append(NO_KEYS)
        notes.extend(walk.signatures.trust())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return 0, [f"The export can't be read: {type(error).__name__}: {error}."]
    return walk.count, found


def heads(walk: Walk, manifest: Mapping[str, Any], kept: Mapping[str, str]) -> Iterable[str]:
    """Heads that the chain does not hold: it was cut off, or written anew."""
    if manifest["format"] not in range(1, FORMAT + 1):
        yield f"The export has format {manifest['format']}; this check knows 1 to {FORMAT}."
    if manifest["head"] != walk.last:
        yield f"The export was made at head '{manifest['head']}', and its last event is '{walk.last}'."
    for where, told in kept.items():
        seq, _, link = told.strip().partition(" ")
        if seq not in walk.hashes:
            yield f"The chain was cut off: the head kept by {where} is event {seq}, the last here {walk.count}."
        elif walk.hashes[seq] != link.strip():
            yield f"The chain was written anew: event {seq} is not the head kept by {where}."


def proposals(walk: Walk, lines: Iterable[str], standings: dict[str, Standing]) -> Iterable[str]:
    """Proposals that are not what the events say of them; `standings` is filled with what became of each."""
    there = set()
    for line in lines:
        proposal = json.loads(line)
        ident = proposal["id"]
        if ident not in walk.proposals:
            yield f"Proposal '{ident}' is one that no event tells of."
        elif digest(proposal) != walk.proposals[ident]:
            yield f"Proposal '{ident}' is not what the events say of it."
        there.add(ident)
        if proposal["disposition"] == "approved":
            of = proposal["evidence"]
            standings[ident] = (proposal["problem"], proposal["effect"], of["challenger"], of["champion"])
    for ident in walk.proposals.keys() - there:
        yield f"Proposal '{ident}' is gone; the events know it."


def rows(walk: Walk, parts: Mapping[str, Iterable[str]], names: Iterable[str]) -> Iterable[str]:
    """Decisions, moves, locks, snapshots and holdout uses that are gone or edited, or that no event tells of."""
    for name in names:
        kind = ROWS[name]
        want, have = walk.rows[kind], Counter(digest(json.loads(line)) for line in parts[name])
        if name not in RECORDS:
            if want != have:
                yield f"The {name.partition('.')[0]} are not those that the events tell of."
            continue
        if lost := sum((want - have).values()):
            yield f"{lost} of what events ({kind}) tell of is not in {name} as they say."
        if more := sum((have - want).values()):
            yield f"{more} in {name} is there, and no event ({kind}) tells of it."


def _said(count: int) -> None:
    sys.stderr.write(f"{count:,} events\n")


def pair(text: str) -> tuple[str, str]:
    """A person and their public key, of `NAME=HEX`. Raises ValueError when it is none."""
    name, _, key = text.rpartition("=")
    if not name.strip() or len(bytes.fromhex(key)) != 32:
        raise ValueError(f"'{text}' is not NAME=HEX with the 64 hex digits of a public key")
    return name, key.lower()


def main() -> int:
    """The command."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("export", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked.add_argument("--head", default="", help="a head that was written down elsewhere: 'SEQ HASH'")
    asked.add_argument(
        "--key", action="append", default=[], type=pair, help="a key that its person handed over: NAME=HEX"
    )
    words, notes = asked.parse_args(), list[str]()
    try:
        parts = read(words.export)
        count, found = check(parts, words.head, keys=dict(words.key), notes=notes, progress=_said)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        sys.stderr.write(f"There is no export at {words.export}: {error}\n")
        return 2
    lines = [*found, *notes, f"{count:,} events checked, {len(found) or 'nothing'} wrong."]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
