"""A finished (or running) experiment, analysed from a table, from sums of a warehouse, or from live traffic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import aggregates, tables
from ds_workflow.domain.ab_test import analysis
from ds_workflow.domain.ab_test.analysis import Analysis
from ds_workflow.domain.ab_test.forms import Layout, Measure
from ds_workflow.domain.ab_test.sums import analyse_sums
from ds_workflow.reports import experiment as report
from ds_workflow.use_cases.experiment import live, product, record

__all__ = ["Analysed", "Layout", "Measure", "analyze", "analyze_sums", "analyze_telemetry", "analyze_trial", "document"]

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """Analyse the table in a file; with `save`, keep the result under that name. A Parquet file is added up where it
    lies, by DuckDB."""
    statements: list[str] = []
    if aggregates.suits(source, layout):
        found, rows = aggregates.analyse(
            source, layout, measures, level=level, correction=correction, told=statements.append
        )
        work.say(f"{rows:,} rows of {source.name}, added up by DuckDB")
    else:
        table = tables.read(source)
        work.say(f"{len(table):,} rows of {source.name}")
        found = analysis.analyse(table, layout, measures, level=level, correction=correction)
    asked = _asked(layout, measures, level)
    return _kept(work, found, save, record.of_file(source), asked, sql="".join(statements))


def analyze_sums(
    work: Workspace,
    source: Path,
    layout: Layout,
    measures: Sequence[Measure],
    *,
    level: float,
    correction: str,
    save: str = "",
) -> Analysed:
    """Analyse a file of sums per arm, as SQL adds them up; the layout's control and planned shares are used."""
    table = tables.read(source)
    work.say(f"{len(table):,} lines of sums in {source.name}")
    found = analyse_sums(
        table, measures, control=layout.control, shares=layout.shares, level=level, correction=correction
    )
    return _kept(work, found, save, record.of_file(source), _asked(layout, measures, level))


def analyze_trial(
    work: Workspace, trial: str, measures: Sequence[Measure], *, level: float, correction: str, save: str = ""
) -> Analysed:
    """Analyse a challenger's A/B test from the request log, arms as they were assigned."""
    measures = live.measured(measures)
    rows = live.read(work, trial, measures)
    work.say(f"{len(rows.table):,} answers of {rows.origin['trial']}")
    found = analysis.analyse(
        rows.table, rows.layout, measures, level=level, correction=correction, assigned=rows.assigned
    )
    found = replace(found, warnings=rows.warnings + found.warnings)
    return _kept(work, found, save, rows.origin, _asked(rows.layout, measures, level))


def analyze_telemetry(
    work: Workspace,
    asked: product.Question,
    measures: Sequence[Measure],
    *,
    level: float,
    correction: str,
    save: str = "",
) -> Analysed:
    """Analyse product metrics of the telemetry warehouse, by developer."""
    found, origin, sql = product.analyse(work, asked, measures, level=level, correction=correction)
    work.say(f"{sum(found.units.values()):,} developers of the telemetry, {asked.filters.words}")
    layout = Layout(asked.arm, asked.control, unit="developer_id", segment=asked.segment, shares=asked.shares)
    return _kept(work, found, save, origin, _asked(layout, measures, level), sql=sql)


def _kept(
    work: Workspace, found: Analysis, save: str, origin: Mapping[str, Any], ask: Mapping[str, Any], *, sql: str = ""
) -> Analysed:
    if not save:
        return Analysed(found, None)
    page, result = report.html(found, title=save, sql=sql), document(found)
    kept = record.keep(work, save, kind="experiment", source=origin, ask=ask, result=result, page=page, sql=sql)
    return Analysed(found, kept)


def _asked(layout: Layout, measures: Sequence[Measure], level: float) -> dict[str, Any]:
    return {"layout": asdict(layout), "measures": [asdict(m) for m in measures], "level": level}


def document(found: Analysis) -> dict[str, Any]:
    """An analysis as plain JSON."""
    first = found.primary
    contrasts = [
        {
            "metric": r.measure.name,
            "guardrail": r.measure.guardrail,
            "greater_is_better": r.measure.greater_is_better,
            "arm": r.arm,
            "segment": r.segment,
            "corrected": r.corrected,
            "margin": r.measure.practical,
            "practical": r.practical,
            "detectable": r.contrast.detectable,
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
        "practical": first.practical,
        "detectable": first.contrast.detectable,
        "recommendation": found.recommendation.verdict,
        "why": found.recommendation.why,
        "what_would_change_it": found.recommendation.changes,
        "units_per_arm_wanted": found.recommendation.units_per_arm,
        "units": dict(found.units),
        "sample_ratio_p_value": found.sample_ratio,
        "chi_square": asdict(found.together) if found.together else None,
        "mixed_units": found.mixed,
        "correction": found.correction,
        "contrasts": contrasts,
        "warnings": list(found.warnings),
    }
