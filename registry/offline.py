"""Checks an export of the ledger with Python's standard library alone: `python verify.py [EXPORT] [--head 'SEQ HASH']`.

EXPORT is the zip file, or the folder it was unpacked into (default: the folder of this file). `--head` is a head that
was written down elsewhere: from MLflow's tag `ledger_head`, a mail, a printed page. Exit 0: nothing wrong; 1: something
is, said in a sentence each; 2: there is no export.

Nothing of the software that wrote the export is needed, so the check outlives it. Ed25519 is that of RFC 8032.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FORMAT = 2  # 1 had no locks, snapshots and holdout uses
EVENTS, SIGNATURES, MANIFEST = "events.jsonl", "signatures.jsonl", "manifest.json"
PROPOSALS, DECISIONS, MOVES = "proposals.jsonl", "decisions.jsonl", "moves.jsonl"
RECORDS = {"locks.jsonl": "hypothesis.locked", "snapshots.jsonl": "snapshot.recorded", "uses.jsonl": "holdout.used"}
SIGNED = {"decision.taken", "approval.given", "override.requested", "champion.restored"}
KEY_ADDED, KEY_REVOKED = "key.added", "key.revoked"


def digest(value: Any) -> str:
    """SHA-256, in hex, of a value's one JSON text: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read(where: Path) -> dict[str, str]:
    """The texts of an export by name. Raises OSError or BadZipFile when there is none."""
    names = (MANIFEST, EVENTS, SIGNATURES, PROPOSALS, DECISIONS, MOVES)
    if where.is_dir():
        more = [name for name in RECORDS if (where / name).exists()]
        return {name: (where / name).read_text("utf-8") for name in (*names, *more)}
    with zipfile.ZipFile(where) as archive:
        more = [name for name in RECORDS if name in archive.namelist()]
        return {name: archive.read(name).decode() for name in (*names, *more)}


