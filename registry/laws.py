"""The laws of a ledger that hold wherever it is checked: signatures, accounts, and the moves of a champion.

Standard library alone: this file is a part of the program that travels in every export. Ed25519 is that of RFC 8032.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
