"""Answered rows with the labels that came for them: from the log of requests, or from a file that somebody hands in.

Each becomes the table of `domain.monitoring.served.COLUMNS` with a column `place`, the row's position in `base`: what
is known of the rows beside their labels (answers, intervals, groups).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ds_workflow.adapters import tables
from ds_workflow.adapters.request_log import FILE, answers, labels, lost, refusals, requests, schema
from ds_workflow.adapters.sqlite_file import SqliteFile
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.monitoring.service import Requests
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput

ANSWER = ("prediction", "predicted_probability", "predicted_value", "answer")
TRUTH = ("truth", "label", "actual")
TIME = ("at", "timestamp", "time", "date", "day")
LOW, HIGH = ("predicted_low", "lower"), ("predicted_high", "upper")


@dataclass(frozen=True)
class Served:
    """`lines` as the module's text says; `note` says what had to be assumed of them."""

    lines: pd.DataFrame
    base: Scored
    note: str = ""


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def from_log(store: Path, problem: str, *, since: datetime, until: datetime) -> Served:
    """What was answered outside of shadows from `since` to `until`, with every label that came for it."""
    file = SqliteFile(store / FILE, schema)
    found: list[sa.Row[tuple[object, ...]]] = []
    if file.exists():
        r, a, k = requests.c, answers.c, labels.c
        query = (
            sa.select(r.id, a.row, r.at, r.version, a.answer, k.label, k.at.label("label_at"))
            .join(answers, sa.and_(a.request == r.id, a.arm == r.arm))
            .outerjoin(labels, sa.and_(k.request == r.id, k.row == a.row))
            .where(r.problem == problem, r.arm != "shadow", r.at >= _text(since), r.at <= _text(until) + "~")
            .order_by(r.at, r.id, a.row, k.seq)
        )
        try:
            with file.reading() as connection:
                found = list(connection.execute(query).all())  # type: ignore[arg-type]
        finally:
            file.close()
    lines = pd.DataFrame(found, columns=["request", "row", "at", "version", "answer", "label", "label_at"])
    for name in ("at", "label_at"):
        lines[name] = pd.to_datetime(lines[name], utc=True).dt.tz_localize(None)
    lines["row_id"] = lines.pop("request").astype(str) + "/" + lines.pop("row").astype(str)
    lines["label"] = lines["label"].astype("float64")
    lines["place"] = pd.factorize(lines["row_id"])[0]
    rows = lines.drop_duplicates("row_id")
    base = Scored(rows["row_id"].to_numpy(), np.full(len(rows), np.nan), rows["answer"].to_numpy(dtype=np.float64))
    return Served(lines, base)


def requests_since(store: Path, problem: str, *, since: datetime, until: datetime) -> Requests:
    """How the service answered the requests of a problem; refusals of paths that name no problem count too."""
    file = SqliteFile(store / FILE, schema)
    if not file.exists():
        return Requests(_text(since), (), 0, 0, 0, 0, 0)
    first, last = _text(since), _text(until) + "~"
    r, f = requests.c, refusals.c
    mine = (r.problem == problem, r.arm != "shadow")
    other = sa.and_(f.path.like("/problems/%"), f.path.not_like(f"/problems/{problem}/%"))
    try:
        with file.reading() as connection:
            asked = connection.execute(
                sa.select(r.milliseconds, r.rows).where(*mine, r.at >= first, r.at <= last)
            ).all()
            told = connection.execute(
                sa.select(f.status, sa.func.count()).where(f.at >= first, f.at <= last, ~other).group_by(f.status)
            ).all()
            missing = connection.execute(
                sa.select(sa.func.coalesce(sa.func.sum(lost.c.rows), 0)).where(lost.c.at >= first, lost.c.at <= last)
            ).scalar_one()
            ever = connection.execute(sa.select(sa.func.count()).select_from(requests).where(*mine)).scalar_one()
    finally:
        file.close()
    return Requests(
        since=first,
        milliseconds=tuple(float(row.milliseconds) for row in asked),
        rows=sum(int(row.rows) for row in asked),
        refused=sum(int(n) for status, n in told if status < 500),
        failed=sum(int(n) for status, n in told if status >= 500),
        lost=int(missing),
        ever=int(ever),
    )


def times_by_day(store: Path, problem: str, *, since: datetime, until: datetime) -> list[tuple[str, float]]:
    """(day, milliseconds) of every answered request."""
    file = SqliteFile(store / FILE, schema)
    if not file.exists():
        return []
    r = requests.c
    query = sa.select(r.at, r.milliseconds).where(
        r.problem == problem, r.arm != "shadow", r.at >= _text(since), r.at <= _text(until) + "~"
    )
    try:
        with file.reading() as connection:
            return [(str(row.at)[:10], float(row.milliseconds)) for row in connection.execute(query)]
    finally:
        file.close()


