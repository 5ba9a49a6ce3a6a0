"""Checks an export of the ledger with Python's standard library alone: `python verify.py [EXPORT] [--head 'SEQ HASH']`.

EXPORT is the zip file, or the folder it was unpacked into (default: the folder of this file). `--head` is a head that
was written down elsewhere: from MLflow's tag `ledger_head`, a mail, a printed page. Exit 0: nothing wrong; 1: something
is, said in a sentence each; 2: there is no export.

Nothing of the software that wrote the export is needed, so the check outlives it. Ed25519 is that of RFC 8032.
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
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

FORMAT = 2  # 1 had no locks, snapshots and holdout uses
EVENTS, SIGNATURES, MANIFEST = "events.jsonl", "signatures.jsonl", "manifest.json"
PROPOSALS, DECISIONS, MOVES = "proposals.jsonl", "decisions.jsonl", "moves.jsonl"
RECORDS = {"locks.jsonl": "hypothesis.locked", "snapshots.jsonl": "snapshot.recorded", "uses.jsonl": "holdout.used"}
ROWS = {DECISIONS: "decision.taken", MOVES: "champion.moved", **RECORDS}
SIGNED = {"decision.taken", "approval.given", "override.requested", "champion.restored", "clock.set_right"}
KEY_ADDED, KEY_REVOKED = "key.added", "key.revoked"
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
    if missing := [name for name in names if name not in there]:
        raise KeyError(missing[0])
    return {name: Part(where, name) for name in (*names, *(name for name in RECORDS if name in there))}


@dataclass
class Walk:
    """A walk along the chain: where it has come to, what is wrong with it, and what it tells of rows."""

    wanted: frozenset[str] = frozenset()  # the numbers of events whose hashes are to be kept
    signed: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    seq: int = 0
    link: str = "0" * 64
    count: int = 0
    last: str = ""
    wrong: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    proposals: dict[str, str] = field(default_factory=dict)  # the digest of each one's record
    rows: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in ROWS.values()})
    keys: dict[str, str] = field(default_factory=dict)

    def page(self, lines: list[str]) -> None:
        """The next events: all at once, or one by one if something is wrong with them."""
        events = [json.loads(line) for line in lines]
        if not self._sound(lines, events):
            for event in events:
                self._next(event)
        for event in events:
            if str(event["seq"]) in self.wanted:
                self.hashes[str(event["seq"])] = event["hash"]
            kind = event["kind"]
            if kind in ("proposal.written", "proposal.changed"):
                self.proposals[event["subject"]] = event["body"]["record"]
            elif kind in self.rows:
                self.rows[kind][digest(event["body"])] += 1
            if kind in SIGNED or kind in (KEY_ADDED, KEY_REVOKED):
                self._signature(event)
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
        if digest({k: v for k, v in event.items() if k != "hash"}) != event["hash"]:
            self.wrong.append(f"Event {event['seq']} ({event['kind']} {event['subject']}) was edited.")
        self.seq, self.link = event["seq"], event["hash"]

    def _signature(self, event: dict[str, Any]) -> None:
        """Whether a decision has the signature of the key that its person had then."""
        kind, body, of = event["kind"], event["body"], f"Event {event['seq']} ({event['kind']} {event['subject']})"
        by = str(body.get("by", "")).strip().casefold()
        wanted = self.keys.get(by) or (body["key"] if kind == KEY_ADDED else None)
        found = self.signed.get(event["seq"])
        if found is None and wanted:
            self.unsigned.append(f"{of} lacks the signature of '{by}'.")
        elif found is not None and not (
            found["key"] == wanted
            and found["actor"].strip().casefold() == by
            and verified(found["key"], found["signature"], f"ds-workflow event {event['hash']}".encode())
        ):
            self.unsigned.append(f"{of} carries a signature that is not of '{by}'.")
        if kind == KEY_ADDED:
            self.keys[body["actor"].strip().casefold()] = body["key"]
        elif kind == KEY_REVOKED:
            self.keys.pop(body["actor"].strip().casefold(), None)


def _rest(line: str, link: str) -> str:
    """An event's text without its hash; what is after that are words, a number and words, so the last one is it."""
    own = f',"hash":"{link}"'
    at = line.rindex(f'{own},"kind":"')
    return line[:at] + line[at + len(own) :]


