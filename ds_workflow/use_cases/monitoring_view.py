"""What is recorded of a problem in office, for the console: its incidents and its requests of the last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ds_workflow.adapters import traffic
from ds_workflow.adapters.incidents import Incident, Incidents
from ds_workflow.reports.tables import count, number

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

HOURS = 24


@dataclass(frozen=True)
class Recorded:
    """Incidents, open ones first and then the newest; cards of name, figure and words on the requests."""

    incidents: tuple[Incident, ...]
    traffic: traffic.Traffic
    cards: tuple[tuple[str, str, str], ...]


def read(work: Workspace) -> Recorded:
    """What is recorded of the workspace's problem now."""
    store = work.settings.store
    incidents = Incidents(store).listed(work.problem.name)
    newest = sorted(incidents, key=lambda i: i.opened_at, reverse=True)
    found = traffic.since(store, work.problem.name, work.clock() - timedelta(hours=HOURS))
    return Recorded(tuple(sorted(newest, key=lambda i: i.closed_at is not None)), found, _cards(found))


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
