"""What the SQL ledger's file refuses, and what its chain gives away."""

from __future__ import annotations

import copy
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.errors import InvalidRecord, Unavailable
from registry.memory import MemoryVersions
from registry.records import HypothesisLock, SnapshotRecord, digest_of, utc_text
from registry.signing import Signer
from registry.sql_ledger import SqlLedger
from registry.sql_schema import APPEND_ONLY, SCHEMA_VERSION, WRITTEN_ONCE, metadata

PROBLEM = "toy_prices"


@pytest.fixture(scope="session")
def life(make_bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A bench with a row in every table: two champions, a signed rejection, a lock, a snapshot."""
    folder = tmp_path_factory.mktemp("life")
    bench = make_bench(MemoryVersions(folder / "versions"), SqlLedger.at(folder / "arena.db"), folder)
    bench.promote()
    bench.promote(3.0)
    key = Signer.new()
    registry = bench.registry(signer=lambda: key)
    registry.add_key("ada", signer=key)
    registry.reject(bench.propose(bench.candidate(4.0)).id, by="ada", reason="no")
    at = utc_text(bench.clock())
    registry.lock_hypothesis(HypothesisLock(PROBLEM, "H-1", digest_of("text"), "olga", at))
    registry.record_snapshot(SnapshotRecord(PROBLEM, "d1", "a" * 64, "b" * 64, 1, ("x",), "", "", "", 1, "", "", at))
    return bench


@pytest.fixture
def lived(life: Any, make_bench: Any, tmp_path: Path) -> Any:
    """A copy of that life, to be harmed."""
    with raw(life) as source, closing(sqlite3.connect(tmp_path / "arena.db")) as copied:
        source.backup(copied)
    return make_bench(copy.deepcopy(life.versions), SqlLedger.at(tmp_path / "arena.db"), tmp_path)


@contextmanager
def raw(bench: Any) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(bench.folder / "arena.db", isolation_level=None)) as connection:
        yield connection


@contextmanager
def unguarded(bench: Any) -> Iterator[sqlite3.Connection]:
    """The file in the hands of somebody who takes the triggers off first."""
    with raw(bench) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


def test_the_file_is_set_up_as_promised(lived: Any) -> None:
    with raw(lived) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("SELECT version FROM arena_schema").fetchall() == [(SCHEMA_VERSION,)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with lived.ledger._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY])
def test_history_refuses_update_and_delete(lived: Any, table: str) -> None:
    with raw(lived) as connection:
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        assert rows
        column = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
        for statement in (f'UPDATE {table} SET "{column}" = "{column}"', f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == rows


@pytest.mark.parametrize("column", WRITTEN_ONCE)
def test_what_a_proposal_binds_stays(lived: Any, column: str) -> None:
    with raw(lived) as connection, pytest.raises(sqlite3.IntegrityError, match="written once"):
        connection.execute(f"UPDATE proposals SET {column} = {column}")


@pytest.mark.parametrize("table", [*(t.name for t in APPEND_ONLY), "proposals"])
def test_no_row_is_replaced_by_another_of_its_key(lived: Any, table: str) -> None:
    with raw(lived) as connection:
        before = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
        assert before
        for words in ("INSERT OR REPLACE", "REPLACE"):
            with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
                connection.execute(f"{words} INTO {table} SELECT * FROM {table} LIMIT 1")
        assert connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() == before


def test_a_state_that_only_one_proposal_has_deletes_no_other(lived: Any) -> None:
    """REPLACE deletes whatever stands in the way of a unique index, also where its key is another."""
    lived.propose(lived.candidate(5.0))
    with raw(lived) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(proposals)")]
        rest = ", ".join(f'"{name}"' for name in names if name != "id")
        with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
            connection.execute(f"INSERT OR REPLACE INTO proposals (id, {rest}) SELECT 'P-x', {rest} FROM proposals "
                               "WHERE disposition = 'open'")  # fmt: skip
        applied = "UPDATE OR REPLACE proposals SET effect = 'applying' WHERE effect = 'applied'"
        with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
            connection.execute(applied)
        with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
            connection.execute(
                'INSERT OR REPLACE INTO decisions (proposal_id, action, "by", at, reason, evidence_digest, '
                "self_approved) SELECT proposal_id, 'reject', 'eve', at, '', evidence_digest, 0 FROM decisions LIMIT 1"
            )


def test_a_proposal_is_never_deleted(lived: Any) -> None:
    with raw(lived) as connection, pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        connection.execute("DELETE FROM proposals")


@pytest.mark.parametrize(
    "change",
    [
        "disposition = 'maybe'",
        "effect = 'done'",
        "disposition = 'open'",
        "effect = 'none'",
        "disposition = 'rejected'",
        "decided_by = NULL",
        "decided_at = NULL",
        "disposition = 'rejected', effect = 'none', self_approved = 0, reason = ' '",
        "disposition = 'expired', effect = 'none', self_approved = 1",
        "row_version = 0",
        "effect = 'applying'",  # of both: one at a time
    ],
)
def test_the_file_itself_refuses_illegal_columns(lived: Any, change: str) -> None:
    with raw(lived) as connection:
        before = connection.execute("SELECT * FROM proposals").fetchall()
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"UPDATE proposals SET {change} WHERE disposition = 'approved'")
        assert connection.execute("SELECT * FROM proposals").fetchall() == before


@pytest.mark.parametrize(
    ("kind", "verdict", "champion"),
    [
        ("bootstrap", "pass", 1),
        ("promotion", "pass", None),
        ("rollback", "pass", None),
        ("x", "pass", 1),
        ("promotion", "x", 1),
    ],
)
def test_the_file_itself_refuses_illegal_proposals(lived: Any, kind: str, verdict: str, champion: int | None) -> None:
    with raw(lived) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM proposals WHERE disposition = 'rejected'").fetchone())
        row |= {"id": "P-new", "kind": kind, "verdict": verdict, "champion_version": champion}
        row["champion_digest"] = None if champion is None else row["challenger_digest"]
        marks = ", ".join(f":{name}" for name in row)
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute(f"INSERT INTO proposals ({', '.join(row)}) VALUES ({marks})", row)


def edit_event(c: sqlite3.Connection) -> None:
    c.execute("""UPDATE events SET body = replace(body, '"by":"ada"', '"by":"bob"') WHERE kind = 'decision.taken'""")


def delete_event(c: sqlite3.Connection) -> None:
    c.execute("DELETE FROM events WHERE seq = 5")


def edit_subject(c: sqlite3.Connection) -> None:
    c.execute("UPDATE events SET subject = 'P-x' WHERE seq = 3")


def cut_off(c: sqlite3.Connection) -> None:
    c.execute("DELETE FROM events WHERE seq > (SELECT max(seq) - 8 FROM events)")


def reorder_events(c: sqlite3.Connection) -> None:
    c.execute("UPDATE events SET seq = -5 WHERE seq = 5")
    c.execute("UPDATE events SET seq = 5 WHERE seq = 6")
    c.execute("UPDATE events SET seq = 6 WHERE seq = -5")


def insert_event(c: sqlite3.Connection) -> None:
    c.execute("UPDATE events SET seq = -seq - 1 WHERE seq > 5")
    c.execute("UPDATE events SET seq = -seq WHERE seq < 0")
    c.execute("INSERT INTO events SELECT 6, at, kind, subject, body, replace(hash, '0', '1'), replace(hash, '2', '3') "
              "FROM events WHERE seq = 5")  # fmt: skip


def hide_evidence(c: sqlite3.Connection) -> None:
    c.execute("UPDATE proposals SET evidence_digest = replace(evidence_digest, '1', '2')")


def edit_decision(c: sqlite3.Connection) -> None:
    c.execute("UPDATE decisions SET \"by\" = 'bob'")


def edit_verdict(c: sqlite3.Connection) -> None:
    c.execute("UPDATE proposals SET verdict = 'pass', gates = '[]' WHERE disposition = 'rejected'")


def reopen(c: sqlite3.Connection) -> None:
    c.execute("UPDATE proposals SET disposition='open', decided_by=NULL, decided_at=NULL WHERE disposition='rejected'")


def redirect(c: sqlite3.Connection) -> None:
    c.execute("UPDATE pointer_moves SET to_version = 3 WHERE seq = 2")


def forget_move(c: sqlite3.Connection) -> None:
    c.execute("DELETE FROM pointer_moves WHERE seq = 2")


def forget_use(c: sqlite3.Connection) -> None:
    c.execute("DELETE FROM holdout_uses WHERE seq = 1")


def relock(c: sqlite3.Connection) -> None:
    c.execute(f"UPDATE hypothesis_locks SET digest = '{digest_of('edited')}'")


def swap_data(c: sqlite3.Connection) -> None:
    c.execute("UPDATE snapshots SET record = replace(record, '\"rows\":1', '\"rows\":9')")


def invent_lock(c: sqlite3.Connection) -> None:
    c.execute("INSERT INTO hypothesis_locks SELECT problem, 'H-2', digest, \"by\", at FROM hypothesis_locks")


def invent_use(c: sqlite3.Connection) -> None:
    c.execute("INSERT INTO holdout_uses (holdout_digest, problem, proposal_id, at, alpha) "
              "SELECT holdout_digest, problem, proposal_id, at, 0.001 FROM holdout_uses WHERE seq = 1")  # fmt: skip


def invent_snapshot(c: sqlite3.Connection) -> None:
    c.execute("INSERT INTO snapshots SELECT problem, 'd9', digest, holdout_digest, "
              "replace(record, '\"d1\"', '\"d9\"') FROM snapshots")  # fmt: skip


def break_proposal(c: sqlite3.Connection) -> None:
    c.execute("UPDATE proposals SET gates = '[{' WHERE disposition = 'rejected'")


def bend_proposal(c: sqlite3.Connection) -> None:
    c.execute("UPDATE proposals SET gates = '[3]', summary = '7' WHERE disposition = 'rejected'")


def break_snapshot(c: sqlite3.Connection) -> None:
    c.execute("UPDATE snapshots SET record = '[]'")


def unsign(c: sqlite3.Connection) -> None:
    c.execute("DELETE FROM signatures WHERE seq = (SELECT max(seq) FROM signatures)")


def sign_by_another(c: sqlite3.Connection) -> None:
    c.execute("UPDATE signatures SET key = '" + "ab" * 32 + "' WHERE seq = (SELECT max(seq) FROM signatures)")


def sign_another(c: sqlite3.Connection) -> None:
    c.execute("UPDATE signatures SET signature = (SELECT signature FROM signatures ORDER BY seq LIMIT 1)")


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (unsign, "lacks the signature of 'ada'"),
        (sign_by_another, "not of 'ada'"),
        (sign_another, "not of 'ada'"),
        (edit_event, "was edited"),
        (delete_event, "Event 5 is missing"),
        (edit_subject, "Event 3 .* was edited"),
        (reorder_events, "Event 5 does not follow"),
        (insert_event, "Event 6 does not follow"),
        (hide_evidence, "not what the events say"),
        (cut_off, "cut off"),
        (edit_decision, "decision.* no event tells of"),
        (edit_verdict, "not what the events say"),
        (reopen, "not what the events say"),
        (redirect, "not the one that"),
        (forget_move, "has 0 moves"),
        (forget_use, "holdout.used .* gone or edited"),
        (relock, "hypothesis.locked .* gone or edited"),
        (invent_lock, "No event tells of the lock of hypothesis 'H-2'"),
        (invent_use, "No event tells of the holdout use of 'P-"),
        (invent_snapshot, "No event tells of the snapshot 'd9'"),
        (break_proposal, "row of proposal 'P-.* can't be read"),
        (bend_proposal, "row of proposal 'P-.* can't be read"),
        (break_snapshot, "row of snapshot 'd1' can't be read"),
        (swap_data, "snapshot.recorded .* gone or edited"),
    ],
)
def test_whatever_is_changed_behind_the_ledgers_back_shows(
    lived: Any, harm: Callable[[sqlite3.Connection], None], says: str
) -> None:
    sound = lived.registry().verify()
    assert (sound.ok, sound.problems, sound.checked) == (True, [], len(lived.registry().events()))
    with unguarded(lived) as connection:
        harm(connection)
    found = lived.registry().verify()
    assert not found.ok
    assert any(re.search(says, problem) for problem in found.problems), found.problems
    if "No event tells" in says:  # nor does a checkpoint hide it
        recent = lived.registry().verify(since=lived.registry().checkpoint()).problems
        assert any(re.search(says, problem) for problem in recent), recent


def test_a_chain_rewritten_whole_is_given_away_by_the_head_outside(lived: Any) -> None:
    from registry.records import Event
    from registry.sql_rows import from_event

    events = lived.registry().events()
    kept, last = events[:-10], None
    with unguarded(lived) as connection:
        connection.execute("DELETE FROM events")
        for old in [*kept, *kept[-10:]]:
            last = Event.after(last, at=old.at, kind="note", subject=old.subject, body={})
            row = from_event(last)
            connection.execute(
                f"INSERT INTO events ({', '.join(row)}) VALUES ({', '.join('?' for _ in row)})", list(row.values())
            )
    assert any("rewritten" in problem for problem in lived.registry().verify().problems)
    # Later decisions don't paint over the trace.
    lived.ledger.add_event(at="2026", kind="note", subject="x", body={})
    lived.registry().reconcile(PROBLEM, smoke=lived.smoke)
    assert any("rewritten" in problem for problem in lived.registry().verify().problems)


def test_a_locked_file_is_said_so(tmp_path: Path) -> None:
    ledger = SqlLedger.at(tmp_path / "arena.db", busy_seconds=0.1)
    assert ledger.events() == []
    other = sqlite3.connect(tmp_path / "arena.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="stayed locked") as caught:
        ledger.add_event(at="2026", kind="note", subject="x", body={})
    assert "repeat" in caught.value.hint
    assert ledger.events() == []  # readers go on
    other.execute("ROLLBACK")
    other.close()
    assert ledger.add_event(at="2026", kind="note", subject="x", body={}).seq == 1


def test_a_file_of_another_release_or_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    assert SqlLedger.at(path).events() == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE arena_schema SET version = 99")
    with pytest.raises(Unavailable, match="schema version 99"):
        SqlLedger.at(path).events()
    (tmp_path / "other.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match="can't be read"):
        SqlLedger.at(tmp_path / "other.db").events()
    with pytest.raises(Unavailable):
        SqlLedger("sqlite:////proc/nowhere/arena.db").events()


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    SqlLedger.at(tmp_path / "arena.db")
    assert list(tmp_path.iterdir()) == []


def test_a_holdout_is_spent_by_a_level_between_0_and_1(lived: Any) -> None:
    from registry.records import HoldoutUse

    proposal = lived.registry().proposals()[0]
    with pytest.raises(InvalidRecord, match="alpha_is_a_level"):
        lived.ledger.add_holdout_use(HoldoutUse("a" * 64, PROBLEM, proposal.id, "2026", 1.5))


def test_every_table_is_made_by_postgresql_too() -> None:
    """Its compiler takes every table, index, check and trigger."""
    statements: list[str] = []
    engine = sa.create_mock_engine(
        "postgresql+psycopg://", lambda ddl, *_: statements.append(str(ddl.compile(dialect=engine.dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    made = "\n".join(statements)
    for table in APPEND_ONLY:
        assert f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE ON {table.name}" in made
    assert "WHERE effect = 'applying'" in made
    assert "RAISE(ABORT" not in made


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("problem = 'x' ORDER BY id DESC LIMIT 50", "proposals_newest"),
        ("problem = 'x' AND disposition = 'open' ORDER BY id DESC", "proposals_by_disposition"),
        ("problem = 'x' AND effect = 'applying' ORDER BY id DESC", "proposals_by_effect"),
        ("problem = 'x' AND challenger_digest = 'x' ORDER BY id DESC", "proposals_by_challenger"),
    ],
)
def test_a_look_at_the_present_walks_over_no_history(lived: Any, asked: str, index: str) -> None:
    with raw(lived) as connection:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM proposals WHERE {asked}").fetchall()
    conditions = asked.partition(" ORDER")[0].count("=")
    assert f"SEARCH proposals USING INDEX {index}" in plan[3]
    assert plan[3].count("=?") == conditions, "every condition is asked of the index, and no sorting follows"
