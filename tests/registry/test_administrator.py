"""What somebody who holds the database and not the outside can do, and where it shows; nothing here is told by a check
that changes anything."""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from registry import chain, offline
from registry.accounts_store import Accounts
from registry.errors import Conflict, InvalidRecord, Unreadable
from registry.memory import MemoryLedger, MemoryVersions
from registry.records import (
    Decision,
    HoldoutUse,
    HypothesisLock,
    SnapshotRecord,
    digest_of,
    proposal_id,
    utc_text,
)
from registry.signing import Signer
from registry.sql_ledger import SqlLedger
from registry.sql_rows import from_event, from_proposal

PROBLEM, OTHER = "toy_prices", "other"
PEOPLE = {"ada": ("approver",), "bob": ("approver",), "vic": ("viewer",), "olga": ("data_scientist",)}
AT = "2026-02-01T12:00:00.000000Z"
TABLES = ("proposals", "decisions", "pointer_moves", "hypothesis_locks", "snapshots", "holdout_uses", "signatures",
          "accounts", "api_tokens", "events")  # fmt: skip


@pytest.fixture(scope="module")
def built(make_bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two problems, each with a champion; a signed rejection; a row in every table."""
    folder = tmp_path_factory.mktemp("house")
    bench = make_bench(MemoryVersions(folder / "versions"), SqlLedger.at(folder / "arena.db"), folder)
    people = Accounts(folder / "arena.db", clock=bench.clock)
    people.add("cron", roles=("service",))
    people.add_token("cron", label="nightly", days=3)
    people.revoke_token(people.add_token("cron", label="weekly", days=3)[0].id)
    key = Signer.new()
    bench.key = key
    registry = bench.registry(people=PEOPLE, signer=lambda: key)
    at = utc_text(bench.clock())
    registry.record_snapshot(SnapshotRecord(PROBLEM, "d1", "a" * 64, "b" * 64, 1, ("x",), "", "", "", 1, "", "", at))
    registry.lock_hypothesis(HypothesisLock(PROBLEM, "H-1", digest_of("text"), "olga", at))
    registry.add_key("ada", signer=key, by="bob")
    for n, problem in enumerate((PROBLEM, PROBLEM, OTHER)):
        version = registry.register(bench.run(slope=2.0 + n, problem=problem))
        bench.approve(bench.propose(version, registry), registry, by="bob")
    version = registry.register(bench.run(slope=9.0))
    registry.reject(bench.propose(version, registry).id, by="ada", reason="no")
    return bench


@pytest.fixture
def house(built: Any, make_bench: Any, tmp_path: Path) -> Any:
    """A copy, to be harmed."""
    with closing(sqlite3.connect(built.folder / "arena.db")) as source, closing(opened(tmp_path)) as copied:
        source.backup(copied)
    made = make_bench(copy.deepcopy(built.versions), SqlLedger.at(tmp_path / "arena.db"), tmp_path)
    made.key, made.clock.now = built.key, built.clock.now
    made.versions._root = tmp_path / "versions"
    shutil.copytree(built.folder / "versions", tmp_path / "versions")
    return made


def opened(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "arena.db", isolation_level=None)


@contextmanager
def unguarded(bench: Any) -> Iterator[sqlite3.Connection]:
    """The file in the hands of somebody who takes the triggers off first."""
    with closing(opened(bench.folder)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = 1")
        yield connection


def insert(c: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    c.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' for _ in row)})", tuple(row.values()))


def registry_of(bench: Any, **options: Any) -> Any:
    return bench.registry(people=PEOPLE, signer=lambda: bench.key, **options)


# -- a decision put in at the end --------------------------------------------------------------------------------------


def forge(bench: Any, by: str, *, stands: bool, looks: bool) -> str:
    """An approval by plain INSERTs, no trigger in the way and every hash right."""
    ledger = bench.ledger
    old = next(p for p in ledger.proposals(PROBLEM) if p.disposition == "rejected")
    evidence = replace(old.evidence, holdout_digest=digest_of("forged"))
    at = utc_text(bench.clock())
    made = replace(
        old, id=proposal_id(bench.clock.now, evidence.digest), evidence=evidence, disposition="open", decided_by=None,
        decided_at=None, reason="", row_version=1, created_at=at, expires_at="2027-01-01T00:00:00.000000Z",
    )  # fmt: skip
    done, last = made.decided("approved", by=by, at=at, reason="forged"), ledger.head()
    with closing(opened(bench.folder)) as c:

        def tell(kind: str, body: dict[str, Any]) -> None:
            nonlocal last
            last = chain.next_event(last, at=at, kind=kind, subject=made.id, body=body)
            insert(c, "events", from_event(last))

        insert(c, "proposals", from_proposal(done))
        tell(chain.PROPOSAL, chain.proposal_body(made))
        if looks:
            use = HoldoutUse(digest_of("forged"), PROBLEM, made.id, at, 0.05)
            insert(c, "holdout_uses", asdict(use))
            tell(chain.HOLDOUT, asdict(use))
        tell(chain.CHANGED, chain.proposal_body(done))
        if stands:
            tell(chain.STANDING, {"by": by, "action": "approve", "roles": ["approver"], "solo": False, "asks": 1,
                                  "barred": {}})  # fmt: skip
        decision = Decision(made.id, "approve", by, at, "forged", made.digest)
        insert(c, "decisions", asdict(decision))
        tell(chain.DECISION, asdict(decision))
    return made.id


@pytest.mark.parametrize(
    ("by", "stands", "looks", "says"),
    [
        ("bob", False, True, "nothing says how bob could decide it"),
        ("bob", True, False, "no 'holdout.used' stands before"),
        ("ada", True, True, "lacks the signature of 'ada'"),
        ("vic", True, True, "does not have the role 'approver'"),
        ("olga", True, True, "does not have the role"),
        ("mallory", True, True, "not declared"),
    ],
)
def test_a_forged_approval_is_told_and_neither_finished_nor_covered(
    house: Any, by: str, stands: bool, looks: bool, says: str
) -> None:
    registry, kept = registry_of(house), house.versions.tagged(chain.HEAD_TAG)
    assert registry.verify().problems == []
    champion, forged = registry.champion(PROBLEM), forge(house, by, stands=stands, looks=looks)
    before = house.ledger.events()
    found = registry.verify().problems
    assert any(f"approve of {forged} by {by}" in one and "after the head kept outside" in one for one in found), found
    assert any("No command wrote them" in one for one in found)
    assert any(says in one for one in found), found
    assert house.ledger.events() == before, "a check changes nothing"
    with pytest.raises(Conflict, match="half applied") as refused:
        registry.reconcile(PROBLEM, smoke=house.smoke)
    assert "arena-verify" in refused.value.hint
    registry.register(house.run(slope=12.0))
    assert house.versions.tagged(chain.HEAD_TAG) == kept, "nothing covers it"
    assert (registry.champion(PROBLEM), registry.aliases(PROBLEM)["champion"]) == (champion, champion.version)
    assert any(says in one for one in registry.verify().problems)


def test_a_whole_forgery_without_the_outside_is_covered_only_after_it_was_told(house: Any) -> None:
    """Bob has no key, and the database is all that his name takes: then it is at least said before it counts."""
    registry = registry_of(house)
    forged = forge(house, "bob", stands=True, looks=True)
    (said,) = registry.verify().problems
    assert forged in said and "if you know of it" in said
    assert forged in registry.beyond_head(PROBLEM)


@pytest.mark.parametrize("step", ["recorded", "alias-set", "applied"])
def test_a_command_that_was_stopped_is_finished_by_the_next_one_and_not_by_a_check(house: Any, step: str) -> None:
    def stop(at: str) -> None:
        if at == step:
            raise KeyboardInterrupt

    registry, stopped = registry_of(house), registry_of(house, step_hook=stop)
    version = registry.register(house.run(slope=12.0))
    proposal = house.propose(version, registry)
    with pytest.raises(KeyboardInterrupt):
        house.approve(proposal, stopped, by="ada")
    before = registry.proposal(proposal.id), house.ledger.events(), registry.aliases(PROBLEM)
    for _ in range(2):
        (said,) = registry.verify().problems
        assert "half applied" in said and "by ada" in said
    assert (registry.proposal(proposal.id), house.ledger.events(), registry.aliases(PROBLEM)) == before
    registry.reconcile(PROBLEM, smoke=house.smoke)
    assert registry.champion(PROBLEM) == version
    assert registry.verify().problems == []


# -- what is missing ---------------------------------------------------------------------------------------------------


def test_an_empty_ledger_is_not_sound_while_heads_are_kept_outside(house: Any) -> None:
    with unguarded(house) as c:
        for table in ("signatures", "decisions", "pointer_moves", "holdout_uses", "proposals", "hypothesis_locks",
                      "snapshots", "api_tokens", "accounts", "events"):  # fmt: skip
            c.execute(f"DELETE FROM {table}")
    found = registry_of(house).verify()
    assert [p.partition(":")[0] for p in found.problems] == [OTHER, PROBLEM]
    assert all("cut off" in p and "the last here is 0" in p for p in found.problems)
    registry_of(house).export(house.folder / "empty.zip", at=AT)
    assert len([p for p in offline.check(offline.read(house.folder / "empty.zip"))[1] if "cut off" in p]) == 2


def test_a_whole_problem_that_was_cut_off_is_missed(house: Any) -> None:
    ledger = house.ledger
    mine = {p.id for p in ledger.proposals(OTHER)}
    with unguarded(house) as c:
        first = min(e.seq for e in ledger.events() if e.subject in {*mine, f"{OTHER}/1"})
        c.execute("DELETE FROM events WHERE seq >= ?", (first,))
        c.execute("DELETE FROM signatures WHERE seq >= ?", (first,))
        for table in ("decisions", "pointer_moves", "holdout_uses", "proposals"):
            key = "id" if table == "proposals" else "proposal_id"
            c.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT id FROM proposals WHERE problem = ?)", (OTHER,))
        c.execute("DELETE FROM proposals WHERE disposition = 'rejected'")
        c.execute("DELETE FROM decisions WHERE proposal_id NOT IN (SELECT id FROM proposals)")
        c.execute("DELETE FROM holdout_uses WHERE proposal_id NOT IN (SELECT id FROM proposals)")
    house.versions.tag_model(PROBLEM, {chain.HEAD_TAG: chain.head_text(ledger.head())})
    (said,) = registry_of(house).verify().problems
    assert said.startswith(f"{OTHER}: the chain was cut off")


# -- rows beside the chain ---------------------------------------------------------------------------------------------

NEW = "VALUES ('mallory', 'approver', '$argon2id$x', 0, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')"
HARMS = {
    f"INSERT INTO accounts {NEW}": "account 'mallory' is stored, and no event",
    "UPDATE accounts SET roles = 'approver'": "account 'cron' is not what the events say of it: roles",
    "UPDATE accounts SET disabled = 1": "of it: disabled",
    "UPDATE accounts SET password_hash = '$argon2id$other'": "of it: password",
    "INSERT INTO account_names VALUES ('cron', 'Bob', 'bob@example.org')": "of it: email, full_name",
    "DELETE FROM accounts": "account 'cron' is gone",
    "UPDATE api_tokens SET digest = 'a' WHERE label = 'nightly'": "of it: digest",
    "UPDATE api_tokens SET revoked = 0": "of it: revoked",
    "UPDATE api_tokens SET expires_at = '2099-01-01T00:00:00.000000Z' WHERE label = 'nightly'": "of it: expires_at",
    "DELETE FROM api_tokens": "is gone; the events know it",
    "UPDATE snapshots SET problem = 'old'": "row of snapshot 'd1' can't be read",
    "UPDATE snapshots SET digest = holdout_digest": "row of snapshot 'd1' can't be read",
    "UPDATE proposals SET evidence_digest = replace(evidence_digest, '1', '2')": "evidence_digest is not that it binds",
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_stands_beside_the_chain_is_compared_with_it(house: Any, harm: str) -> None:
    registry = registry_of(house)
    since = registry.checkpoint()
    with unguarded(house) as c:
        c.execute(harm)
    recent = [] if "proposals" in harm else [registry.verify(since=since).problems]  # those from before it are not read
    for found in (registry.verify().problems, *recent):
        assert any(HARMS[harm] in one for one in found), found
    lacks: list[str] = []
    registry.export(house.folder / "ledger.zip", at=AT, faults=lacks)
    offline_found = offline.check(offline.read(house.folder / "ledger.zip"))[1]
    assert any(HARMS[harm] in one for one in offline_found), offline_found
    assert bool(lacks) == (harm.startswith(("UPDATE snapshots", "UPDATE proposals")))


def test_a_snapshot_hidden_under_another_name_is_not_read(house: Any) -> None:
    with unguarded(house) as c:
        c.execute("UPDATE snapshots SET dataset_version = 'd0'")
    with pytest.raises(Unreadable, match="dataset_version is not that of its record"):
        registry_of(house).snapshots(PROBLEM)


JUNK: tuple[Any, ...] = (b"\xff\xfe", 77, '{"x":NaN}', '{"x":"\\ud800"}')
JSON = ("gates", "hypothesis", "summary", "record", "body")
NOT_KEPT = {("decisions", "seq"), ("pointer_moves", "seq"), ("holdout_uses", "seq")}  # numbers that no event tells


def harmed(c: sqlite3.Connection, table: str, column: str, value: Any) -> Callable[[], None] | None:
    """Put a value into the first row; what puts the old one back, or None where that is refused or changes nothing."""
    (row,) = c.execute(f"SELECT min(rowid) FROM {table}").fetchone()
    (old,) = c.execute(f'SELECT "{column}" FROM {table} WHERE rowid = ?', (row,)).fetchone()
    try:
        c.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (value, row))
    except sqlite3.Error:
        return None
    (row,) = c.execute(f"SELECT min(rowid) FROM {table}").fetchone()
    (now,) = c.execute(f'SELECT "{column}" FROM {table} WHERE rowid = ?', (row,)).fetchone()
    back = lambda: c.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (old, row)) and None  # noqa: E731
    if now == old or (column in ("self_approved", "disabled", "revoked") and bool(now) == bool(old)):
        back()
        return None
    return back


def test_junk_in_any_column_is_named_and_hides_nothing_else(house: Any) -> None:
    registry, path = registry_of(house), house.folder / "junk.zip"
    with unguarded(house) as c:
        c.execute("UPDATE decisions SET reason = 'edited' WHERE seq = 2")
        for table in TABLES:
            for column in [row[1] for row in c.execute(f"PRAGMA table_info({table})")]:
                for value in JUNK[: len(JUNK) if column in JSON else 2]:
                    if (table, column) in NOT_KEPT or (back := harmed(c, table, column, value)) is None:
                        continue
                    found = registry.verify().problems
                    assert any("decision(s)" in one for one in found), (table, column, value, found)
                    assert len(found) > 2 or found[0][0] == "2", (table, column, value, found)
                    back()
        c.execute("UPDATE events SET subject = CAST(x'ff' AS TEXT) WHERE seq = 3")
        c.execute("UPDATE decisions SET reason = x'ff' WHERE seq = 3")
        registry.export(path, at=AT, faults=(lacks := []))
    assert any("Event 3 " in one for one in registry.verify().problems)
    assert any("Event 3 " in one for one in offline.check(offline.read(path))[1])
    (told,) = json.loads("".join(offline.read(path)[offline.MANIFEST]))["unreadable"]
    assert [told] == lacks and "The row of decision '3' can't be read" in told


def test_a_move_for_a_proposal_that_is_not_there(house: Any) -> None:
    with unguarded(house) as c:
        c.execute("UPDATE pointer_moves SET proposal_id = 'P-nowhere' WHERE seq = 1")
    found = registry_of(house).verify().problems
    assert any("made for 'P-nowhere', which is not an applied decision" in one for one in found)


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "sql"])
def test_whatever_a_reason_is_made_of_it_is_kept_or_refused(make_bench: Any, tmp_path: Path, kind: str) -> None:
    ledger = MemoryLedger() if kind == "memory" else SqlLedger.at(tmp_path / "arena.db")
    bench = make_bench(MemoryVersions(tmp_path / "versions"), ledger, tmp_path)
    registry, odd = bench.registry(), "".join(c for c in map(chr, range(0x10000)) if c.isspace() or not c.isprintable())
    odd = "".join(c for c in odd if not "\ud800" <= c <= "\udfff")
    assert {"\u2028", "\u2029", "\x85", "\r", "\x0b", "\x00"} <= set(odd)
    proposal, evidence = bench.propose(bench.candidate()), bench.evidence(bench.candidate(3.0))
    for act in (
        lambda: registry.reject(proposal.id, by="ada", reason="bytes \udcff"),
        lambda: registry.reject(proposal.id, by="a\udcff", reason="bytes"),
        lambda: registry.lock_hypothesis(HypothesisLock(PROBLEM, "H-1", "a" * 64, "o\udcff", AT)),
        lambda: registry.record_event("note", "x", {"said": "\udcff"}),
        lambda: registry.propose(evidence, gates=(), owner="o\udcff", summary={"x": "\udcff"}),
    ):
        with pytest.raises(InvalidRecord, match=r"no text|can't be kept"):
            act()
    assert registry.proposal(proposal.id) == proposal
    registry.reject(proposal.id, by="ada", reason=f"no{odd}no")
    registry.export(tmp_path / "ledger.zip", at=AT)
    notes: list[str] = []
    assert offline.check(offline.read(tmp_path / "ledger.zip"), notes=notes) == (len(registry.events()), [])
    assert notes == [offline.NO_HEAD]


def test_an_export_says_when_no_head_could_be_read(house: Any) -> None:
    class Away(MemoryVersions):
        def tagged(self, key: str) -> dict[str, str]:
            raise Unreadable("MLflow is away")

    notes: list[str] = []
    away = house.registry(people=PEOPLE)
    away._versions = Away(house.folder)
    away.export(house.folder / "ledger.zip", at=AT)
    assert offline.check(offline.read(house.folder / "ledger.zip"), notes=notes)[1] == []
    assert notes[0] == f"{offline.NO_HEAD} Nor could the export read those kept on the models: MLflow is away"
    assert any("can't be read: MLflow is away" in one for one in away.verify().problems)
