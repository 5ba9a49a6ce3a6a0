"""Signatures beside the events, and indexes for what grows with the years."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GUARDED = ("proposals", "decisions", "pointer_moves", "hypothesis_locks", "snapshots", "holdout_uses", "events",
           "signatures")  # fmt: skip


def upgrade() -> None:
    """A table, triggers and indexes; no row that is there is touched."""
    connection = op.get_bind()
    op.create_table(
        "signatures",
        sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), primary_key=True, autoincrement=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
    )
    op.drop_index("proposals_of_problem", "proposals")
    op.create_index("proposals_newest", "proposals", ["problem", "id"])
    op.create_index("proposals_by_disposition", "proposals", ["problem", "disposition", "id"])
    op.create_index("proposals_by_effect", "proposals", ["problem", "effect", "id"])
    op.create_index("proposals_by_challenger", "proposals", ["problem", "challenger_digest", "id"])
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER signatures_no_{verb.lower()} BEFORE {verb} ON signatures "
                "BEGIN SELECT RAISE(ABORT, 'signatures is append-only'); END"
            )
        connection.exec_driver_sql("PRAGMA user_version = 2")
    else:
        connection.exec_driver_sql(
            "CREATE TRIGGER signatures_append_only BEFORE UPDATE OR DELETE ON signatures "
            "FOR EACH ROW EXECUTE FUNCTION arena_refuse()"
        )
        for table in GUARDED:
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION arena_refuse()"
            )
    connection.exec_driver_sql("UPDATE arena_schema SET version = 2")
