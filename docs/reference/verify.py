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
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

SIGNED = {"decision.taken", "approval.given", "override.requested", "champion.restored", "clock.set_right",
          "hypothesis.locked", "version.registered", "account.changed", "key.vouched"}  # fmt: skip
KEY_ADDED, KEY_REVOKED = "key.added", "key.revoked"
ACCOUNT_CHANGED, TOKEN_CHANGED = "account.changed", "token.changed"
SECRETS = {"password", "digest"}


def person(name: str) -> str:
    """Names are compared without case and surrounding blanks."""
    return name.strip().casefold()


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


# -- what is checked ---


@dataclass
class Signatures:
    """Checks, event by event and oldest first, whether what a person decided has their signature.

    `trusted` maps a person to the public key that they handed over: the chain's own word for whose key is whose is as
    good as whoever wrote the chain. A signature is of an event's hash, and so vouches for everything before it too.
    """

    given: Mapping[int, Mapping[str, Any]]  # by the number of their event
    trusted: Mapping[str, str] = field(default_factory=dict)
    verified: Callable[[str, str, bytes], bool] = verified
    keys: dict[str, str] = field(default_factory=dict)  # who signs, and with which key, where the walk has come to
    vouch: dict[str, str] = field(default_factory=dict)  # the same of those trusted, as long as their key speaks for it
    last: dict[str, int] = field(default_factory=dict)  # the last event that a trusted key signed
    ended: dict[str, str] = field(default_factory=dict)  # who ended a trusted key without it
    owners: bool = False  # whether owners sign by now: in a ledger of an earlier release they did not

    def wrong(self, seq: int, kind: str, subject: str, body: Mapping[str, Any], link: str) -> list[str]:
        """A sentence if the event lacks the signature of the key that its person has by now."""
        if kind not in SIGNED and kind not in (KEY_ADDED, KEY_REVOKED):
            return []
        by, actor, key = (str(body.get(name, "")) for name in ("by", "actor", "key"))
        by, actor = person(by), person(actor)
        wanted = self.keys.get(by) or (key if kind == KEY_ADDED else "")  # the first key signs for itself
        found, problems, good, before = self.given.get(seq), list[str](), False, self.vouch.get(by)
        self.owners = self.owners or (kind == "version.registered" and bool(by))
        if kind == "hypothesis.locked" and found is None and not self.owners:
            return []
        if found is None and wanted:
            problems = [f"Event {seq} ({kind} {subject}) lacks the signature of '{by}'."]
        elif found is not None:
            text = f"ds-workflow event {link}".encode(errors="backslashreplace")
            mine = found["key"] == wanted and person(str(found["actor"])) == by
            good = mine and self.verified(str(found["key"]), str(found["signature"]), text)
            if not good:
                problems = [f"Event {seq} ({kind} {subject}) carries a signature that is not of '{by}'."]
        if kind == KEY_ADDED:
            self.keys[actor] = key
            if actor in self.trusted and (
                key == self.trusted[actor].lower() or (good and by == actor and wanted == before)
            ):
                self.vouch[actor] = key
                self.ended.pop(actor, None)
        elif kind == KEY_REVOKED:
            self.keys.pop(actor, None)
            if self.vouch.pop(actor, "") and not (by == actor and good):
                self.ended[actor] = f"Event {seq}: '{by}' ended the key of '{actor}' that was handed over, without it."
        if good and wanted in (before, self.vouch.get(by)):
            self.last[by] = seq
        return problems

    def untrusted(self) -> Iterator[str]:
        """What the keys that were handed over don't vouch for, once the walk is at its end."""
        for name in map(person, self.trusted):
            if name in self.ended:
                yield f"{self.ended[name]} Nothing after event {self.last.get(name, 0)} is vouched for by it."
            elif name not in self.last:
                yield f"The key handed over for '{name}' signed nothing here: it was taken out, or replaced."

    def trust(self) -> Iterator[str]:
        """How far the keys that were handed over vouch."""
        yield from (
            f"'{name}' vouches, by the key handed over, for all up to event {n}." for name, n in self.last.items()
        )


@dataclass
class People:
    """What the events say of accounts and tokens, and where the rows are not so; of a password and a token's text there
    is a digest, which events of an earlier release lack."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, kind: str, subject: str, body: Mapping[str, Any]) -> None:
        """Take one more event in; a disabled person's tokens end with it."""
        row, subject = {k: v for k, v in body.items() if k not in ("what", "program", "by")}, str(subject)
        if kind == ACCOUNT_CHANGED:
            self.accounts[subject] = row
            for token in self.tokens.values():
                token["revoked"] |= token.get("account") == subject and bool(row.get("disabled"))
        elif body.get("what") == "added":
            self.tokens[subject] = {**row, "revoked": False}
        elif subject in self.tokens:
            self.tokens[subject]["revoked"] = True

    def strayed(self, accounts: Iterable[Mapping[str, Any]], tokens: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Rows that are not what the events say."""
        for what, named, told, rows in (
            ("account", "name", self.accounts, accounts),
            ("token", "id", self.tokens, tokens),
        ):
            have = {str(row[named]): row for row in rows}
            for name in sorted({*have, *told}):
                if name not in told:
                    yield f"The {what} '{name}' is stored, and no event tells of it."
                elif name not in have:
                    yield f"The {what} '{name}' is gone; the events know it."
                elif odd := sorted(_differ(told[name], have[name])):
                    yield f"The {what} '{name}' is not what the events say of it: {', '.join(odd)}."


def _differ(told: Mapping[str, Any], row: Mapping[str, Any]) -> set[str]:
    later = SECRETS - told.keys()
    return {key for key in {*told, *row} - later if told.get(key) != row.get(key)}


Standing = tuple[str, str, "Mapping[str, Any]", "Mapping[str, Any] | None"]  # problem, effect, challenger, champion
MOVED = ("applied", "rolled_back")


def pointers(moves: Iterable[Mapping[str, Any]], standings: Mapping[str, Standing]) -> Iterable[str]:
    """Moves of a champion that do not join, that no applied decision made, and decisions that made none or several."""
    at: dict[str, Any] = {}
    moved: Counter[str] = Counter()
    for move in moves:
        of, ident, start, end = move["problem"], move["proposal_id"], move["from_ref"], move["to_ref"]
        if start != at.get(of):
            yield f"Move {move['seq']} does not start where {of}'s champion was."
        at[of] = end
        moved[ident] += 1
        if ident not in standings or standings[ident][1] not in MOVED:
            yield f"Move {move['seq']} was made for '{ident}', which is not an applied decision."
        elif standings[ident] != (of, standings[ident][1], end, start):
            yield f"Move {move['seq']} is not the one that '{ident}' decided."
    for ident, (_, effect, *_rest) in standings.items():
        if effect in MOVED and moved[ident] != 1:
            yield f"'{ident}' is {effect}, but the pointer log has {moved[ident]} moves."


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
