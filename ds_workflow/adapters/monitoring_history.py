"""What every look at a problem in office found, kept for good, and the points that its charts and the agent read.

For whoever asks how a champion fares (a release, a page, the daily check) `latest` answers without a workspace: it
takes the folder of the stores (`settings.store`) and the problem's name, and gives the newest `Look` of each kind, with
`status`, `findings`, `at` and the champion's `version` and `digest`. Nothing was ever looked at where it gives {}.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ds_workflow.adapters.sqlite_file import SqliteFile
from ds_workflow.domain.monitoring.looks import Kind, Look

FILE = "monitoring.db"
POINTS_MOST = 400  # of one history that is read

_schema = sa.MetaData()
_looks = sa.Table(
    "looks",
    _schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index("looks_by_problem", "problem", "kind", "seq"),
)
_points = sa.Table(
    "points",
    _schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("figures", sa.Text, nullable=False),
    sa.Index("points_by_day", "problem", "day"),
)


class History:
    """The looks and points of one workspace; `store` is the folder of its stores."""

    def __init__(self, store: Path) -> None:
        self._file = SqliteFile(store / FILE, _schema)

    def add(self, look: Look, points: Iterable[Mapping[str, Any]] = ()) -> None:
        """Keep a look and the points that it measured, together or not at all.

        A point is {"date": day, "version": n, name: figure}; a later one of the same day and version stands in place of
        it, since labels go on arriving."""
        with self._file.writing() as connection:
            document = json.dumps(look.to_dict(), sort_keys=True, allow_nan=False)
            connection.execute(
                _looks.insert().values(
                    problem=look.problem, kind=look.kind, at=look.at, status=look.status, document=document
                )
            )
            for point in points:
                figures = {k: v for k, v in point.items() if k not in ("date", "version")}
                connection.execute(
                    _points.insert().values(
                        problem=look.problem,
                        day=point["date"],
                        version=point["version"],
                        figures=json.dumps(figures, sort_keys=True, allow_nan=False),
                    )
                )

    def looks(self, problem: str, kind: Kind | None = None, *, most: int = 100) -> list[Look]:
        """The newest looks, oldest of them first."""
        if not self._file.exists():
            return []
        query = sa.select(_looks.c.document).where(_looks.c.problem == problem)
        if kind is not None:
            query = query.where(_looks.c.kind == kind)
        with self._file.reading() as connection:
            found = connection.execute(query.order_by(_looks.c.seq.desc()).limit(most)).scalars().all()
        return [Look.from_dict(json.loads(document)) for document in reversed(found)]

    def latest(self, problem: str) -> dict[Kind, Look]:
        """The newest look of each kind."""
        if not self._file.exists():
            return {}
        newest = sa.select(sa.func.max(_looks.c.seq)).where(_looks.c.problem == problem).group_by(_looks.c.kind)
        with self._file.reading() as connection:
            found = connection.execute(sa.select(_looks.c.document).where(_looks.c.seq.in_(newest))).scalars().all()
        looks = [Look.from_dict(json.loads(document)) for document in found]
        return {look.kind: look for look in looks}

    def points(self, problem: str, *, most: int = POINTS_MOST) -> list[dict[str, Any]]:
        """The newest days, oldest first, each once: of a day the newest version, as it was last measured."""
        if not self._file.exists():
            return []
        newest = (
            sa.select(sa.func.max(_points.c.seq))
            .where(_points.c.problem == problem)
            .group_by(_points.c.day, _points.c.version)
        )
        query = sa.select(_points).where(_points.c.seq.in_(newest)).order_by(_points.c.day, _points.c.version)
        with self._file.reading() as connection:
            rows = connection.execute(query).all()
        found = {row.day: {"date": row.day, "version": row.version, **json.loads(row.figures)} for row in rows}
        return list(found.values())[-most:]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def latest(store: Path, problem: str) -> dict[Kind, Look]:
    """The newest look of each kind at a problem, {} where nobody ever looked. Changes nothing."""
    history = History(store)
    try:
        return history.latest(problem)
    finally:
        history.close()


def folder(root: Path, problem: str) -> Path:
    """Where a problem's files of monitoring lie in a workspace: metrics_history.jsonl, drift_latest.json, pages."""
    return root / "data" / "monitoring" / problem


def write_points(path: Path, points: Sequence[Mapping[str, Any]]) -> None:
    """One JSON object a line, in the order given: the same points, the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text("".join(json.dumps(p, allow_nan=False) + "\n" for p in points), "utf-8")
    unfinished.replace(path)
