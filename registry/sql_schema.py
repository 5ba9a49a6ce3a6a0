"""The ledger's tables: portable SQL, legality as constraints, and triggers that keep what is written written.

Only the triggers, the guards of a write transaction and the lease know the dialect (SQLite, PostgreSQL).
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
    inspect,
    text,
)

SCHEMA_VERSION = 3
REVISIONS = "arena_revision"  # where alembic keeps the step that was taken last

metadata = MetaData()

_DIGEST = String(64)
_TIME = String(27)  # UTC ISO-8601 of fixed width: text order is time order


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"known_{column}")


schema = Table("arena_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("problem", String(128), nullable=False),
    Column("challenger_version", Integer, nullable=False),
    Column("challenger_digest", _DIGEST, nullable=False),
    Column("champion_version", Integer),
    Column("champion_digest", _DIGEST),
    Column("holdout_digest", String(64), nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("hypothesis_digest", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("bundle_digest", String(64), nullable=False),
    Column("evidence_digest", _DIGEST, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("owner", Text, nullable=False),
    Column("gates", Text, nullable=False),
    Column("hypothesis", Text),
    Column("round", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("disposition", String(16), nullable=False),
    Column("effect", String(16), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _TIME),
    Column("reason", Text, nullable=False),
    Column("self_approved", Boolean, nullable=False),
    Column("row_version", Integer, nullable=False),
    _one_of("kind", "bootstrap", "promotion", "rollback", "override", "adopt"),
    _one_of("verdict", "pass", "fail", "inconclusive", "invalid"),
    _one_of("disposition", "open", "approved", "rejected", "expired", "superseded", "withdrawn", "invalidated"),
    _one_of("effect", "none", "applying", "applied", "apply_failed", "rolled_back"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="who_and_when"),
    CheckConstraint("(disposition = 'open') = (decided_by IS NULL)", name="closed_is_decided"),
    CheckConstraint("(disposition = 'approved') = (effect <> 'none')", name="only_approved_has_effect"),
    CheckConstraint("disposition <> 'approved' OR verdict = 'pass' OR kind = 'override'", name="only_pass_approved"),
    CheckConstraint("disposition = 'approved' OR NOT self_approved", name="only_approval_self_approved"),
    CheckConstraint("disposition <> 'rejected' OR trim(reason) <> ''", name="rejection_has_reason"),
    CheckConstraint("(champion_version IS NULL) = (champion_digest IS NULL)", name="champion_whole"),
    CheckConstraint("kind <> 'bootstrap' OR champion_version IS NULL", name="bootstrap_without_champion"),
    CheckConstraint(
        "kind NOT IN ('promotion', 'override', 'rollback') OR champion_version IS NOT NULL", name="others_with_champion"
    ),
    CheckConstraint("expires_at > created_at", name="expires_later"),
    CheckConstraint("row_version >= 1", name="row_version_counts"),
    # each ends with what it is sorted by: or else SQLite walks over all of a problem's proposals, newest first
    Index("proposals_newest", "problem", "id"),
    Index("proposals_by_disposition", "problem", "disposition", "id"),
    Index("proposals_by_effect", "problem", "effect", "id"),
    Index("proposals_by_challenger", "problem", "challenger_digest", "id"),
)
Index(
    "one_applying_per_problem",
    proposals.c.problem,
    unique=True,
    sqlite_where=proposals.c.effect == "applying",
    postgresql_where=proposals.c.effect == "applying",
)
Index(
    "one_open_per_evidence",
    proposals.c.evidence_digest,
    unique=True,
    sqlite_where=proposals.c.disposition == "open",
    postgresql_where=proposals.c.disposition == "open",
)


def _of_proposal() -> Column[str]:
    return Column("proposal_id", String(64), ForeignKey("proposals.id"), nullable=False)


decisions = Table(
    "decisions",
    metadata,
    Column("seq", Integer, primary_key=True),
    _of_proposal(),
    Column("action", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence_digest", _DIGEST, nullable=False),
    Column("self_approved", Boolean, nullable=False),
    Index("one_decision_per_proposal", "proposal_id", unique=True),
)

pointer_moves = Table(
    "pointer_moves",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("problem", String(128), nullable=False, index=True),
    _of_proposal(),
    Column("from_version", Integer),
    Column("from_digest", _DIGEST),
    Column("to_version", Integer, nullable=False),
    Column("to_digest", _DIGEST, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    CheckConstraint("(from_version IS NULL) = (from_digest IS NULL)", name="from_whole"),
    CheckConstraint("from_version IS NULL OR from_version <> to_version", name="moves_somewhere"),
    Index("one_move_per_proposal", "proposal_id", unique=True),
)

hypothesis_locks = Table(
    "hypothesis_locks",
    metadata,
    Column("problem", String(128), primary_key=True),
    Column("hypothesis_id", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("problem", String(128), primary_key=True),
    Column("dataset_version", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("holdout_digest", String(64), nullable=False),
    Column("record", Text, nullable=False),
)

holdout_uses = Table(
    "holdout_uses",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("holdout_digest", String(64), nullable=False, index=True),
    Column("problem", String(128), nullable=False),
    _of_proposal(),
    Column("at", _TIME, nullable=False),
    Column("alpha", Float(53), nullable=False),
    CheckConstraint("alpha > 0 AND alpha < 1", name="alpha_is_a_level"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", _DIGEST, nullable=False, unique=True),
    Column("hash", _DIGEST, nullable=False, unique=True),
    Index("events_of_subject", "kind", "subject"),
)

signatures = Table(
    "signatures",
    metadata,
    Column("seq", Integer, ForeignKey("events.seq"), primary_key=True, autoincrement=False),
    Column("actor", Text, nullable=False),
    Column("key", _DIGEST, nullable=False),
    Column("signature", String(128), nullable=False),
)

APPEND_ONLY = (events, decisions, pointer_moves, holdout_uses, hypothesis_locks, snapshots, signatures)
WRITTEN_ONCE = tuple(c.name for c in proposals.c)[: [c.name for c in proposals.c].index("disposition")]

# what makes a row collide with one that is there: SQLite's INSERT OR REPLACE would delete that one without a word
_SEQ = ("seq = NEW.seq",)
_OF_PROPOSAL = (*_SEQ, "proposal_id = NEW.proposal_id")
KEYS: dict[str, tuple[str, ...]] = {
    "events": (*_SEQ, "previous = NEW.previous", "hash = NEW.hash"),
    "decisions": _OF_PROPOSAL,
    "pointer_moves": _OF_PROPOSAL,
    "holdout_uses": _SEQ,
    "hypothesis_locks": ("problem = NEW.problem AND hypothesis_id = NEW.hypothesis_id",),
    "snapshots": ("problem = NEW.problem AND dataset_version = NEW.dataset_version",),
    "signatures": _SEQ,
}
_SAME_STATE = (
    "disposition = 'open' AND NEW.disposition = 'open' AND evidence_digest = NEW.evidence_digest",
    "effect = 'applying' AND NEW.effect = 'applying' AND problem = NEW.problem",
)

_PG_REFUSE = """CREATE OR REPLACE FUNCTION arena_refuse() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"""


def _when_created(table: Table, dialect: str, statement: str) -> None:
    ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def _guard(table: Table) -> None:
    name = table.name
    for verb in ("UPDATE", "DELETE"):
        sqlite = (
            f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        )
        _when_created(table, "sqlite", sqlite)
    _when_created(table, "sqlite", _no_replace(name, "INSERT", KEYS[name]))
    _when_created(table, "postgresql", _PG_REFUSE)
    postgres = (
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE ON {name} "
        "FOR EACH ROW EXECUTE FUNCTION arena_refuse()"
    )
    _when_created(table, "postgresql", postgres)
    _when_created(table, "postgresql", _no_truncate(name))


def _no_replace(name: str, verb: str, keys: tuple[str, ...], unless: str = "") -> str:
    """Each key has an index, and is looked up by itself."""
    there = " OR ".join(f"EXISTS (SELECT 1 FROM {name} WHERE {key}{unless})" for key in keys)  # noqa: S608
    return (
        f"CREATE TRIGGER {name}_no_replace_{verb.lower()} BEFORE {verb} ON {name} WHEN {there} "
        f"BEGIN SELECT RAISE(ABORT, 'a row of {name} is never replaced'); END"
    )


def _no_truncate(name: str) -> str:
    """PostgreSQL empties a table without a row's trigger noticing."""
    return f"CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {name} EXECUTE FUNCTION arena_refuse()"


