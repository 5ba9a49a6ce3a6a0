"""The ledger in SQL: one SQLite file now, another URL later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry import accounts_schema as people
from registry import chain, refusals, sql_rows
from registry import sql_schema as db
from registry.errors import Conflict, InvalidRecord
from registry.files import file_lock
from registry.records import (
    Decision,
    HoldoutUse,
    HypothesisLock,
    PointerMove,
    Proposal,
    SnapshotRecord,
    canonical_json,
    require_legal,
)
from registry.sql_store import SqlStore
from registry.stored import Standing, StoredProposal

LEASES = 0x6C656173  # the first key of the advisory locks that are leases; the second is the problem


class SqlLedger(SqlStore):
    """Proposals, decisions, pointer moves and the event chain."""

    @contextmanager
    def lease(self, problem: str) -> Iterator[None]:
        """One applying of a problem at a time, over all processes; a killed one lets go."""
        engine = self._engine
        if engine.dialect.name == "postgresql":
            with self._translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                key = sa.select(sa.func.pg_advisory_lock(LEASES, sa.func.hashtext(problem)))
                connection.exec_driver_sql(f"SET lock_timeout = {int(self._lease_seconds * 1000)}")
                try:
                    connection.execute(key)
                except sa.exc.OperationalError as error:
                    raise refusals.lease_taken(problem, self._lease_seconds) from error
                try:
                    yield
                finally:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(LEASES, sa.func.hashtext(problem))))
                    connection.exec_driver_sql("RESET lock_timeout")
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
        self,
        problem: str | None = None,
        *,
        disposition: str | None = None,
        effect: str | None = None,
        challenger: str | None = None,
        hypothesis: str | None = None,
        since: str | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        """Newest first."""
        row = db.proposals.c
        query = db.proposals.select().order_by(row.id.desc()).limit(limit)
        asked = {
            row.problem: problem,
            row.disposition: disposition,
            row.effect: effect,
            row.challenger_digest: challenger,
        }
        query = query.where(*(column == value for column, value in asked.items() if value is not None))
        if since is not None:
            query = query.where(row.created_at >= since)
        if hypothesis is not None:  # of the column's JSON: digest, id, outcome
            query = query.where(
                row.hypothesis.contains(f'"id":{canonical_json(hypothesis)},"outcome":', autoescape=True)
            )
        read = list(self._made(self._rows(query), sql_rows.to_proposal))
        # SQLite's LIKE takes capitals for small letters
        return [p for p in read if hypothesis is None or (p.hypothesis is not None and p.hypothesis.id == hypothesis)]

    def approved(self, problem: str) -> list[Standing]:
        """What moves have to agree with."""
        row = db.proposals.c
        columns = (row.id, row.effect, row.challenger_version, row.challenger_digest, row.champion_version,
                   row.champion_digest)  # fmt: skip
        query = sa.select(*columns).where(row.problem == problem, row.disposition == "approved")
        return list(self._made(self._rows(query), sql_rows.to_standing))

    def stored_proposals(self) -> Iterator[StoredProposal]:
        """Oldest first."""
        for page in self._pages(db.proposals.select().order_by(db.proposals.c.id), size=500):
            yield from self._made((row._asdict() for row in page), sql_rows.to_stored)

    def count_proposals(self, problem: str) -> dict[str, int]:
        """How many there are of each disposition."""
        row = db.proposals.c
        query = sa.select(row.disposition, sa.func.count().label("n")).where(row.problem == problem)
        return {found["disposition"]: int(found["n"]) for found in self._rows(query.group_by(row.disposition))}

    def problems(self) -> list[str]:
        """By name."""
        row = db.proposals.c
        return [str(found["problem"]) for found in self._rows(sa.select(row.problem).distinct().order_by(row.problem))]

    def _require_unique(self, proposal: Proposal) -> None:
        """Say in words what the unique indexes would refuse."""
        if proposal.effect == "applying":
            others = self.proposals(proposal.problem, effect="applying")
            if any(p.id != proposal.id for p in others):
                raise refusals.already_applying(proposal.problem)
        if proposal.disposition == "open":
            others = self.proposals(proposal.problem, disposition="open", challenger=proposal.challenger.digest)
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
        return list(self._made(self._rows(query), sql_rows.to_decision))

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
        return list(self._made(self._rows(query.order_by(db.pointer_moves.c.seq)), sql_rows.to_move))

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
        return sql_rows.to_lock(rows[0]) if rows else None

    def locks(self) -> list[HypothesisLock]:
        """By problem and hypothesis."""
        row = db.hypothesis_locks.c
        rows = self._rows(db.hypothesis_locks.select().order_by(row.problem, row.hypothesis_id))
        return list(self._made(rows, sql_rows.to_lock))

    def add_snapshot(self, snapshot: SnapshotRecord) -> SnapshotRecord:
        """Record once; NameTaken when the name stands for other bytes."""
        with self._write() as connection:
            known = [s for s in self.snapshots(snapshot.problem) if s.dataset_version == snapshot.dataset_version]
            if known:
                return refusals.same_snapshot(known[0], snapshot)
            body = asdict(snapshot)
            values = {name: body[name] for name in sql_rows.SNAPSHOT} | {"record": canonical_json(body)}
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
        return list(self._made(self._rows(query), sql_rows.to_snapshot))

    def add_holdout_use(self, use: HoldoutUse) -> None:
        """Count a look at a holdout."""
        with self._write() as connection:
            self.proposal(use.proposal_id)
            connection.execute(db.holdout_uses.insert().values(asdict(use)))
            self._tell(use.at, chain.HOLDOUT, use.proposal_id, asdict(use))

    def holdout_uses(self, holdout_digest: str | None = None) -> list[HoldoutUse]:
        """Oldest first."""
        query = db.holdout_uses.select()
        if holdout_digest is not None:
            query = query.where(db.holdout_uses.c.holdout_digest == holdout_digest)
        rows = self._rows(query.order_by(db.holdout_uses.c.seq))
        return list(self._made(rows, sql_rows.to_use))

    def people(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Accounts and tokens, as the events about them tell."""
        with self.reading():
            there = set(sa.inspect(self._open.connection).get_table_names())
            if not {people.accounts.name, people.tokens.name} <= there:
                return [], []
            query: Any = people.accounts.select()
            if people.names.name in there:
                named, joined = people.names.c, people.accounts.outerjoin(people.names)
                query = sa.select(people.accounts, named.full_name, named.email).select_from(joined)
            accounts = self._made(self._rows(query.order_by(people.accounts.c.name)), sql_rows.to_account)
            tokens = self._made(self._rows(people.tokens.select().order_by(people.tokens.c.id)), sql_rows.to_token)
            return list(accounts), list(tokens)
