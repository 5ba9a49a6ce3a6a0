"""The weekly summary over all problems of a workspace, written to reports/weekly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow import plugins
from ds_workflow.adapters import served_rows
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.adapters.monitoring_history import History
from ds_workflow.domain.monitoring.week import ProblemWeek, Week
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import weekly as report
from ds_workflow.use_cases.monitor import retraining
from ds_workflow.use_cases.monitor import work as proposed
from registry.errors import RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

DAYS = 7


@dataclass(frozen=True)
class Written:
    """The week and the files that tell of it."""

    week: Week
    markdown: str
    path: Path
    page: Path

    @property
    def title(self) -> str:
        """For a message."""
        return f"Week {self.week.first} to {self.week.last}"

    def to_dict(self) -> dict[str, Any]:
        """The document of `weekly --json`."""
        problems = [
            {
                "problem": p.problem,
                "champion": p.champion,
                "status": p.status,
                "worst": p.worst,
                "looks": len(p.looks),
                "incidents": {"opened": len(p.opened), "closed": len(p.closed), "open": len(p.still_open)},
                "moves": list(p.moves),
                "proposals": list(p.verdicts),
                "work": list(p.work),
                "requests": p.requests,
            }
            for p in self.week.problems
        ]
        return {
            "from": self.week.first,
            "to": self.week.last,
            "problems": problems,
            "report": str(self.path),
            "page": str(self.page),
        }

    def text(self) -> str:
        """For the terminal."""
        return f"{self.markdown}\nReport: {self.path}\nPage:   {self.page}"


def write(work: Workspace, *, as_of: datetime | None = None) -> Written:
    """Summarise the seven days that end at `as_of` (default: now); written again it is replaced."""
    until = (as_of or work.clock()).astimezone(UTC)
    since = until - timedelta(days=DAYS)
    found = []
    for name in (n for group in plugins.SUBJECTS for n in plugins.names(group)):
        one = replace(work, settings=replace(work.settings, problem=name))
        try:
            if one.registry.versions(one.problem.name) or one.registry.moves(one.problem.name):
                found.append(_week(one, since, until))
        except (WorkflowError, RegistryError, OSError) as error:
            work.say(f"{name} is left out: {error}")
    first = (until - timedelta(days=DAYS - 1)).date()
    week = Week(str(first), str(until.date()), tuple(found))
    year, number, _ = until.isocalendar()
    path = work.settings.reports / "weekly" / f"{year}-W{number:02d}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = report.markdown(week)
    path.write_text(text, "utf-8")
    page = path.with_suffix(".html")
    page.write_text(report.html(week), "utf-8")
    return Written(week, text, path, page)


def _week(work: Workspace, since: datetime, until: datetime) -> ProblemWeek:
    name, store = work.problem.name, work.settings.store
    begin, end = utc_text(since), utc_text(until)

    def inside(at: str | None) -> bool:
        return at is not None and begin < at <= end

    history = History(store)
    try:
        looks = tuple(look for look in history.looks(name, most=500) if inside(look.at))
    finally:
        history.close()
    incidents = [one for one in Incidents(store).listed(name) if one.opened_at <= end]
    moves = work.registry.moves(name)
    before = [m for m in moves if m.at <= end]
    proposals = [p for p in work.registry.proposals(name, since=begin) if inside(p.created_at)]
    seen = served_rows.requests_since(store, name, since=since, until=until)
    override = retraining.newest(work)
    held = ""
    if override is not None and override.holds(end):
        held = f"Retraining is held back by {override.by} until {override.until[:10]}: {override.reason}"
    return ProblemWeek(
        problem=name,
        champion=before[-1].to_ref.version if before else None,
        looks=looks,
        opened=tuple(f"{i.id} {i.cause}: {i.detail}" for i in incidents if inside(i.opened_at)),
        closed=tuple(f"{i.id} {i.cause}: {i.resolution}" for i in incidents if inside(i.closed_at)),
        still_open=tuple(f"{i.id} {i.cause}" for i in incidents if i.closed_at is None or i.closed_at > end),
        moves=tuple(f"{m.at[:10]} to v{m.to_ref.version}" for m in before if inside(m.at)),
        verdicts=tuple(f"{p.id} {p.verdict}" for p in proposals),
        work=tuple(f"{w.id} {w.title}" for w in proposed.listed(work, only_open=True) if w.at <= end),
        held=held,
        requests=len(seen.milliseconds),
        p95_ms=seen.p95,
        error_rate=seen.error_rate,
    )
