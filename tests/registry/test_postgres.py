"""A live PostgreSQL keeps the laws that SQLite keeps."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from registry.errors import InvalidRecord, Unavailable
from registry.mlflow_store import MlflowStore
from registry.sql_ledger import SqlLedger
from registry.sql_schema import APPEND_ONLY

PROBLEM = "toy_prices"


@pytest.fixture
def lived(served: Any) -> Any:
    served.promote()
    served.promote(3.0)
    served.registry().reject(served.propose(served.candidate(4.0)).id, by="ada", reason="no")
    served.roll_back()
    return served


@pytest.fixture
def address(lived: Any) -> str:
    return str(lived.ledger._url.render_as_string(hide_password=False))


def test_the_server_refuses_what_the_file_refuses(lived: Any, address: str) -> None:
    assert lived.registry().verify().problems == []
    engine = sa.create_engine(address)
    written = {t.name: t for t in APPEND_ONLY}
    told = ("events", "decisions", "pointer_moves", "holdout_uses")
    statements = [f"DELETE FROM {name}" for name in told]
    statements += [f'UPDATE {name} SET "{written[name].c[0].name}" = "{written[name].c[0].name}"' for name in told]
    statements += [f"TRUNCATE {name} CASCADE" for name in (*told, "proposals")]
    for statement in (*statements, "UPDATE proposals SET verdict = 'fail'", "DELETE FROM proposals"):
        with engine.connect() as connection, pytest.raises(sa.exc.DatabaseError, match="append-only"):
            connection.exec_driver_sql(statement)
    for change in ("disposition = 'maybe'", "effect = 'none'", "decided_by = NULL", "effect = 'applying'"):
        with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql(f"UPDATE proposals SET {change} WHERE disposition = 'approved'")
    engine.dispose()
    assert lived.registry().verify().ok


def test_writers_and_leases_wait_for_one_another_and_say_so(lived: Any, address: str) -> None:
    hurried = SqlLedger(address, busy_seconds=0.05, lease_seconds=0.05)
    before = len(lived.ledger.events())
    with lived.ledger.transaction(), pytest.raises(Unavailable, match="stayed locked"):
        hurried.add_event(at="2026", kind="note", subject="x", body={})
    with (
        lived.ledger.lease(PROBLEM),
        hurried.lease("another_problem"),
        pytest.raises(Unavailable, match=PROBLEM),
        hurried.lease(PROBLEM),
    ):
        pass
    with hurried.lease(PROBLEM):
        assert hurried.add_event(at="2026", kind="note", subject="x", body={}).seq == before + 1
    hurried.close()


def test_an_address_that_leads_nowhere_is_said_so_and_no_password_is_shown() -> None:
    with pytest.raises(Unavailable) as caught:
        SqlLedger("postgresql://ada:secret@127.0.0.1:9/arena?connect_timeout=2").events()
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidRecord, match="mysql"):
        SqlLedger("mysql://localhost/arena")
    with pytest.raises(InvalidRecord, match="is none"):
        SqlLedger("arena at home")


def test_the_whole_life_with_both_stores_on_the_server(both_served: Any) -> None:
    bench, registry = both_served, both_served.registry()
    first = bench.promote()
    assert bench.promote(3.0).version == 2
    assert registry.status(PROBLEM).aliases["champion"]["version"] == 2
    bench.versions.set_alias(PROBLEM, "champion", 1)
    assert registry.custody(PROBLEM).status == "drifted"
    assert registry.restore(PROBLEM, by="ada", reason="moved by mistake").status == "in_custody"
    assert bench.roll_back().challenger == first.ref
    assert registry.verify().problems == []
    assert registry.versions(PROBLEM)[0] == first
    unread = MlflowStore(bench.folder / "mlruns", url=bench.versions.uri, known_revisions=frozenset())
    assert unread.aliases(PROBLEM) == registry.aliases(PROBLEM)  # by MLflow's client, as when its schema is new
    assert unread.versions(PROBLEM) == registry.versions(PROBLEM)


def test_mlflows_tables_are_looked_for_where_they_are(tmp_path: Any, postgres_url: str) -> None:
    empty = MlflowStore(tmp_path, url=postgres_url)
    assert (empty.aliases(PROBLEM), empty.versions(PROBLEM), empty.model_tags(PROBLEM)) == ({}, [], {})
    with pytest.raises(Unavailable):
        MlflowStore(tmp_path, url="postgresql://nobody@127.0.0.1:9/x?connect_timeout=2").aliases(PROBLEM)
    with pytest.raises(InvalidRecord, match="mysql"):
        MlflowStore(tmp_path, url="mysql://localhost/x")