def from_file(path: Path, problem: Problem, *, assumed_at: pd.Timestamp) -> Served | None:
    """The answered and labelled rows of a table: an answer (one of ANSWER), the truth (the target's name or one of
    TRUTH), a time (the problem's column or one of TIME) and, where known, label_at, segment and groups. None where the
    table holds no answers, so that somebody must answer first.

    Without a time the rows are taken as answered at `assumed_at`. Raises InvalidInput for cells that are no figures.
    """
    table = tables.read(path)
    answer = next((name for name in ANSWER if name in table), None)
    truth = next((name for name in (problem.target, *TRUTH) if name in table), None)
    if answer is None:
        return None
    if truth is None:
        raise InvalidInput(
            f"{path.name} holds answers and no truth.", hint=f"Name it {problem.target}, {', '.join(TRUTH)}."
        )
    place = pd.RangeIndex(len(table))
    time = next((name for name in (problem.time_column, *TIME) if name and name in table), None)
    at = _moments(table, time, path) if time else pd.Series(assumed_at, index=table.index)
    ident = problem.row_id if problem.row_id in table else next((n for n in ("row_id", "id") if n in table), None)
    version = next((name for name in ("model_version", "version") if name in table), None)
    lines = pd.DataFrame(
        {
            "row_id": table[ident].astype(str) if ident else place.astype(str),
            "at": at,
            "version": _numbers(table, version, path) if version else 0,
            "answer": _numbers(table, answer, path),
            "label": _numbers(table, truth, path, missing=True),
            "label_at": _moments(table, "label_at", path, missing=True) if "label_at" in table else pd.NaT,
            "place": place,
        }
    ).reset_index(drop=True)
    lines["label_at"] = pd.to_datetime(lines["label_at"])
    if problem.task == "binary" and not lines["label"].dropna().isin((0, 1)).all():
        raise InvalidInput(f"{path.name}: {truth} holds other values than 0 and 1.")
    if lines["answer"].isna().any():
        raise InvalidInput(f"{path.name}: {int(lines['answer'].isna().sum()):,} rows have no {answer}.")
    if lines["row_id"].duplicated().any() and "label_at" not in table:
        raise InvalidInput(
            f"{path.name}: {int(lines['row_id'].duplicated().sum()):,} values of {ident} stand twice.",
            hint="One line a row, or a column label_at that says when each label came.",
        )
    note = "" if time else "the rows carry no time, so they are taken as old enough"
    low, high = (next((n for n in names if n in table), None) for names in (LOW, HIGH))
    base = Scored(
        lines["row_id"].to_numpy(),
        np.full(len(lines), np.nan),
        lines["answer"].to_numpy(dtype=np.float64),
        lower=_numbers(table, low, path) if low and high else None,
        upper=_numbers(table, high, path) if low and high else None,
        groups=_groups(table, problem),
    )
    return Served(lines, base, note)


def from_scored(scored: Scored, version: int, *, assumed_at: pd.Timestamp) -> Served:
    """Rows that the champion has just answered, with their truth; without a time as `from_file` says."""
    at = pd.Series(assumed_at, index=range(len(scored))) if scored.time is None else pd.Series(scored.time)
    lines = pd.DataFrame(
        {
            "row_id": scored.row_id.astype(str),
            "at": pd.to_datetime(at),
            "version": version,
            "answer": scored.prediction,
            "label": scored.truth,
            "label_at": pd.NaT,
            "place": np.arange(len(scored)),
        }
    )
    lines["label_at"] = pd.to_datetime(lines["label_at"])
    return Served(
        lines, scored, "" if scored.time is not None else "rows carry no time, so they are taken as old enough"
    )


def _groups(table: pd.DataFrame, problem: Problem) -> dict[str, np.ndarray]:
    named = {"segment": problem.segment_column, "cluster": problem.cluster_column}
    named |= {name: name for name in (*problem.slices, *problem.groups)}
    found = {name: table[c].astype(str).to_numpy(dtype=object) for name, c in named.items() if c in table}
    if "segment" in table and "segment" not in found:
        found["segment"] = table["segment"].astype(str).to_numpy(dtype=object)
    return found


def _numbers(table: pd.DataFrame, name: str | None, path: Path, *, missing: bool = False) -> np.ndarray:
    values = table[str(name)]
    found = pd.to_numeric(values, errors="coerce").astype("float64")
    bad = values.notna() & found.isna()
    if bad.any() or not np.isfinite(found.dropna()).all():
        said = str(values[bad].iloc[0])[:60] if bad.any() else "infinity"
        raise InvalidInput(f"{path.name}: {name} holds '{said}', which is no finite number.")
    if not missing and found.isna().any():
        raise InvalidInput(f"{path.name}: {int(found.isna().sum()):,} rows have no {name}.")
    return np.asarray(found, dtype=np.float64)


def _moments(table: pd.DataFrame, name: str, path: Path, *, missing: bool = False) -> pd.Series:
    try:
        found = pd.to_datetime(table[name], utc=True).dt.tz_localize(None)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{path.name}: {name} holds what is no time: {error}", hint="ISO 8601.") from error
    if not missing and found.isna().any():
        raise InvalidInput(f"{path.name}: {int(found.isna().sum()):,} rows have no {name}.")
    return found
