"""Incidents: what went wrong while serving or watching, opened once per cause, acknowledged by who takes it on, worked
through step by step, and closed by whoever mended it.

`happenings` and `notes` are append-only; an incident is what those of one number say together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from ds_workflow.adapters.sqlite_file import SqliteFile
from ds_workflow.errors import InvalidInput, UnknownName

Severity = Literal["warn", "critical"]
FILE = "incidents.db"

_schema = sa.MetaData()
_happenings = sa.Table(
    "happenings",
    _schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Integer, nullable=False, index=True),
    sa.Column("kind", sa.Text, sa.CheckConstraint("kind IN ('opened', 'again', 'closed')"), nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
_notes = sa.Table(
    "notes",
    _schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Integer, nullable=False, index=True),
    sa.Column("step", sa.Integer, nullable=False),  # of the playbook, from 1; 0: it was acknowledged
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)
_AGAIN_MOST = 50  # repeats of one incident that are kept; an incident that repeats each second must not fill the disk


@dataclass(frozen=True)
class Note:
    """What somebody did: step 0 is the acknowledgement, others are those of the playbook."""

    step: int
    at: str
    by: str
    said: str


@dataclass(frozen=True)
class Incident:
    """One incident as it stands. `cause` is what it is opened once for; `times` counts how often it was seen."""

    id: str
    problem: str
    cause: str
    severity: str
    detail: str
    opened_at: str
    opened_by: str
    last_at: str
    times: int
    closed_at: str | None = None
    closed_by: str | None = None
    resolution: str | None = None
    notes: tuple[Note, ...] = ()

    @property
    def acknowledged_by(self) -> str | None:
        """Who took it on first, or None."""
        return next((note.by for note in self.notes if note.step == 0), None)

    @property
    def steps_done(self) -> frozenset[int]:
        """The steps of the playbook that were done."""
        return frozenset(note.step for note in self.notes if note.step)


class Incidents:
    """The incidents of a store. Times are UTC as text; `by` is a person or the part that noticed."""

    def __init__(self, store: Path) -> None:
        self._file = SqliteFile(store / FILE, _schema)

    def note(
        self, problem: str, cause: str, detail: str, *, at: str, by: str, severity: Severity = "critical"
    ) -> Incident:
        """Open an incident, or note that the open one of that cause was seen again."""
        with self._file.writing() as connection:
            known = [found for found in _read(connection) if (found.problem, found.cause) == (problem, cause)]
            still = next((found for found in known if found.closed_at is None), None)
            number = _number(still.id) if still else _next(connection)
            if still is None or still.times < _AGAIN_MOST:
                row: dict[str, object] = {
                    "problem": problem,
                    "cause": cause,
                    "severity": severity,
                    "at": at,
                    "by": by,
                    "detail": detail,
                }
                row |= {"incident": number, "kind": "again" if still else "opened"}
                connection.execute(_happenings.insert().values(row))
            return next(found for found in _read(connection) if _number(found.id) == number)

    def close(self, ident: str, *, at: str, by: str, resolution: str) -> Incident:
        """Close an incident with what was done. Raises UnknownName, and InvalidInput without a resolution."""
        if not resolution.strip() or not by.strip():
            raise InvalidInput("Closing an incident needs a name and what was done about it.")
        with self._file.writing() as connection:
            one = _incident(connection, ident)
            if one.closed_at is None:
                row: dict[str, object] = {
                    "problem": one.problem,
                    "cause": one.cause,
                    "severity": one.severity,
                    "at": at,
                    "by": by.strip(),
                }
                row |= {"incident": _number(ident), "kind": "closed", "detail": resolution.strip()}
                connection.execute(_happenings.insert().values(row))
            return next(one for one in _read(connection) if one.id == ident)

    def remark(self, ident: str, step: int, *, at: str, by: str, said: str) -> Incident:
        """Note that somebody acknowledged it (step 0) or did a step of its playbook; the same again changes nothing.

        Raises UnknownName, InvalidInput without a name or when it is closed.
        """
        if not by.strip():
            raise InvalidInput("Whoever works on an incident gives a name.")
        with self._file.writing() as connection:
            one = _incident(connection, ident)
            if one.closed_at is not None:
                raise InvalidInput(f"{ident} was closed by {one.closed_by}: {one.resolution}.")
            known = {note.step for note in one.notes}
            if step not in known:
                row = {"incident": _number(ident), "step": step, "at": at, "by": by.strip(), "said": said.strip()}
                connection.execute(_notes.insert().values(row))
            return next(one for one in _read(connection) if one.id == ident)

    def settle(self, problem: str, cause: str, *, at: str, by: str, resolution: str) -> None:
        """Close the open incident of a cause that is gone, if there is one."""
        for found in self.listed(problem, only_open=True):
            if found.cause == cause:
                self.close(found.id, at=at, by=by, resolution=resolution)

    def listed(self, problem: str | None = None, *, only_open: bool = False) -> list[Incident]:
        """Incidents, oldest first."""
        if not self._file.exists():
            return []
        with self._file.reading() as connection:
            found = _read(connection)
        return [
            one
            for one in found
            if (problem is None or one.problem == problem) and not (only_open and one.closed_at is not None)
        ]


def _incident(connection: sa.Connection, ident: str) -> Incident:
    """The incident of that id; UnknownName lists the open ones."""
    found = {one.id: one for one in _read(connection)}
    if ident not in found:
        raise UnknownName("incident", ident, (i for i, one in found.items() if one.closed_at is None))
    return found[ident]


def _number(ident: str) -> int:
    return int(ident.removeprefix("I-"))


def _next(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_happenings.c.incident), 0))).scalar_one()) + 1


def _read(connection: sa.Connection) -> list[Incident]:
    by_number: dict[int, list[sa.Row[tuple[int, ...]]]] = {}
    for row in connection.execute(_happenings.select().order_by(_happenings.c.seq)):
        by_number.setdefault(row.incident, []).append(row)
    notes: dict[int, list[Note]] = {}
    for row in connection.execute(_notes.select().order_by(_notes.c.seq)):
        notes.setdefault(row.incident, []).append(Note(row.step, row.at, row.by, row.said))
    found = []
    for number, rows in by_number.items():
        first, seen = rows[0], [row for row in rows if row.kind != "closed"]
        closed = rows[-1] if rows[-1].kind == "closed" else None
        found.append(
            Incident(
                id=f"I-{number:05d}",
                problem=first.problem,
                cause=first.cause,
                severity=first.severity,
                detail=seen[-1].detail,
                opened_at=first.at,
                opened_by=first.by,
                last_at=seen[-1].at,
                times=len(seen),
                closed_at=closed.at if closed else None,
                closed_by=closed.by if closed else None,
                resolution=closed.detail if closed else None,
                notes=tuple(notes.get(number, ())),
            )
        )
    return found
