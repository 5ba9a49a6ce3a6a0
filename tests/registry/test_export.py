"""An export is checked by a program of the standard library alone, and everything that was done to it shows."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry import exporting, laws, offline
from registry.memory import MemoryLedger, MemoryVersions
from registry.records import Event, canonical_json, digest_of
from registry.signing import Signer

PROBLEM = "toy_prices"
Lines = dict[str, list[dict[str, Any]]]
AT = "2026-02-01T12:00:00.000000Z"


@pytest.fixture(scope="module")
def export(make_bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two champions, a signed rejection and a restored alias, exported."""
    folder = tmp_path_factory.mktemp("export")
    bench = make_bench(MemoryVersions(folder / "versions"), MemoryLedger(), folder)
    key = Signer.new()
    registry = bench.registry(signer=lambda: key)
    bench.promote()
    bench.promote(3.0)
    registry.add_key("ada", signer=key)
    registry.reject(bench.propose(bench.candidate(4.0)).id, by="ada", reason="näher besehen: no")
    bench.versions.set_alias(PROBLEM, "champion", 1)
    registry.restore(PROBLEM, by="ada", reason="by mistake")
    assert registry.verify().problems == []
    count, head = registry.export(folder / "ledger.zip", at=AT)
    assert (count, head.split()[0]) == (len(registry.events()), str(count))
    again, _ = registry.export(folder / "again.zip", at=AT)
    assert again == count
    assert (folder / "again.zip").read_bytes() == (folder / "ledger.zip").read_bytes()
    return folder / "ledger.zip"


@pytest.fixture
def head(export: Path) -> str:
    return str(json.loads("".join(offline.read(export)[offline.MANIFEST]))["head"])


def lines_of(export: Path) -> tuple[dict[str, Any], Lines]:
    parts = offline.read(export)
    manifest = json.loads("".join(parts.pop(offline.MANIFEST)))
    return manifest, {name: [json.loads(line) for line in part] for name, part in parts.items()}


def texts_of(manifest: dict[str, Any], lines: Lines) -> dict[str, list[str]]:
    written = {name: [canonical_json(row) for row in rows] for name, rows in lines.items()}
    return {offline.MANIFEST: [canonical_json(manifest)], **written}


