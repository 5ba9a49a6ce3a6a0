"""Bringing a ledger of an earlier release to this one's schema, by alembic's steps, without touching an event."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from registry import sql_schema as db
from registry.errors import Unavailable

STEPS = Path(__file__).resolve().parent / "migrations"


def bring_up(connection: sa.Connection) -> None:
    """Make the tables, or change those of an earlier release, in the caller's one transaction.

    Raises Unavailable for a schema that is newer than this release. A step that fails leaves everything as it was.
    """
    found = db.version_of(connection)
    if found == db.SCHEMA_VERSION:
        return
    if found is not None and found > db.SCHEMA_VERSION:
        raise Unavailable(
            f"The ledger has schema version {found}; this release reads version {db.SCHEMA_VERSION}.",
            hint="Use the release that wrote it, or a newer one.",
        )
    if found is None:
        db.create(connection)
        _stamp(connection, f"{db.SCHEMA_VERSION:04}")
        return
    if not sa.inspect(connection).has_table(db.REVISIONS):  # the first release did not keep its step
        _stamp(connection, f"{found:04}")
    upgrade(connection)


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Take alembic's steps from where the database stands."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(STEPS))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, to)


def _stamp(connection: sa.Connection, revision: str) -> None:
    connection.execute(sa.text(
        f"CREATE TABLE {db.REVISIONS} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {db.REVISIONS}_pkc PRIMARY KEY (version_num))"
    ))  # fmt: skip
    connection.execute(sa.text(f"INSERT INTO {db.REVISIONS} (version_num) VALUES (:to)"), {"to": revision})  # noqa: S608