for _table in APPEND_ONLY:
    _guard(_table)


def _guard_proposals() -> None:
    columns = ", ".join(WRITTEN_ONCE)
    for name, when in (("no_delete", "DELETE"), ("evidence_stays", f"UPDATE OF {columns}")):
        what = "a proposal is never deleted" if when == "DELETE" else "what a proposal binds is written once"
        sqlite = f"CREATE TRIGGER proposals_{name} BEFORE {when} ON proposals BEGIN SELECT RAISE(ABORT, '{what}'); END"
        _when_created(proposals, "sqlite", sqlite)
        postgres = (
            f"CREATE TRIGGER proposals_{name} BEFORE {when} ON proposals FOR EACH ROW EXECUTE FUNCTION arena_refuse()"
        )
        _when_created(proposals, "postgresql", _PG_REFUSE)
        _when_created(proposals, "postgresql", postgres)
    _when_created(proposals, "sqlite", _no_replace("proposals", "INSERT", ("id = NEW.id", *_SAME_STATE)))
    _when_created(proposals, "sqlite", _no_replace("proposals", "UPDATE", _SAME_STATE, " AND id <> NEW.id"))
    _when_created(proposals, "postgresql", _no_truncate("proposals"))


_guard_proposals()


def create(connection: Connection) -> None:
    """Make every table of this release in an empty database; the caller's transaction holds it together."""
    metadata.create_all(connection)
    connection.execute(schema.insert().values(version=SCHEMA_VERSION))
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))


def version_of(connection: Connection) -> int | None:
    """The version of the schema that is there; None in a database without one."""
    if not inspect(connection).has_table(schema.name):
        return None
    found = connection.execute(schema.select()).scalar()
    return None if found is None else int(found)
