"""The first schema, word for word as the first release made it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FIRST = Path(__file__).resolve().parent.parent / "first"


def upgrade() -> None:
    """All tables, indexes and triggers, in the words of the database at hand."""
    connection = op.get_bind()
    for statement in (FIRST / f"{connection.dialect.name}.sql").read_text("utf-8").split("\n--\n"):
        ddl = sa.DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
        connection.execute(ddl)
    connection.exec_driver_sql("INSERT INTO arena_schema (version) VALUES (1)")
