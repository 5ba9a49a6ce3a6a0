"""The definitions of the product metrics, for people and programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.adapters.telemetry.warehouse import write_whole
from ds_workflow.domain.product_metrics import PRODUCT_METRICS, ProductMetric
from ds_workflow.reports import telemetry as report
from ds_workflow.reports.tables import text_table


@dataclass(frozen=True)
class Defined:
    """Every product metric with the queries that read it, and the page if one was written."""

    metrics: tuple[tuple[ProductMetric, tuple[str, ...]], ...]
    page: Path | None

    def to_dict(self) -> list[dict[str, Any]]:
        """The document of `telemetry-metrics --json`."""
        return [asdict(m) | {"guardrail": m.guardrail, "queries": list(read)} for m, read in self.metrics]

    def text(self) -> str:
        """For the terminal."""
        rows = [
            [m.name, m.question, m.unit, f"{m.margin:g}" if m.margin is not None else "", m.owner]
            for m, _ in self.metrics
        ]
        lines = text_table(["Metric", "Question", "Unit", "Guardrail", "Owner"], rows, align="lllrl")
        return "\n".join([*lines, *([f"Page: {self.page}"] if self.page else [])])


def metrics(*, out: Path | None = None) -> Defined:
    """All product metrics; with `out`, the page of their definitions is written there."""
    found = tuple((m, catalog.queries_of(m.name)) for m in PRODUCT_METRICS.values())
    if out is not None:
        write_whole(out, report.metrics_markdown({m.name: read for m, read in found}))
    return Defined(found, out)
