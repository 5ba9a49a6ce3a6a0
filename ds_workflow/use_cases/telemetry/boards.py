"""What the console's telemetry pages show: one warehouse, one set of filters, several questions.

A board is worked out once for a state of the warehouse and a set of filters, and kept: batches only ever come in whole,
so the state names all that an answer depends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ds_workflow.adapters.telemetry import catalog, experiment
from ds_workflow.adapters.telemetry.warehouse import Warehouse, of
from ds_workflow.domain.product_metrics import PRODUCT_METRICS
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.recovery import Rate
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import telemetry as report

__all__ = ["BOARDS", "Board", "Filters", "board"]

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

BOARDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # name: the metrics on top, the questions below
    "telemetry": (
        ("acceptance_rate", "useful_rate", "rewritten_share", "mean_latency"),
        (
            "acceptance_trend",
            "acceptance_by_model",
            "acceptance_by_segment",
            "acceptance_by_language",
            "acceptance_by_task",
            "acceptance_by_latency",
            "latency_trend",
            "funnel",
            "session_productivity",
            "active_developers",
        ),
    ),
    "failures": (
        ("compile_rate", "test_pass_rate", "hallucination_rate", "slow_share"),
        (
            "error_types",
            "compile_trend",
            "test_pass_trend",
            "hallucination_trend",
            "compile_and_test",
            "hallucination_rate",
            "error_types_by_language",
            "failing_tasks",
            "refusal_streaks",
            "event_quality",
        ),
    ),
}


@dataclass(frozen=True)
class Board:
    """A page: `choices` are the values that the log holds for each filter; `span` its first and last day; `batches`
    how many were taken in and `refused` how many of their events stand in quarantine."""

    name: str
    filters: Filters
    choices: Mapping[str, tuple[str, ...]]
    span: tuple[str, str]
    events: int
    batches: int
    refused: int
    tiles: str
    panels: tuple[report.Panel, ...]


def board(work: Workspace, name: str, filters: Filters) -> Board | None:
    """The board of that name, or None while the warehouse is empty. InvalidInput where the filters leave nothing."""
    warehouse = of(work.settings.data)
    if not warehouse.files():
        return None
    return _board(warehouse.root, warehouse.state, name, filters)


@lru_cache(maxsize=64)
def _board(root: Path, state: str, name: str, filters: Filters) -> Board:
    warehouse = Warehouse(root)
    metrics, questions = BOARDS[name]
    choices = _choices(root, state)
    with warehouse.session(filters, keep=True) as session:
        if not session.ask("select count(*) from suggestions").rows[0][0]:
            raise InvalidInput(
                f"No suggestion was shown there: {filters.words}.", hint="Take a filter off, or choose other days."
            )
        rates = experiment.rates_of(session, dimensions=("",))
        panels = tuple(
            report.panel(q.name, q.question, q.columns, session.ask(q.sql).records())
            for q in map(catalog.named, questions)
        )
    chosen: dict[str, Rate] = {m: rates[m, "", ""] for m in metrics if (m, "", "") in rates}
    held = warehouse.batches()
    return Board(
        name,
        filters,
        choices,
        (min(b["first_day"] for b in held if b["first_day"]), max(b["last_day"] for b in held)),
        sum(b["accepted"] for b in held),
        len(held),
        sum(b["refused"] for b in held),
        report.tiles({m: chosen[m] for m in chosen if m in PRODUCT_METRICS}),
        panels,
    )


@lru_cache(maxsize=8)
def _choices(root: Path, state: str) -> dict[str, tuple[str, ...]]:
    del state  # part of the key only
    named = {"language": "language", "segment": "developer_segment", "version": "model_version"}
    with Warehouse(root).session() as session:
        return {
            name: tuple(session.ask(f"select distinct {column} from events order by 1").column(column))  # noqa: S608
            for name, column in named.items()
        }
