"""SQLite's INSERT OR REPLACE deletes a row without its triggers; a row that is there is never replaced."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATES = (
    "disposition = 'open' AND NEW.disposition = 'open' AND evidence_digest = NEW.evidence_digest",
    "effect = 'applying' AND NEW.effect = 'applying' AND problem = NEW.problem",
)
INSERTS = {
    "events": ("seq = NEW.seq", "previous = NEW.previous", "hash = NEW.hash"),
    "decisions": ("seq = NEW.seq", "proposal_id = NEW.proposal_id"),
    "pointer_moves": ("seq = NEW.seq", "proposal_id = NEW.proposal_id"),
    "holdout_uses": ("seq = NEW.seq",),
    "hypothesis_locks": ("problem = NEW.problem AND hypothesis_id = NEW.hypothesis_id",),
    "snapshots": ("problem = NEW.problem AND dataset_version = NEW.dataset_version",),
    "signatures": ("seq = NEW.seq",),
    "proposals": ("id = NEW.id", *_STATES),
}


def upgrade() -> None:
    """Triggers for SQLite; PostgreSQL replaces only by an UPDATE, which is refused already. No row is touched."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for table, keys in INSERTS.items():
            connection.exec_driver_sql(_trigger(table, "INSERT", keys))
        connection.exec_driver_sql(_trigger("proposals", "UPDATE", _STATES, " AND id <> NEW.id"))
        connection.exec_driver_sql("PRAGMA user_version = 3")
    connection.exec_driver_sql("UPDATE arena_schema SET version = 3")


def _trigger(table: str, verb: str, keys: tuple[str, ...], unless: str = "") -> str:
    there = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key}{unless})" for key in keys)  # noqa: S608
    return (
        f"CREATE TRIGGER {table}_no_replace_{verb.lower()} BEFORE {verb} ON {table} WHEN {there} "
        f"BEGIN SELECT RAISE(ABORT, 'a row of {table} is never replaced'); END"
    )