def check(texts: Mapping[str, str], head: str = "") -> tuple[int, list[str]]:
    """How many events there are, and what is wrong, one sentence each."""
    try:
        rows = {n: [json.loads(line) for line in text.splitlines()] for n, text in texts.items() if n != MANIFEST}
        manifest = json.loads(texts[MANIFEST])
        events = rows[EVENTS]
        found = [
            *links(events),
            *heads(events, manifest, head),
            *stored(events, rows[PROPOSALS], rows[DECISIONS], rows[MOVES]),
            *(records(events, rows) if manifest["format"] != 1 else ()),
            *pointers(rows[MOVES], {p["id"]: p for p in rows[PROPOSALS]}),
            *signatures(events, {s["seq"]: s for s in rows[SIGNATURES]}),
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return 0, [f"The export can't be read: {type(error).__name__}: {error}."]
    return len(events), found


def links(events: list[dict[str, Any]]) -> Iterable[str]:
    """Events edited, moved, put in or cut out."""
    seq, link = 0, "0" * 64
    for event in events:
        if event["seq"] != seq + 1:
            yield f"After event {seq} comes event {event['seq']}."
        if event["previous"] != link:
            yield f"Event {event['seq']} does not follow the one before it."
        if digest({k: v for k, v in event.items() if k != "hash"}) != event["hash"]:
            yield f"Event {event['seq']} ({event['kind']} {event['subject']}) was edited."
        seq, link = event["seq"], event["hash"]


def heads(events: list[dict[str, Any]], manifest: Mapping[str, Any], head: str) -> Iterable[str]:
    """Heads that the chain does not hold: it was cut off, or written anew."""
    by_seq = {str(event["seq"]): event["hash"] for event in events}
    if manifest["format"] not in (1, FORMAT):
        yield f"The export has format {manifest['format']}; this check knows 1 to {FORMAT}."
    last = f"{events[-1]['seq']} {events[-1]['hash']}" if events else ""
    if manifest["head"] != last:
        yield f"The export was made at head '{manifest['head']}', and its last event is '{last}'."
    named = {f"{problem}'s registered model": kept for problem, kept in manifest["heads"].items()}
    for where, kept in {**named, **({"the reader": head} if head else {})}.items():
        seq, _, link = kept.strip().partition(" ")
        if seq not in by_seq:
            yield f"The chain was cut off: the head kept by {where} is event {seq}, the last here {len(events)}."
        elif by_seq[seq] != link.strip():
            yield f"The chain was written anew: event {seq} is not the head kept by {where}."


def stored(
    events: list[dict[str, Any]],
    proposals: list[dict[str, Any]],
    decisions: list[dict[str, Any]],
    moves: list[dict[str, Any]],
) -> Iterable[str]:
    """Rows that are not what the events say of them."""
    told = {e["subject"]: e["body"] for e in events if e["kind"] in ("proposal.written", "proposal.changed")}
    have = {p["id"]: p for p in proposals}
    for ident, body in told.items():
        if ident not in have:
            yield f"Proposal '{ident}' is gone; the events know it."
        elif digest(have[ident]) != body["record"]:
            yield f"Proposal '{ident}' is not what the events say of it."
    for ident in have.keys() - told.keys():
        yield f"Proposal '{ident}' is one that no event tells of."
    for kind, what, rows in (("decision.taken", "decisions", decisions), ("champion.moved", "moves", moves)):
        want = Counter(digest(e["body"]) for e in events if e["kind"] == kind)
        if want != Counter(map(digest, rows)):
            yield f"The {what} are not those that the events tell of."


def records(events: list[dict[str, Any]], rows: Mapping[str, list[dict[str, Any]]]) -> Iterable[str]:
    """Locks, snapshots and holdout uses that are gone or edited, or that no event tells of."""
    for name, kind in RECORDS.items():
        want, have = Counter(digest(e["body"]) for e in events if e["kind"] == kind), Counter(map(digest, rows[name]))
        if lost := sum((want - have).values()):
            yield f"{lost} of what events ({kind}) tell of is not in {name} as they say."
        if more := sum((have - want).values()):
            yield f"{more} in {name} is there, and no event ({kind}) tells of it."


def pointers(moves: list[dict[str, Any]], proposals: Mapping[str, dict[str, Any]]) -> Iterable[str]:
    """Moves of a champion that do not join, or that no applied decision made."""
    at: dict[str, Any] = {}
    for move in moves:
        if move["from_ref"] != at.get(move["problem"]):
            yield f"Move {move['seq']} does not start where {move['problem']}'s champion was."
        at[move["problem"]] = move["to_ref"]
        if proposals.get(move["proposal_id"], {}).get("effect") not in ("applied", "rolled_back"):
            yield f"Move {move['seq']} was made for '{move['proposal_id']}', which is not an applied decision."


def signatures(events: list[dict[str, Any]], signed: Mapping[int, dict[str, Any]]) -> Iterable[str]:
    """Decisions that lack the signature of the key that their person had then."""
    keys: dict[str, str] = {}
    for event in events:
        kind, body = event["kind"], event["body"]
        if kind not in SIGNED and kind not in (KEY_ADDED, KEY_REVOKED):
            continue
        by = str(body.get("by", "")).strip().casefold()
        wanted = keys.get(by) or (body["key"] if kind == KEY_ADDED else None)
        found = signed.get(event["seq"])
        if found is None and wanted:
            yield f"Event {event['seq']} ({kind} {event['subject']}) lacks the signature of '{by}'."
        elif found is not None and not (
            found["key"] == wanted
            and found["actor"].strip().casefold() == by
            and verified(found["key"], found["signature"], f"ds-workflow event {event['hash']}".encode())
        ):
            yield f"Event {event['seq']} ({kind} {event['subject']}) carries a signature that is not of '{by}'."
        if kind == KEY_ADDED:
            keys[body["actor"].strip().casefold()] = body["key"]
        elif kind == KEY_REVOKED:
            keys.pop(body["actor"].strip().casefold(), None)


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


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


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
    base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    if len(public) != 32 or len(sent) != 64 or base is None:
        return False
    a, r, s = _point(public), _point(sent[:32]), int.from_bytes(sent[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(sent[:32] + public + message).digest(), "little") % Q
    left, right = _times(s, base), _add(r, _times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P


def main() -> int:
    """The command."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("export", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked.add_argument("--head", default="", help="a head that was written down elsewhere: 'SEQ HASH'")
    words = asked.parse_args()
    try:
        texts = read(words.export)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"There is no export at {words.export}: {error}\n")
        return 2
    count, found = check(texts, words.head)
    lines = [*found, f"{count:,} events checked, {len(found) or 'nothing'} wrong."]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
