"""A ledger of the first release is brought up to this one's schema, and keeps every event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from registry import chain
from registry.memory import MemoryVersions
from registry.signing import Signer
from registry.sql_ledger import SqlLedger
from registry.sql_schema import REVISIONS, SCHEMA_VERSION, metadata, version_of
from registry.sql_upgrade import STEPS, bring_up, upgrade
from registry.stored import StoredEvent

PROBLEM = "toy_prices"
FIRST = json.loads((Path(__file__).parent / "first" / "ledger.json").read_text("utf-8"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        made = sa.create_engine(f"sqlite:///{tmp_path / 'arena.db'}")
    else:
        made = sa.create_engine(request.getfixturevalue("postgres_url"))
    yield made
    made.dispose()


def first(engine: sa.Engine) -> None:
    """The first release's tables with what it wrote into them."""
    booleans = {"self_approved"}
    with engine.begin() as connection:
        upgrade(connection, "0001")
        connection.exec_driver_sql(f"DROP TABLE {REVISIONS}")  # it did not keep one
        reflected = sa.MetaData()
        reflected.reflect(connection)
        for table in (t for t in metadata.sorted_tables if t.name in FIRST and t.name != "arena_schema"):
            rows = [{k: bool(v) if k in booleans else v for k, v in row.items()} for row in FIRST[table.name]]
            connection.execute(reflected.tables[table.name].insert(), rows)


def guards(engine: sa.Engine) -> set[str]:
    """The names of the triggers."""
    query = {"sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
             "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"}[engine.dialect.name]  # fmt: skip
    with engine.connect() as connection:
        return {name for (name,) in connection.exec_driver_sql(query)}


def test_from_the_first_schema_every_event_is_kept(engine: sa.Engine, tmp_path: Path, make_bench: Any) -> None:
    first(engine)
    ledger = SqlLedger(engine.url.render_as_string(hide_password=False))
    versions = MemoryVersions(tmp_path / "versions")
    bench = make_bench(versions, ledger, tmp_path)
    stored = [StoredEvent(*row) for page in ledger.stored_events() for row in page]
    assert stored == [StoredEvent(**row) for row in FIRST["events"]], "to the letter, as the first release wrote them"
    with engine.connect() as connection:
        assert version_of(connection) == SCHEMA_VERSION
    versions.register(bench.run(), at="2026-01-31T12:00:00.000000Z")
    versions.tag_model(PROBLEM, {chain.HEAD_TAG: FIRST["head"]})
    registry = bench.registry()
    assert registry.verify().problems == []
    assert [m.to_ref.version for m in registry.moves(PROBLEM)] == [1, 2, 1]
    key = Signer.new()
    registry.add_key("ada", signer=key)
    found = registry.verify()
    assert (found.problems, found.checked) == ([], len(FIRST["events"]) + 1)
    ledger.close()


def test_step_by_step_and_at_once_give_the_same_schema(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        upgrade(connection)
        assert version_of(connection) == SCHEMA_VERSION
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": REVISIONS})
        assert compare_metadata(context, metadata) == []
        (head,) = ScriptDirectory(str(STEPS)).get_heads()
        assert context.get_current_revision() == head == f"{SCHEMA_VERSION:04}"
    stepped = guards(engine)
    with engine.begin() as connection:
        for table in (*reversed(metadata.sorted_tables), sa.Table(REVISIONS, sa.MetaData())):
            table.drop(connection)
    with engine.begin() as connection:
        bring_up(connection)
    assert guards(engine) == stepped
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": REVISIONS})
        assert context.get_current_revision() == head


def test_a_step_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    made = sa.create_engine(f"sqlite:///{tmp_path / 'arena.db'}")
    first(made)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE signatures (in_the_way INTEGER)")
    with pytest.raises(Exception, match="signatures"):
        SqlLedger.at(tmp_path / "arena.db").events()
    with made.connect() as connection:
        assert version_of(connection) == 1
        assert not sa.inspect(connection).has_table(REVISIONS)
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == len(FIRST["events"])
    made.dispose()
