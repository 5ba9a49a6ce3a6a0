"""The report on a part of the log; where the log was simulated, with the truth beside what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.telemetry import catalog, experiment
from ds_workflow.adapters.telemetry import warehouse as stores
from ds_workflow.domain.product_metrics import PRODUCT_METRICS
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.recovery import Key, Rate, Recovery, recovery
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import telemetry as pages
from ds_workflow.reports.tables import measure, number, span, text_table
from ds_workflow.use_cases.telemetry.boards import BOARDS
from ds_workflow.use_cases.telemetry.simulate import TRUTH

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Reported:
    """The metrics of the whole, what was recovered of the truth (None where no truth is known), and the page."""

    filters: Filters
    metrics: Mapping[str, Rate]
    recovered: Recovery | None
    page: Path

    @property
    def green(self) -> bool:
        """Whether every known effect was found again."""
        return self.recovered is None or not self.recovered.missed

    def to_dict(self) -> dict[str, Any]:
        """The document of `telemetry-report --json`."""
        return {
            "filters": self.filters.to_dict(),
            "metrics": {
                m: {
                    "value": r.value,
                    "standard_error": r.error,
                    "developers": r.developers,
                    "unit": PRODUCT_METRICS[m].unit,
                }
                for m, r in self.metrics.items()
            },
            "known_effects": self.recovered.to_dict() if self.recovered else None,
            "html": str(self.page),
        }

    def text(self) -> str:
        """For the terminal."""
        rows = [
            [PRODUCT_METRICS[m].title, _figure(m, r.value), span(_ends(r), PRODUCT_METRICS[m].unit)]
            for m, r in self.metrics.items()
        ]
        lines = [
            f"Product metrics, {self.filters.words}",
            *text_table(["Metric", "Figure", "95 % interval"], rows, align="lrr"),
        ]
        if self.recovered:
            r = self.recovered
            missed = f"{len(r.missed)} beyond chance" if r.missed else "none beyond chance"
            lines.append(
                f"Known effects: {len(r.figures)} figures, {r.covered:.0%} of the intervals hold the truth, {missed}"
            )
            lines += [
                f"  ! {f.metric}, {f.level or 'all'}: true {f.truth:.4g}, found {f.found.value:.4g}" for f in r.missed
            ]
        return "\n".join([*lines, f"Report: {self.page}"])


def report(work: Workspace, filters: Filters, *, page: Path | None = None) -> Reported:
    """Write the report. Exit is not green where a simulated log does not show its known effects."""
    warehouse = stores.of(work.settings.data)
    with warehouse.session(filters, keep=True) as session:
        if not session.ask("select count(*) from suggestions").rows[0][0]:
            raise InvalidInput(
                f"No suggestion was shown there: {filters.words}.", hint="Take a filter off, or choose other days."
            )
        work.say("adding up the product metrics")
        rates = experiment.rates_of(session)
        questions = [q for _, asked in BOARDS.values() for q in asked]
        work.say(f"asking {len(questions)} questions")
        panels = [
            pages.panel(q.name, q.question, q.columns, session.ask(q.sql).records())
            for q in map(catalog.named, questions)
        ]
    truth = _truth(warehouse.root / TRUTH) if filters == Filters() else {}
    found = recovery(rates, truth) if truth else None
    metrics = {m: rates[m, "", ""] for m in PRODUCT_METRICS if (m, "", "") in rates}
    path = page or work.path("reports", "telemetry.html")
    stores.write_whole(path, pages.html("Telemetry of the code assistant", filters.words, metrics, panels, found))
    return Reported(filters, metrics, found, path)


def _truth(path: Path) -> dict[Key, float]:
    if not path.is_file():
        return {}
    return {(m, d, level): figure for m, d, level, figure in json.loads(path.read_text("utf-8"))["rates"]}


def _figure(metric: str, value: float) -> str:
    unit = PRODUCT_METRICS[metric].unit
    return measure(value, unit) if unit == "share" else f"{number(value)} {unit}"


def _ends(rate: Rate) -> tuple[float, float]:
    return (rate.value - 1.959964 * rate.error, rate.value + 1.959964 * rate.error)