def check(parts: Mapping[str, Iterable[str]], head: str = "", *, progress: Callable[[int], object] = lambda _: None
          ) -> tuple[int, list[str]]:  # fmt: skip
    """How many events there are, and what is wrong, one sentence each. `parts` are lines, by the name of their file;
    of events and proposals a few are in memory at a time. `progress` is told now and then how many events were read.
    """
    try:
        manifest = json.loads("".join(parts[MANIFEST]))
        kept = {f"{problem}'s registered model": str(told) for problem, told in manifest["heads"].items()}
        kept |= {"the reader": head} if head else {}
        wanted = frozenset(told.strip().partition(" ")[0] for told in kept.values())
        walk = Walk(wanted, {s["seq"]: s for s in map(json.loads, parts[SIGNATURES])})
        lines = iter(parts[EVENTS])
        while page := list(islice(lines, PAGE)):
            walk.page(page)
            if walk.count % TOLD_EVERY == 0:
                progress(walk.count)
        effects: dict[str, str] = {}
        found = [
            *walk.wrong,
            *heads(walk, manifest, kept),
            *proposals(walk, parts[PROPOSALS], effects),
            *rows(walk, parts, ROWS if manifest["format"] != 1 else (DECISIONS, MOVES)),
            *pointers(map(json.loads, parts[MOVES]), effects),
            *walk.unsigned,
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return 0, [f"The export can't be read: {type(error).__name__}: {error}."]
    return walk.count, found


def heads(walk: Walk, manifest: Mapping[str, Any], kept: Mapping[str, str]) -> Iterable[str]:
    """Heads that the chain does not hold: it was cut off, or written anew."""
    if manifest["format"] not in (1, FORMAT):
        yield f"The export has format {manifest['format']}; this check knows 1 to {FORMAT}."
    if manifest["head"] != walk.last:
        yield f"The export was made at head '{manifest['head']}', and its last event is '{walk.last}'."
    for where, told in kept.items():
        seq, _, link = told.strip().partition(" ")
        if seq not in walk.hashes:
            yield f"The chain was cut off: the head kept by {where} is event {seq}, the last here {walk.count}."
        elif walk.hashes[seq] != link.strip():
            yield f"The chain was written anew: event {seq} is not the head kept by {where}."


def proposals(walk: Walk, lines: Iterable[str], effects: dict[str, str]) -> Iterable[str]:
    """Proposals that are not what the events say of them; `effects` is filled with what became of each."""
    for line in lines:
        proposal = json.loads(line)
        ident = proposal["id"]
        if ident not in walk.proposals:
            yield f"Proposal '{ident}' is one that no event tells of."
        elif digest(proposal) != walk.proposals[ident]:
            yield f"Proposal '{ident}' is not what the events say of it."
        effects[ident] = proposal["effect"]
    for ident in walk.proposals.keys() - effects.keys():
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


def pointers(moves: Iterable[dict[str, Any]], effects: Mapping[str, str]) -> Iterable[str]:
    """Moves of a champion that do not join, or that no applied decision made."""
    at: dict[str, Any] = {}
    for move in moves:
        if move["from_ref"] != at.get(move["problem"]):
            yield f"Move {move['seq']} does not start where {move['problem']}'s champion was."
        at[move["problem"]] = move["to_ref"]
        if effects.get(move["proposal_id"]) not in ("applied", "rolled_back"):
            yield f"Move {move['seq']} was made for '{move['proposal_id']}', which is not an applied decision."


# -- Ed25519, RFC 8032, sections 5.1.3, 5.1.4 and 5.1.7 ------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]  # X, Y, Z and T with x = X/Z, y = Y/Z, xy = T/Z


def _add(a: Point, b: Point) -> Point:
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, d - c, d + c, two + one
    return (e * f % P, g * h % P, f * g % P, e * h % P)


Table = list[list[Point]]  # of each of a scalar's 64 hex digits, from the last: the point times 0 to 15, times 16^n


def _table(point: Point) -> Table:
    rows = []
    for _ in range(64):
        row: list[Point] = [(0, 1, 1, 0)]
        for _ in range(15):
            row.append(_add(row[-1], point))
        rows.append(row)
        point = _add(row[-1], point)
    return rows


def _times(scalar: int, table: Table) -> Point:
    total: Point = (0, 1, 1, 0)
    for row in table:
        total, scalar = _add(total, row[scalar & 15]), scalar >> 4
    return total


@lru_cache(maxsize=64)
def _key(data: bytes) -> Table | None:
    """The multiples of a public key or of the base point: a person signs more than once."""
    point = _point(data)
    return None if point is None else _table(point)


def _point(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def verified(key: str, signature: str, message: bytes) -> bool:
    """Whether this is the key's signature of the message."""
    try:
        public, sent = bytes.fromhex(key), bytes.fromhex(signature)
    except ValueError:
        return False
    base = _key((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    if len(public) != 32 or len(sent) != 64 or base is None:
        return False
    a, r, s = _key(public), _point(sent[:32]), int.from_bytes(sent[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(sent[:32] + public + message).digest(), "little") % Q
    left, right = _times(s, base), _add(r, _times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P


def _said(count: int) -> None:
    sys.stderr.write(f"{count:,} events\n")


def main() -> int:
    """The command."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("export", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked.add_argument("--head", default="", help="a head that was written down elsewhere: 'SEQ HASH'")
    words = asked.parse_args()
    try:
        parts = read(words.export)
        count, found = check(parts, words.head, progress=_said)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        sys.stderr.write(f"There is no export at {words.export}: {error}\n")
        return 2
    lines = [*found, f"{count:,} events checked, {len(found) or 'nothing'} wrong."]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
