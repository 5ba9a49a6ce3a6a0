"""Look at the rows that come in: can they be used, are they still like those that the champion learned from, and is
anything new coming at all?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import datasets, monitoring_policies, row_files, run_files, snapshots
from ds_workflow.adapters.monitoring_history import History, folder
from ds_workflow.domain import drift_table
from ds_workflow.domain.contract import parse_rows, to_frame
from ds_workflow.domain.monitoring import inputs
from ds_workflow.domain.monitoring.looks import Look, worst
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import drift as drift_report
from ds_workflow.reports import tables
from ds_workflow.use_cases.monitor import alarms
from ds_workflow.use_cases.monitor.champion import watched
from registry.records import utc_text

if TYPE_CHECKING:
    import pandas as pd

    from ds_workflow.domain.drift_table import TableDrift
    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion

IN_A_ROW_MOST = 10


@dataclass(frozen=True)
class Looked:
    """A look, the verdict that the agent reads and, where rows could be compared, the page of distributions."""

    look: Look
    verdict: Path
    page: Path | None

    def to_dict(self) -> dict[str, Any]:
        """The document of `monitor-inputs --json`."""
        return {**self.look.to_dict(), "verdict": str(self.verdict), "page": str(self.page) if self.page else None}

    def text(self) -> str:
        """For the terminal."""
        rows = [[f.status, f.name, f.detail] for f in self.look.findings]
        head = f"{self.look.problem}: {self.look.status}, champion v{self.look.version}, as of {self.look.at}"
        lines = [head, "", *tables.text_table(["status", "check", "what was seen"], rows, limit=90)]
        return "\n".join(
            [*lines, "", f"Verdict: {self.verdict}", f"Page:    {self.page or 'none: no row can be used'}"]
        )


def look(work: Workspace, source: Path, *, as_of: datetime | None = None) -> Looked:
    """Check and compare the rows of `source` with the champion's training rows; store the look and write the verdict.

    `source` holds rows as they are sent for predictions (csv, parquet), or as the problem's loader reads them. An alert
    stands only when as many looks in a row agree as the monitoring policy wants; a critical one opens an
    incident. Raises NoChampion, InvalidInput.
    """
    problem = work.problem
    champion = watched(work)
    policy = monitoring_policies.load(work.settings, problem.name)
    at = (as_of or work.clock()).astimezone(UTC)
    rows, seen = _incoming(work, source, at)
    drift = _drift(work, champion, rows, policy.inputs.psi) if len(rows) else None
    history = History(work.settings.store)
    try:
        before = [
            one for one in history.looks(problem.name, "inputs", most=IN_A_ROW_MOST) if one.version == champion.version
        ]
        found = inputs.findings(seen, drift, before, policy)
        stands = inputs.overall(found)
        figures = {f.name.replace(" ", "_"): f.figure for f in found if f.figure is not None}
        if drift is not None and stands is not None:
            figures["drifted_share"] = len(drift.drifted) / len(drift.columns)
        one = Look(
            problem.name, "inputs", utc_text(at), champion.version, champion.digest, policy.digest,
            worst(f.status for f in found), tuple(found), figures,
            {"source": source.name, "rows": seen.rows, "drifted": list(drift.drifted) if drift else []},
        )  # fmt: skip
        history.add(one)
    finally:
        history.close()
    alarms.follow(work, one)
    place = folder(work.settings.root, problem.name)
    place.mkdir(parents=True, exist_ok=True)
    verdict = place / "drift_latest.json"
    document = drift.to_dict() if drift else {"threshold": policy.inputs.psi, "features": {}, "details": {}}
    told = {"overall_drift": stands, "seen_drift": None if stands is None else bool(drift and drift.drifted)}
    run_files.write_json(verdict, {**document, **({"status": "unknown"} if stands is None else {}), **told})
    page = place / "inputs.html" if drift else None
    if drift is not None and page is not None:
        reference = f"{champion.lineage.dataset_version} (training)"
        page.write_text(drift_report.html(drift, reference=reference, new=source.name), "utf-8")
    return Looked(one, verdict, page)


def _incoming(work: Workspace, source: Path, at: datetime) -> tuple[pd.DataFrame, inputs.Incoming]:
    """The rows that can be used, as a frame of the problem's inputs, and what became of all of them."""
    import pandas as pd

    problem = work.problem
    required = [c.name for c in problem.inputs if c.required]
    sent = source.is_file() and source.suffix.lower() in row_files.SUFFIXES and row_files.RowFile(source)
    if not sent or any(name not in sent.columns for name in required):
        ready = datasets.prepare(work.plugin, source=source, say=work.say)
        frame = ready.rows[[c.name for c in problem.inputs]]
        refused = ready.raw_rows - len(ready.rows)
        counts = inputs.Incoming(
            ready.raw_rows, max(0, refused), dict(ready.dropped), 0, _age(problem, ready.rows, pd.Timestamp(at))
        )
        return frame, counts
    missing = frozenset(getattr(work.plugin, "MISSING", ()))
    columns = {c.name: c for c in problem.inputs}
    frames, errors, total, refused = [], Counter[str](), 0, 0
    for part in sent.parts():
        rows = part.rows(columns, as_text=sent.as_text, missing=missing)
        parsed, wrong = parse_rows(problem, rows)
        bad = {error.row for error in wrong}
        errors.update(error.field for error in wrong)
        frames.append(to_frame(problem, [row for number, row in enumerate(parsed) if number not in bad]))
        total, refused = total + len(rows), refused + len(bad)
    if not total:
        raise InvalidInput(f"{source} has no rows.")
    frame = pd.concat(frames, ignore_index=True)
    repeated = int(frame.duplicated().sum()) if any(c.kind != "category" for c in problem.inputs) else 0
    return frame, inputs.Incoming(total, refused, dict(errors), repeated, _age(problem, frame, pd.Timestamp(at)))


def _age(problem: Problem, rows: pd.DataFrame, at: pd.Timestamp) -> float | None:
    """Days since the newest row, None where rows have no time."""
    if not problem.time_column or problem.time_column not in rows or not rows[problem.time_column].notna().any():
        return None
    newest = rows[problem.time_column].max()
    return float((at.tz_localize(None) - newest).total_seconds() / 86_400)


def _drift(work: Workspace, champion: ModelVersion, rows: pd.DataFrame, threshold: float) -> TableDrift:
    problem = work.problem
    store = snapshots.SnapshotStore(work.settings.data)
    trained = store.load(problem, champion.lineage.dataset_version).train
    who = {c.name for c in problem.inputs if c.kind == "text" and c.name in (problem.row_id, problem.cluster_column)}
    names = [
        c.name for c in problem.inputs if c.name in trained and c.name in rows and c.name not in who
    ]  # names are new daily
    work.say(f"{len(trained):,} training rows, {len(rows):,} new rows, {len(names)} inputs")
    old = trained[names]
    new = rows[names]
    for name in names:  # a column that is wholly missing has no type of its own
        if old[name].dtype != new[name].dtype and not new[name].notna().any():
            new = new.assign(**{name: new[name].astype(old[name].dtype)})
    return drift_table.compare(old, new, threshold=threshold)
