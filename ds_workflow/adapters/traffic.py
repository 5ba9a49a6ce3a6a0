"""What the log of requests says of a problem: how many, how quick, by which version, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from ds_workflow.adapters.request_log import FILE, labels, requests, schema
from ds_workflow.adapters.sqlite_file import SqliteFile


@dataclass(frozen=True)
class Traffic:
    """Requests of one problem since a moment. Milliseconds are None without requests; `versions` maps a version to
    the requests that it answered."""

    requests: int
    rows: int
    median_ms: float | None
    p95_ms: float | None
    versions: dict[int, int]
    labels: int


@dataclass(frozen=True)
class Arm:
    """What one arm of a trial answered. Milliseconds and the time of the last are None without requests."""

    requests: int
    rows: int
    units: int
    median_ms: float | None
    p95_ms: float | None
    last_at: str | None


def arms(store: Path, trial: str) -> dict[str, Arm]:
    """The arms of a trial that answered anything, by name."""
    file = SqliteFile(store / FILE, schema)
    if not file.exists():
        return {}
    r = requests.c
    count, units = sa.func.count(), sa.func.count(r.unit.distinct())
    query = sa.select(r.arm, count, sa.func.sum(r.rows), units, sa.func.max(r.at))
    found = {}
    try:
        with file.reading() as connection:
            for arm, asked, rows, of, last in connection.execute(query.where(r.experiment == trial).group_by(r.arm)):
                times = connection.scalars(sa.select(r.milliseconds).where(r.experiment == trial, r.arm == arm)).all()
                median, p95 = (float(q) for q in np.quantile(np.asarray(times, dtype=np.float64), (0.5, 0.95)))
                found[str(arm)] = Arm(int(asked), int(rows), int(of), median, p95, str(last))
    finally:
        file.close()
    return dict(sorted(found.items()))


def reach(store: Path, trial: str, of: Sequence[str]) -> tuple[int, int]:
    """The units that any of the arms `of` answered, and the requests of the trial of which a label came back."""
    file = SqliteFile(store / FILE, schema)
    if not file.exists():
        return 0, 0
    r, mine = requests.c, requests.c.experiment == trial
    units = sa.select(sa.func.count(r.unit.distinct())).where(mine, r.arm.in_(of))
    late = sa.select(sa.func.count(labels.c.request.distinct())).where(
        labels.c.request.in_(sa.select(r.id).where(mine))
    )
    try:
        with file.reading() as connection:
            return int(connection.scalar(units) or 0), int(connection.scalar(late) or 0)
    finally:
        file.close()


def since(store: Path, problem: str, at: datetime) -> Traffic:
    """What was answered from `at` on; nothing where no log was ever written."""
    file = SqliteFile(store / FILE, schema)
    if not file.exists():
        return Traffic(0, 0, None, None, {}, 0)
    r = requests.c
    mine = (r.problem == problem, r.arm != "shadow", r.at >= at.strftime("%Y-%m-%dT%H:%M:%S"))
    try:
        with file.reading() as connection:
            found = connection.execute(sa.select(r.version, r.rows, r.milliseconds).where(*mine)).all()
            asked = sa.select(r.id).where(r.problem == problem).scalar_subquery()
            late: Any = sa.select(sa.func.count()).select_from(labels).where(
                labels.c.request.in_(asked), labels.c.at >= at.strftime("%Y-%m-%dT%H:%M:%S")
            )  # fmt: skip
            returned = int(connection.execute(late).scalar_one())
    finally:
        file.close()
    times = [float(row.milliseconds) for row in found]
    versions: dict[int, int] = {}
    for row in found:
        versions[int(row.version)] = versions.get(int(row.version), 0) + 1
    median, p95 = (float(np.quantile(times, q)) for q in (0.5, 0.95)) if times else (None, None)
    return Traffic(len(found), sum(int(row.rows) for row in found), median, p95, versions, returned)
