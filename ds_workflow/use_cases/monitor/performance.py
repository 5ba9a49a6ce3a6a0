"""Look at the champion's performance as of a moment: labelled rows against its holdout, and how the service answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import datasets, models, monitoring_policies, run_files, served_rows, snapshots
from ds_workflow.adapters.monitoring_history import History, folder, write_points
from ds_workflow.domain.monitoring import performance, served, service
from ds_workflow.domain.monitoring.looks import Finding, Look, worst
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import monitor_performance as report
from ds_workflow.reports import tables
from ds_workflow.use_cases.monitor import alarms
from ds_workflow.use_cases.monitor.champion import watched
from registry.records import utc_text

if TYPE_CHECKING:
    import pandas as pd

    from ds_workflow.adapters.served_rows import Served
    from ds_workflow.domain.metrics import Scored
    from ds_workflow.domain.monitoring.policy import MonitoringPolicy
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion

POINT_DAYS = 60  # of the history that one look writes anew
LOG_DAYS = 400  # of the log that is read


@dataclass(frozen=True)
class Looked:
    """A look, and where its page and the history that the agent reads were written."""

    look: Look
    page: Path
    history: Path

    def to_dict(self) -> dict[str, Any]:
        """The document of `monitor-performance --json`."""
        return {**self.look.to_dict(), "page": str(self.page), "history": str(self.history)}

    def text(self) -> str:
        """For the terminal."""
        rows = [[f.status, f.name, f.detail] for f in self.look.findings]
        head = f"{self.look.problem}: {self.look.status}, champion v{self.look.version}, as of {self.look.at}"
        lines = [head, "", *tables.text_table(["status", "check", "what was seen"], rows, limit=90)]
        return "\n".join([*lines, "", f"Page:    {self.page}", f"History: {self.history}"])


def look(work: Workspace, *, source: Path | None = None, as_of: datetime | None = None) -> Looked:
    """Compare the newest mature rows with the holdout, store the look, and write page and history. A critical look
    opens an incident.

    Rows come from the log of requests, or from `source`: a table of answers and truths, or rows as the problem's loader
    reads them, which the champion then answers. Raises NoChampion, InvalidInput for what can't be used.
    """
    import pandas as pd

    problem = work.problem
    champion = watched(work)
    policy = monitoring_policies.load(work.settings, problem.name)
    at = (as_of or work.clock()).astimezone(UTC)
    moment = pd.Timestamp(at.replace(tzinfo=None))
    rows = _rows(work, champion, source, at)
    found = _judged(work, champion, policy, rows, moment)
    since = at - timedelta(hours=policy.service.hours)
    asked = served_rows.requests_since(work.settings.store, problem.name, since=since, until=at)
    found.findings += service.findings(asked, policy)
    took = served_rows.times_by_day(work.settings.store, problem.name, since=at - timedelta(days=POINT_DAYS), until=at)
    points = _points(found.points, service.by_day(took), champion.version)
    seen = Look(
        problem.name,
        "performance",
        utc_text(at),
        champion.version,
        champion.digest,
        policy.digest,
        worst(f.status for f in found.findings),
        tuple(found.findings),
        found.figures,
        found.detail,
    )
    history = History(work.settings.store)
    try:
        history.add(seen, points)
        kept = history.points(problem.name)
    finally:
        history.close()
    alarms.follow(work, seen)
    place = folder(work.settings.root, problem.name)
    write_points(place / "metrics_history.jsonl", kept)
    page = place / "performance.html"
    page.write_text(report.html(seen, kept, problem), "utf-8")
    return Looked(seen, page, place / "metrics_history.jsonl")


@dataclass
class _Found:
    """What one look gathers."""

    findings: list[Finding]
    figures: dict[str, float]
    detail: dict[str, Any]
    points: list[dict[str, Any]]


def _rows(work: Workspace, champion: ModelVersion, source: Path | None, at: datetime) -> Served:
    import pandas as pd

    problem = work.problem
    if source is None:
        found = served_rows.from_log(work.settings.store, problem.name, since=at - timedelta(days=LOG_DAYS), until=at)
        mine = found.lines["version"] == champion.version
        return replace(found, lines=found.lines[mine])
    assumed = pd.Timestamp(at.replace(tzinfo=None)).floor("D") - pd.Timedelta(days=1)
    handed = served_rows.from_file(source, problem, assumed_at=assumed) if source.is_file() and _table(source) else None
    if handed is not None:
        other = ~handed.lines["version"].isin((0, champion.version))
        if other.any():
            work.say(f"{int(other.sum()):,} rows were answered by other versions and are left out")
        return replace(handed, lines=handed.lines[~other])
    ready = datasets.prepare(work.plugin, source=source, say=work.say)
    fresh = _unseen(work, champion, ready.rows)
    model = models.read(work.registry.model_path(champion))
    work.say(f"Version {champion.version} answers {len(fresh):,} rows")
    return served_rows.from_scored(models.score(model, problem, fresh), champion.version, assumed_at=assumed)


def _table(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz", ".parquet", ".pq", ".jsonl"))


def _unseen(work: Workspace, champion: ModelVersion, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the champion's snapshot does not hold: what it learned from, or was judged on, proves nothing."""
    ident = work.problem.row_id
    store = snapshots.SnapshotStore(work.settings.data)
    known = store.load(work.problem, champion.lineage.dataset_version).rows[ident]
    seen = rows[ident].isin(set(known))
    if seen.any():
        work.say(f"{int(seen.sum()):,} rows stand in the champion's own snapshot and are left out")
    if seen.all():
        raise InvalidInput(
            f"All {len(rows):,} rows stand in {champion.lineage.dataset_version}, from which the champion was made.",
            hint="Hand in rows that came later.",
        )
    return rows[~seen]