def chained(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same events with numbers and hashes made anew, as by somebody who holds the database."""
    last: Event | None = None
    found = []
    for event in events:
        last = Event.after(last, at=event["at"], kind=event["kind"], subject=event["subject"], body=event["body"])
        found.append(json.loads(canonical_json(last.__dict__)))
    return found


def key_of(export: Path) -> str:
    """The public key that ada handed over."""
    (told,) = [event for event in lines_of(export)[1][offline.EVENTS] if event["kind"] == "key.added"]
    return str(told["body"]["key"])


def run(folder: Path, *words: str) -> tuple[int, str]:
    """verify.py alone: no site-packages, no environment, none of our modules."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_program_in_the_export_needs_nothing_else(export: Path, tmp_path: Path, head: str) -> None:
    with zipfile.ZipFile(export) as archive:
        archive.extractall(tmp_path)
    imports = [line.split()[1].partition(".")[0] for line in (tmp_path / "verify.py").read_text("utf-8").splitlines()
               if line.startswith(("import ", "from "))]  # fmt: skip
    assert set(imports) <= sys.stdlib_module_names
    events = len((tmp_path / offline.EVENTS).read_text("utf-8").splitlines())
    key = ("--key", f"ADA={key_of(export)}")
    vouched = f"'ada' vouches, by the key handed over, for all up to event {events}.\n"
    good = f"{events} events checked, nothing wrong.\n"
    assert run(tmp_path, str(export), "--head", head, *key) == (0, vouched + good)
    assert run(tmp_path) == (0, f"{offline.NO_HEAD}\n{offline.NO_KEYS}\n{good}"), "unpacked, it checks its own folder"
    assert run(tmp_path, "--key", "ada=12")[0] == 2
    assert (tmp_path / "verify.py").read_text("utf-8") == exporting.program()
    assert exporting.program_digest() in (tmp_path / "README.txt").read_text("utf-8")
    code, said = run(tmp_path, "--head", f"{events + 1} {'0' * 64}")
    assert (code, "cut off" in said) == (1, True)
    code, said = run(tmp_path, str(tmp_path / "nothing.zip"))
    assert (code, "There is no export" in said) == (2, True)
    (tmp_path / offline.EVENTS).write_text("{}\n", "utf-8")
    code, said = run(tmp_path)
    assert (code, "can't be read" in said, "Traceback" in said) == (1, True, False)


def edit(lines: Lines) -> None:
    lines[offline.EVENTS][3]["subject"] = "P-x"


def reorder(lines: Lines) -> None:
    events = lines[offline.EVENTS]
    events[3], events[4] = events[4], events[3]


def insert(lines: Lines) -> None:
    lines[offline.EVENTS].insert(4, dict(lines[offline.EVENTS][4]))


def delete(lines: Lines) -> None:
    del lines[offline.EVENTS][4]


def truncate(lines: Lines) -> None:
    del lines[offline.EVENTS][-3:]


def edit_decision(lines: Lines) -> None:
    lines[offline.DECISIONS][0]["by"] = "bob"


def forget_decision(lines: Lines) -> None:
    del lines[offline.DECISIONS][0]


def edit_proposal(lines: Lines) -> None:
    lines[offline.PROPOSALS][0]["gates"] = []


def forget_proposal(lines: Lines) -> None:
    del lines[offline.PROPOSALS][-1]


def redirect(lines: Lines) -> None:
    lines[offline.MOVES][-1]["to_ref"]["version"] = 9


def unsign(lines: Lines) -> None:
    del lines[offline.SIGNATURES][-1]


def exchange(lines: Lines) -> None:
    lines[offline.SIGNATURES][-1]["signature"] = lines[offline.SIGNATURES][0]["signature"]


def invent_lock(lines: Lines) -> None:
    row = {"problem": PROBLEM, "hypothesis_id": "H-7", "digest": "a" * 64, "by": "olga", "at": AT}
    lines["locks.jsonl"].append(row)


def invent_use(lines: Lines) -> None:
    lines["uses.jsonl"].append({**lines["uses.jsonl"][0], "alpha": 0.001})


def forget_use(lines: Lines) -> None:
    del lines["uses.jsonl"][0]


def drop_a_table(lines: Lines) -> None:
    del lines["snapshots.jsonl"]


HARMS: list[tuple[Callable[[Lines], None], str]] = [
    (edit, "was edited"),
    (reorder, "does not follow"),
    (insert, "does not follow"),
    (delete, "does not follow"),
    (truncate, "cut off"),
    (edit_decision, "decisions are not those"),
    (forget_decision, "decisions are not those"),
    (edit_proposal, "is not what the events say"),
    (forget_proposal, "is gone"),
    (redirect, "moves are not those"),
    (invent_lock, "1 in locks.jsonl is there"),
    (invent_use, "1 in uses.jsonl is there"),
    (forget_use, "1 of what events"),
    (drop_a_table, "can't be read"),
    (unsign, "lacks the signature of 'ada'"),
    (exchange, "not of 'ada'"),
]


@pytest.mark.parametrize(("harm", "says"), HARMS)
def test_whatever_is_done_to_an_export_shows(export: Path, harm: Callable[[Lines], None], says: str) -> None:
    manifest, lines = lines_of(export)
    count, found = offline.check(texts_of(manifest, lines))
    assert (count, found) == (len(lines[offline.EVENTS]), [])
    harm(lines)
    _, found = offline.check(texts_of(manifest, lines))
    assert any(says in problem for problem in found), found


def test_a_chain_made_anew_needs_the_head_from_outside_and_the_keys(export: Path, head: str) -> None:
    """What somebody who holds the database can do: write everything anew. A head kept elsewhere and signatures tell."""
    manifest, lines = lines_of(export)
    rejection = [e for e in lines[offline.EVENTS] if e["kind"] == "decision.taken"][-1]
    rejection["body"]["reason"] = "yes after all"
    lines[offline.DECISIONS][-1]["reason"] = "yes after all"
    lines[offline.EVENTS] = chained(lines[offline.EVENTS])
    last = lines[offline.EVENTS][-1]
    forged = texts_of({**manifest, "head": f"{last['seq']} {last['hash']}", "heads": {}}, lines)
    found = offline.check(forged)[1]
    assert [problem for problem in found if "signature" not in problem] == [], "without either, nothing shows"
    assert any("not of 'ada'" in problem for problem in found), "her signature covers the old hash"
    assert any("written anew" in problem for problem in offline.check(forged, head)[1])


def forged(export: Path) -> tuple[dict[str, Any], Lines]:
    """Another reason under ada's name, with every hash made anew."""
    manifest, lines = lines_of(export)
    rejection = [e for e in lines[offline.EVENTS] if e["kind"] == "decision.taken"][-1]
    rejection["body"]["reason"] = lines[offline.DECISIONS][-1]["reason"] = "yes after all"
    return {**manifest, "heads": {}}, lines


def answered(manifest: dict[str, Any], lines: Lines, **given: Any) -> list[str]:
    last = lines[offline.EVENTS][-1]
    manifest = {**manifest, "head": f"{last['seq']} {last['hash']}"}
    return offline.check(texts_of(manifest, lines), **given)[1]


def sign_again(lines: Lines, thief: Signer, *, but: tuple[int, ...] = ()) -> None:
    """Sign every event anew that was signed, by another key."""
    for row in lines[offline.SIGNATURES]:
        if row["seq"] not in but:
            event = Event(**lines[offline.EVENTS][row["seq"] - 1])
            row |= {"key": thief.public, "signature": thief.sign(event, "ada").signature}


def replaced(lines: Lines, thief: Signer) -> None:
    """Ada's key is another one, and it signed everything."""
    next(e for e in lines[offline.EVENTS] if e["kind"] == "key.added")["body"]["key"] = thief.public
    lines[offline.EVENTS] = chained(lines[offline.EVENTS])
    sign_again(lines, thief)


def stripped(lines: Lines, thief: Signer) -> None:
    """Nobody ever had a key."""
    lines[offline.EVENTS] = chained([e for e in lines[offline.EVENTS] if e["kind"] != "key.added"])
    lines[offline.SIGNATURES] = []


def ended(lines: Lines, thief: Signer) -> None:
    """Ada's true key is ended by somebody before it signs, and nothing was signed since."""
    events = lines[offline.EVENTS]
    at = next(n for n, e in enumerate(events) if e["kind"] == "key.added")
    body = {"by": "bob", "actor": "ada", "key": events[at]["body"]["key"], "reason": "lost"}
    events.insert(at + 1, {**events[at], "kind": "key.revoked", "body": body})
    lines[offline.EVENTS] = chained(events)
    lines[offline.SIGNATURES] = lines[offline.SIGNATURES][:1]


def succeeded(lines: Lines, thief: Signer) -> None:
    """Another key signs as ada's all along, and the true one comes last, vouched for by it."""
    true = next(e for e in lines[offline.EVENTS] if e["kind"] == "key.added")
    last = {**true, "body": {**true["body"], "before": thief.public}}
    true["body"] = {**true["body"], "key": thief.public}
    lines[offline.EVENTS] = chained([*lines[offline.EVENTS], last])
    lines[offline.SIGNATURES].append({**lines[offline.SIGNATURES][-1], "seq": len(lines[offline.EVENTS])})
    sign_again(lines, thief)


@pytest.mark.parametrize(
    ("attack", "says"),
    [(replaced, "signed nothing here"), (stripped, "signed nothing here"), (ended, "Nothing after event"),
     (succeeded, "signed nothing here")],
)  # fmt: skip
def test_whoever_writes_the_keys_anew_too_is_told_by_one_that_was_handed_over(
    export: Path, attack: Callable[[Lines, Signer], None], says: str
) -> None:
    manifest, lines = forged(export)
    attack(lines, Signer.new())
    notes: list[str] = []
    assert answered(manifest, lines, notes=notes) == [], "by its own keys the chain is sound"
    assert offline.NO_HEAD in notes
    found = answered(manifest, lines, keys={" Ada": key_of(export).upper()})
    assert any(says in one for one in found), found


def test_a_key_vouches_for_the_one_that_follows_it(make_bench: Any, tmp_path: Path) -> None:
    bench = make_bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(), tmp_path)
    first, second = Signer.new(), Signer.new()
    for key, signer in ((first, first), (second, first)):
        bench.registry(signer=lambda of=signer: of).add_key("ada", signer=key)
    registry = bench.registry(signer=lambda: second)
    bench.approve(bench.propose(bench.candidate()), registry)
    signed = registry.events(kind="decision.taken")[-1].seq
    for key in (first, second):
        found = registry.verify(trusted={"Ada": key.public})
        assert found.problems == []
        assert f"'ada' vouches, by the key handed over, for all up to event {signed}." in found.notes
    assert any("signed nothing here" in one for one in registry.verify(trusted={"ada": "ab" * 32}).problems)
    registry.revoke_key("ada", by="ada", reason="a new machine")
    assert registry.verify(trusted={"ada": first.public}).problems == []


