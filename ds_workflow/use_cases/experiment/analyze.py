"""A finished (or running) experiment, analysed from a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import tables
from ds_workflow.domain.ab_test import analysis
from ds_workflow.domain.ab_test.analysis import Analysis, Layout, Measure
from ds_workflow.reports import experiment as report
from ds_workflow.use_cases.experiment import record

__all__ = ["Analysed", "Layout", "Measure", "analyze", "document"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_workflow.use_cases.experiment.record import Kept
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Analysed:
    """The analysis, and where it was kept if it was."""

    found: Analysis
    kept: Kept | None

    def to_dict(self) -> dict[str, Any]:
        """The document of `experiment-analyze --json`: the deciding contrast at the top, all of them below."""
        return document(self.found) | (
            {"record": {"name": self.kept.name, "digest": self.kept.digest}} if self.kept else {}
        )

    def text(self) -> str:
        """For the terminal."""
        kept = f"\n\nKept as {self.kept.document} (digest {self.kept.digest[:8]})" if self.kept else ""
        return report.text(self.found) + kept


def analyze(
    work: Workspace,
    source: Path,
    layout: Layout,
    measures: Sequence[Measure],
    *,
    level: float,
    correction: str,
    save: str = "",
) -> Analysed:
    """Analyse the table in a file; with `save`, keep the result under that name."""
    table = tables.read(source)
    work.say(f"{len(table):,} rows of {source.name}")
    found = analysis.analyse(table, layout, measures, level=level, correction=correction)
    kept = None
    if save:
        kept = record.keep(
            work, save, kind="experiment", source=source, result=document(found), page=report.html(found, title=save)
        )
    return Analysed(found, kept)


def document(found: Analysis) -> dict[str, Any]:
    """An analysis as plain JSON."""
    first = found.primary
    contrasts = [
        {
            "metric": r.measure.name,
            "guardrail": r.measure.guardrail,
            "arm": r.arm,
            "segment": r.segment,
            "corrected": r.corrected,
            **asdict(r.contrast),
        }
        for r in found.rows
    ]
    return {
        "test": first.contrast.test,
        "metric": first.measure.name,
        "estimate": first.contrast.estimate,
        "interval": list(first.contrast.interval),
        "p_value": first.contrast.p_value,
        "corrected": first.corrected,
        "effect_size": first.contrast.effect_size,
        "relative": first.contrast.relative,
        "recommendation": found.recommendation.verdict,
        "why": found.recommendation.why,
        "units_per_arm_wanted": found.recommendation.units_per_arm,
        "units": dict(found.units),
        "sample_ratio_p_value": found.sample_ratio,
        "mixed_units": found.mixed,
        "correction": found.correction,
        "contrasts": contrasts,
        "warnings": list(found.warnings),
    }
