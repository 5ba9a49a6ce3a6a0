"""What is recorded of a problem in office, for the console: looks over time, incidents with their playbooks, proposed
work, the retrain policy, and the requests of the last day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ds_workflow.adapters import monitoring_policies, traffic
from ds_workflow.adapters.incidents import Incident, Incidents
from ds_workflow.adapters.monitoring_history import History, latest
from ds_workflow.domain.incident_playbooks import steps_of
from ds_workflow.domain.monitoring.looks import Kind, Look
from ds_workflow.domain.work_proposals import KINDS as WORK_KINDS
from ds_workflow.domain.work_proposals import WorkProposal, folded
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import monitor_performance
from ds_workflow.reports.tables import count, number

if TYPE_CHECKING:
    from typing import Any

    from ds_workflow.workspace import Workspace

HOURS = 24
LOOKS = 20  # of each kind, the newest
WATCHED: tuple[Kind, ...] = ("performance", "inputs")
KINDS: Mapping[Kind, str] = {"performance": "Performance", "inputs": "Rows that came in", "agent": "Agent"}


@dataclass(frozen=True)
class Recorded:
    """Incidents, open ones first and then the newest; cards of name, figure and words on the requests; the newest look
    of each kind with its name; all looks, newest first; charts as SVG in figures."""

    incidents: tuple[Incident, ...]
    traffic: traffic.Traffic
    cards: tuple[tuple[str, str, str], ...]
    newest: tuple[tuple[str, Look], ...]
    looks: tuple[Look, ...]
    charts: tuple[str, ...]
    work: tuple[WorkProposal, ...]

    def steps(self, incident: Incident) -> list[tuple[str, bool]]:
        """The playbook of an incident and whether each step was done."""
        taken = incident.acknowledged_by is not None
        return [
            (text, n in incident.steps_done or (n == 1 and taken))
            for n, text in enumerate(steps_of(incident.cause), start=1)
        ]


def read(work: Workspace) -> Recorded:
    """What is recorded of the workspace's problem now."""
    store, name = work.settings.store, work.problem.name
    incidents = Incidents(store).listed(name)
    newest = sorted(incidents, key=lambda i: i.opened_at, reverse=True)
    found = traffic.since(store, name, work.clock() - timedelta(hours=HOURS))
    history = History(store)
    try:
        seen, looks, points = history.latest(name), history.looks(name, most=LOOKS), history.points(name)
    finally:
        history.close()
    return Recorded(
        tuple(sorted(newest, key=lambda i: i.closed_at is not None)),
        found,
        _cards(found),
        tuple((KINDS[kind], seen[kind]) for kind in seen),
        tuple(reversed(looks)),
        _charts(work, points),
        tuple(one for one in _proposed(work) if one.problem == name),
    )


def newest(work: Workspace) -> tuple[tuple[str, Look | None], ...]:
    """The newest look at performance and at the rows that come in, None where nobody has looked; () where the stores
    can't be read."""
    try:
        found = latest(work.settings.store, work.problem.name)
    except (WorkflowError, OSError):
        return ()
    return tuple((KINDS[kind], found.get(kind)) for kind in WATCHED)


def _charts(work: Workspace, points: list[dict[str, Any]]) -> tuple[str, ...]:
    limits: Mapping[str, float] = {
        "latency_p95_ms": monitoring_policies.load(work.settings, work.problem.name).service.p95_ms
    }
    return tuple(monitor_performance.charts(points, work.problem, limits=limits))


def _proposed(work: Workspace) -> list[WorkProposal]:
    """Newest first."""
    events = [event for kind in WORK_KINDS for event in work.registry.events(kind=kind)]
    return folded((event.kind, event.body) for event in events)[::-1]


def _cards(found: traffic.Traffic) -> tuple[tuple[str, str, str], ...]:
    if not found.requests:
        return ()
    by = ", ".join(f"v{version}: {count(n)}" for version, n in sorted(found.versions.items()))
    return (
        ("Requests answered", count(found.requests), by),
        ("Rows answered", count(found.rows), f"in {HOURS} hours"),
        (
            "Time to answer",
            f"{number(found.median_ms, digits=3)} ms",
            f"95 % within {number(found.p95_ms, digits=3)} ms",
        ),
        ("Labels that came back", count(found.labels), f"in {HOURS} hours"),
    )