def two_moves(lines: Lines) -> None:
    lines[offline.MOVES].append(lines[offline.MOVES][-1])


def other_move(lines: Lines) -> None:
    lines[offline.MOVES][-1]["to_ref"] = {**lines[offline.MOVES][-1]["to_ref"], "version": 9}


def no_move(lines: Lines) -> None:
    del lines[offline.MOVES][-1]


@pytest.mark.parametrize(
    ("harm", "says"), [(two_moves, "has 2 moves"), (other_move, "is not the one that"), (no_move, "has 0 moves")]
)
def test_moves_told_anew_still_have_to_be_those_that_were_decided(
    export: Path, harm: Callable[[Lines], None], says: str
) -> None:
    manifest, lines = forged(export)
    harm(lines)
    told = [{"kind": "champion.moved", "subject": move["proposal_id"], "at": AT, "body": move}
            for move in lines[offline.MOVES]]  # fmt: skip
    others = [e for e in lines[offline.EVENTS] if e["kind"] not in ("champion.moved", "key.added")]
    lines[offline.EVENTS], lines[offline.SIGNATURES] = chained([*others, *told]), []
    found = answered(manifest, lines)
    assert found and all("Move" in one or "moves" in one for one in found), found
    assert any(says in one for one in found), found


def test_an_auditor_finds_their_own_copy_of_the_program_and_its_digest() -> None:
    folder = Path(__file__).resolve().parents[2] / "docs" / "reference"
    again = "python -m registry.exporting docs/reference"
    assert (folder / "verify.py").read_text("utf-8") == exporting.program(), again
    assert (folder / "verify.py.sha256").read_text("utf-8") == f"{exporting.program_digest()}  verify.py\n", again


def test_ed25519_agrees_with_the_library(export: Path) -> None:
    for n in range(3):
        key = Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)
        public, message = key.public_key().public_bytes_raw().hex(), digest_of(n).encode()
        signature = key.sign(message)
        assert laws.verified(public, signature.hex(), message)
        assert not laws.verified(public, signature.hex(), message + b".")
        assert not laws.verified(public, bytes([signature[0] ^ 1, *signature[1:]]).hex(), message)
        more = int.from_bytes(signature[32:], "little") + laws.Q  # RFC 8032, 5.1.7: S must be below the order
        assert not laws.verified(public, (signature[:32] + more.to_bytes(32, "little")).hex(), message)
    # RFC 8032, 7.1, TEST 3
    assert laws.verified(
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        bytes.fromhex("af82"),
    )
    assert not laws.verified("zz", "", b"")