def _judged(
    work: Workspace, champion: ModelVersion, policy: MonitoringPolicy, rows: Served, moment: pd.Timestamp
) -> _Found:
    import numpy as np

    problem, seed = work.problem, champion.lineage.seed
    late = 0 if rows.note else policy.labels.mature_after_days  # rows without time are old enough by assumption
    known = served.as_of(rows.lines, moment, mature_after_days=late)
    young = served.young(known, moment, mature_after_days=late)
    newest = served.newest_window(known, moment, days=policy.performance.window_days, mature_after_days=late)
    detail: dict[str, Any] = {"mature_after_days": late, "young_rows": len(young), "note": rows.note}
    if newest is None:
        said = f"no row is {late} days old yet, as labels need; {len(young):,} younger ones are not compared"
        step = "Send labels to POST /feedback, or hand in labelled rows: monitor-performance --input FILE."
        return _Found([Finding("performance", "unknown", said, next=step)], {}, detail, [])
    inside, window = newest
    detail["window"] = {
        "first": str(window.first), "last": str(window.last), "rows": window.rows, "labelled": window.labelled,
    }  # fmt: skip
    findings = [_labels(window, len(young), policy)]
    labelled = inside[inside["label"].notna()]

    def scored(part: pd.DataFrame) -> Scored:
        at = part["place"].to_numpy(dtype=np.int64)
        return replace(
            rows.base.take(at),
            truth=part["label"].to_numpy(dtype=np.float64),
            time=part["day"].to_numpy(dtype="datetime64[D]"),
        )

    new = scored(labelled)
    held = models.read_scored(work.registry.run_artifacts(champion) / run_files.PREDICTIONS)
    figures = performance.figures(new, problem) if len(new) else {}
    detail["holdout"] = performance.figures(held, problem)
    if findings[0].status == "unknown":
        said = "not compared: the labels that came may not be those of all rows"
        findings.append(Finding("performance", "unknown", said, next=findings[0].next))
    else:
        compared = performance.changes(new, held, problem, policy, seed=seed)
        findings += performance.findings(compared, problem, policy)
        detail["changes"] = [{**vars(c), "status": c.status()} for c in compared]
    if len(new) >= policy.performance.minimum_rows:
        if problem.task == "binary":
            one, reliability = performance.calibrated(new, held, policy, seed=seed)
            findings.append(one)
            figures |= {"ece": reliability.ece, "ece_by_chance": reliability.by_chance, "brier": reliability.brier}
            detail["reliability"] = [vars(b) for b in reliability.bins]
        told, widest = performance.fair(new, problem, policy, seed=seed)
        findings += told
        figures |= widest
    series = served.rolling(known, moment, days=policy.performance.window_days, mature_after_days=late, most=POINT_DAYS)
    least = min(policy.performance.minimum_rows, 100)
    points = [
        {"date": str(day.date()), **_rounded(performance.figures(scored(part), problem)), "rows": float(len(part))}
        for day, part in series
        if len(part) >= least
    ]
    if points:
        points[-1] |= _rounded(figures)
    return _Found(findings, figures, detail, points)


def _labels(window: served.Window, young: int, policy: MonitoringPolicy) -> Finding:
    least = policy.labels.minimum_coverage
    said = (
        f"{window.words()}: {window.labelled:,} of {window.rows:,} rows have labels ({window.coverage:.0%}); "
        f"{young:,} younger rows wait for theirs"
    )
    if window.coverage < least:
        step = "Bring labels back: POST /feedback, or monitor-performance --input FILE."
        return Finding("labels", "unknown", said, window.coverage, least, step)
    return Finding("labels", "healthy", said, window.coverage, least)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 9) for name, value in figures.items()}


def _points(
    measured: list[dict[str, Any]], served_by_day: dict[str, dict[str, float]], version: int
) -> list[dict[str, Any]]:
    """One point a day, of whatever was measured of it."""
    found = {point["date"]: point for point in measured}
    for day, figures in served_by_day.items():
        found[day] = {"date": day, **found.get(day, {}), **figures}
    return [{"date": day, "version": version, **found[day]} for day in sorted(found)]
