"""The ledger in SQL: one SQLite file now, another URL later.

SQLite runs in WAL mode with foreign keys on, and every write is one `BEGIN IMMEDIATE`, so writers take turns and what
one reads inside does not change under it. PostgreSQL takes an advisory lock for the same turn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from registry import chain, refusals, sql_rows
from registry import sql_schema as db
from registry.errors import Conflict, InvalidRecord, Unavailable
from registry.files import file_lock
from registry.records import (
    Decision,
    Event,
    HoldoutUse,
    HypothesisLock,
    PointerMove,
    Proposal,
    SnapshotRecord,
    canonical_json,
    require_legal,
)

_WRITERS_TURN = 0x617265_6E61  # one key for every ledger's advisory locks


class SqlLedger:
    """Proposals, decisions, pointer moves and the event chain behind a SQLAlchemy URL.

    `busy_seconds` is how long a write waits for another writer, `lease_seconds` how long applying waits for another
    applying. Nothing is opened before the first use.
    """

    def __init__(self, url: str, *, busy_seconds: float = 20.0, lease_seconds: float = 60.0) -> None:
        self._url = sa.make_url(url)
        self._busy_seconds, self._lease_seconds = busy_seconds, lease_seconds
        self._open = threading.local()

    @staticmethod
    def at(path: Path, *, busy_seconds: float = 20.0, lease_seconds: float = 60.0) -> SqlLedger:
        """The ledger in a SQLite file, made on first use."""
        return SqlLedger(f"sqlite:///{path}", busy_seconds=busy_seconds, lease_seconds=lease_seconds)

    def close(self) -> None:
        """Close what is open; the next use opens again."""
        if (engine := self.__dict__.pop("_engine", None)) is not None:
            engine.dispose()

    # -- transactions --------------------------------------------------------------------------------------------

    @cached_property
    def _engine(self) -> sa.Engine:
        with self._translated():
            if self._url.get_backend_name() != "sqlite":
                return self._with_schema(sa.create_engine(self._url))
            path = Path(str(self._url.database))
            engine = sa.create_engine(self._url, connect_args={"timeout": self._busy_seconds})
            sa.event.listen(engine, "connect", _prepare)
            sa.event.listen(engine, "begin", _begin)
            busy = f"Another process is creating {path}."
            with file_lock(path.with_suffix(".lock"), seconds=self._busy_seconds, busy=busy):
                return self._with_schema(engine)

    def _with_schema(self, engine: sa.Engine) -> sa.Engine:
        try:
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:  # the mode stays with the file
                    connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
            self._require_known(db.create(engine))
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _require_known(self, version: int) -> None:
        if version != db.SCHEMA_VERSION:
            raise Unavailable(
                f"The ledger has schema version {version}; this release reads version {db.SCHEMA_VERSION}.",
                hint="Use the release that wrote it, or a newer one.",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            where = self._url.render_as_string(hide_password=True)
            locked = "locked" in str(error.orig) or "busy" in str(error.orig)
            if locked:
                raise Unavailable(
                    f"The ledger {where} stayed locked for {self._busy_seconds:g} s by another process.",
                    hint="Nothing was written. End the process that holds it, then repeat the command.",
                ) from error
            raise Unavailable(
                f"The ledger {where} can't be opened: {error.orig}.",
                hint="Check that its folder exists and is writable.",
            ) from error
        except IntegrityError as error:
            raise InvalidRecord(f"The ledger refuses this record: {error.orig}.") from error
        except DatabaseError as error:
            where = self._url.render_as_string(hide_password=True)
            raise Unavailable(
                f"The ledger {where} can't be read: {error.orig}.", hint="Restore the file from a backup."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, serialised against every other writer; one inside another joins it."""
        if getattr(self._open, "connection", None) is not None:
            yield
            return
        engine = self._engine
        with self._translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS_TURN)))
            self._open.connection = connection
            try:
                yield
            finally:
                self._open.connection = None

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self.transaction():
            yield self._open.connection

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        inside: sa.Connection | None = getattr(self._open, "connection", None)
        if inside is not None:
            return [dict(row._mapping) for row in inside.execute(query)]
        engine = self._engine
        with self._translated(), engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    @contextmanager
    def lease(self, problem: str) -> Iterator[None]:
        """One applying of a problem at a time, over all processes; a killed one lets go."""
        engine = self._engine
        if engine.dialect.name == "postgresql":
            with self._translated(), engine.connect() as connection:
                key = sa.func.hashtext(problem)
                connection.execute(sa.select(sa.func.pg_advisory_lock(_WRITERS_TURN % 2**31, key)))
                try:
                    yield
                finally:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_WRITERS_TURN % 2**31, key)))
            return
        path = Path(str(self._url.database))
        busy = f"Another process is applying a decision on {problem}."
        with file_lock(path.with_name(f"{path.stem}.{problem}.lease"), seconds=self._lease_seconds, busy=busy):
            yield

    # -- proposals and decisions ---------------------------------------------------------------------------------

    def add_proposal(self, proposal: Proposal) -> None:
        """Write a new proposal. NameTaken when one on the same evidence is open."""
        require_legal(proposal)
        with self._write() as connection:
            self._require_unique(proposal)
            connection.execute(db.proposals.insert().values(sql_rows.from_proposal(proposal)))
            self._tell(proposal.created_at, chain.PROPOSAL, proposal.id, chain.proposal_body(proposal))

    def update_proposal(self, before: Proposal, after: Proposal, *, at: str) -> None:
        """Write `after` if the stored row still is `before`; Conflict says what it is now."""
        if sql_rows.from_proposal(before) != sql_rows.from_proposal(after) | sql_rows.changing(before):
            raise InvalidRecord(f"The evidence of '{before.id}' is written once and never changed.")
        require_legal(after)
        with self._write() as connection:
            self._require_unique(after)
            row = db.proposals.c
            written = connection.execute(
                db.proposals.update()
                .where(
                    row.id == before.id,
                    row.row_version == before.row_version,
                    row.disposition == before.disposition,
                    row.effect == before.effect,
                )
                .values(sql_rows.changing(after))
            )
            if written.rowcount != 1 or after.row_version != before.row_version + 1:
                raise refusals.changed_meanwhile(self.proposal(before.id))
            self._tell(at, chain.CHANGED, after.id, chain.proposal_body(after))

    def proposal(self, proposal_id: str) -> Proposal:
        """One proposal; NotFound otherwise."""
        rows = self._rows(db.proposals.select().where(db.proposals.c.id == proposal_id))
        if not rows:
            raise refusals.no_proposal(proposal_id)
        return sql_rows.to_proposal(rows[0])

    def proposals(
        self, problem: str | None = None, *, disposition: str | None = None, limit: int | None = None
    ) -> list[Proposal]:
        """Newest first."""
        query = db.proposals.select().order_by(db.proposals.c.id.desc()).limit(limit)
        if problem is not None:
            query = query.where(db.proposals.c.problem == problem)
        if disposition is not None:
            query = query.where(db.proposals.c.disposition == disposition)
        return [sql_rows.to_proposal(row) for row in self._rows(query)]

    def _require_unique(self, proposal: Proposal) -> None:
        """Say in words what the unique indexes would refuse."""
        if proposal.effect == "applying":
            others = self.proposals(proposal.problem, disposition="approved")
            if any(p.effect == "applying" and p.id != proposal.id for p in others):
                raise refusals.already_applying(proposal.problem)
        if proposal.disposition == "open":
            others = self.proposals(proposal.problem, disposition="open")
            if any(p.digest == proposal.digest and p.id != proposal.id for p in others):
                raise refusals.already_open(proposal)

    def add_decision(self, decision: Decision) -> None:
        """Append a decision on a proposal that exists."""
        with self._write() as connection:
            self.proposal(decision.proposal_id)
            if self.decisions(decision.proposal_id):
                raise refusals.already_decided(decision.proposal_id)
            connection.execute(db.decisions.insert().values(asdict(decision)))
            self._tell(decision.at, chain.DECISION, decision.proposal_id, asdict(decision))

    def decisions(self, proposal_id: str | None = None) -> list[Decision]:
        """Oldest first."""
        query = db.decisions.select().order_by(db.decisions.c.seq)
        if proposal_id is not None:
            query = query.where(db.decisions.c.proposal_id == proposal_id)
        return [sql_rows.to_decision(row) for row in self._rows(query)]

    def add_move(self, move: PointerMove) -> PointerMove:
        """Append a move and give it its number; Conflict when its proposal already moved the champion."""
        with self._write() as connection:
            self.proposal(move.proposal_id)
            moved = db.pointer_moves.c.proposal_id == move.proposal_id
            if self._rows(db.pointer_moves.select().where(moved)):
                raise Conflict(f"'{move.proposal_id}' already moved the champion.")
            connection.execute(db.pointer_moves.insert().values(sql_rows.from_move(move)))
            numbered = sql_rows.to_move(self._rows(db.pointer_moves.select().where(moved))[0])
            self._tell(move.at, chain.MOVE, move.proposal_id, asdict(numbered))
            return numbered

    def moves(self, problem: str) -> list[PointerMove]:
        """Oldest first."""
        query = db.pointer_moves.select().where(db.pointer_moves.c.problem == problem)
        return [sql_rows.to_move(row) for row in self._rows(query.order_by(db.pointer_moves.c.seq))]

    # -- locks, snapshots, holdout uses --------------------------------------------------------------------------

    def add_lock(self, lock: HypothesisLock) -> HypothesisLock:
        """Lock once; NameTaken when the text changed after its lock."""
        with self._write() as connection:
            first = self.lock(lock.problem, lock.hypothesis_id)
            if first is not None:
                return refusals.same_lock(first, lock)
            connection.execute(db.hypothesis_locks.insert().values(asdict(lock)))
            self._tell(lock.at, chain.LOCK, lock.hypothesis_id, asdict(lock))
            return lock

    def lock(self, problem: str, hypothesis_id: str) -> HypothesisLock | None:
        """The lock, or None."""
        row = db.hypothesis_locks.c
        rows = self._rows(
            db.hypothesis_locks.select().where(row.problem == problem, row.hypothesis_id == hypothesis_id)
        )
        return HypothesisLock(**rows[0]) if rows else None

    def add_snapshot(self, snapshot: SnapshotRecord) -> SnapshotRecord:
        """Record once; NameTaken when the name stands for other bytes."""
        with self._write() as connection:
            known = [s for s in self.snapshots(snapshot.problem) if s.dataset_version == snapshot.dataset_version]
            if known:
                return refusals.same_snapshot(known[0], snapshot)
            body = asdict(snapshot)
            columns = ("problem", "dataset_version", "digest", "holdout_digest")
            values = {name: body[name] for name in columns} | {"record": canonical_json(body)}
            connection.execute(db.snapshots.insert().values(values))
            self._tell(snapshot.created_at, chain.SNAPSHOT, snapshot.dataset_version, body)
            return snapshot

    def snapshot(self, problem: str, dataset_version: str) -> SnapshotRecord:
        """One snapshot; NotFound lists the known ones."""
        known = {s.dataset_version: s for s in self.snapshots(problem)}
        if dataset_version not in known:
            raise refusals.no_snapshot(problem, dataset_version, list(known))
        return known[dataset_version]

    def snapshots(self, problem: str | None = None) -> list[SnapshotRecord]:
        """By problem and name."""
        query = db.snapshots.select().order_by(db.snapshots.c.problem, db.snapshots.c.dataset_version)
        if problem is not None:
            query = query.where(db.snapshots.c.problem == problem)
        return [sql_rows.to_snapshot(row) for row in self._rows(query)]

    def add_holdout_use(self, use: HoldoutUse) -> None:
        """Count a look at a holdout."""
        with self._write() as connection:
            self.proposal(use.proposal_id)
            connection.execute(db.holdout_uses.insert().values(asdict(use)))
            self._tell(use.at, chain.HOLDOUT, use.proposal_id, asdict(use))

    def holdout_uses(self, holdout_digest: str) -> list[HoldoutUse]:
        """Oldest first."""
        query = db.holdout_uses.select().where(db.holdout_uses.c.holdout_digest == holdout_digest)
        rows = self._rows(query.order_by(db.holdout_uses.c.seq))
        return [HoldoutUse(**{name: row[name] for name in HoldoutUse.__dataclass_fields__}) for row in rows]

    # -- the chain -----------------------------------------------------------------------------------------------

    def add_event(self, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Append to the chain."""
        with self._write():
            return self._tell(at, kind, subject, body)

    def events(self, *, after: int = 0, kind: str | None = None, subject: str | None = None) -> list[Event]:
        """Oldest first, those numbered above `after`."""
        query = db.events.select().where(db.events.c.seq > after).order_by(db.events.c.seq)
        if kind is not None:
            query = query.where(db.events.c.kind == kind)
        if subject is not None:
            query = query.where(db.events.c.subject == subject)
        return [sql_rows.to_event(row) for row in self._rows(query)]

    def _tell(self, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        last = self._rows(db.events.select().order_by(db.events.c.seq.desc()).limit(1))
        previous = sql_rows.to_event(last[0]) if last else None
        told = chain.next_event(previous, at=at, kind=kind, subject=subject, body=body)
        self._open.connection.execute(db.events.insert().values(sql_rows.from_event(told)))
        return told


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver would begin late and not immediately; `_begin` does it
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
