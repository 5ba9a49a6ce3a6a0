"""What the log of requests says of a problem: how many, how quick, by which version, and what came back."""

from __future__ import annotations

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
