"""A running experiment, looked at as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import tables
from ds_workflow.domain import traffic
from ds_workflow.domain.ab_test.forms import Layout, Measure
from ds_workflow.domain.ab_test.timeline import Timeline, timeline
from ds_workflow.reports import sequential as report
from ds_workflow.use_cases.experiment import live, record

if TYPE_CHECKING:
    from ds_workflow.domain.sequential import Spending
    from ds_workflow.use_cases.experiment.record import Kept
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Watched:
    """The timelines of all arms, and where the result was kept."""

    measure: Measure
    arms: Mapping[str, Timeline]
    kept: Kept | None

    @property
    def first(self) -> Timeline:
        """The first arm by name."""
        return next(iter(self.arms.values()))

    def to_dict(self) -> dict[str, Any]:
        """The document of `experiment-sequential --json`."""
        return document(self.measure, self.arms)

    def text(self) -> str:
        """For the terminal."""
        kept = f"\n\nKept as {self.kept.document} (digest {self.kept.digest[:8]})" if self.kept else ""
        return report.text(self.measure, self.arms) + kept


def watch(
    work: Workspace,
    source: Path,
    layout: Layout,
    measure: Measure,
    *,
    time: str,
    level: float,
    best_at: float | None,
    planned: float | None = None,
    spending: Spending = "obrien_fleming",
    save: str = "",
) -> Watched:
    """Look at the experiment in a file, day by day; with `save`, keep the result under that name."""
    table = tables.read(source)
    work.say(f"{len(table):,} rows of {source.name}")
    arms = timeline(table, layout, measure, time=time, level=level, best_at=best_at, planned=planned, spending=spending)
    return _kept(work, measure, arms, save, record.of_file(source), time=time, layout=layout)


def watch_trial(
    work: Workspace,
    trial: str,
    measure: Measure,
    *,
    level: float,
    best_at: float | None,
    planned: float | None = None,
    spending: Spending = "obrien_fleming",
    save: str = "",
) -> Watched:
    """Look at a challenger's A/B test in live traffic, day by day, from the request log."""
    measure = live.measured([measure])[0]
    rows = live.read(work, trial, [measure])
    work.say(f"{len(rows.table):,} answers of {rows.origin['trial']}")
    arms = timeline(
        rows.table,
        rows.layout,
        measure,
        time="at",
        level=level,
        best_at=best_at or traffic.BEST_AT,
        planned=planned,
        spending=spending,
    )
    return _kept(work, measure, arms, save, rows.origin, time="at", layout=rows.layout)


def _kept(
    work: Workspace,
    measure: Measure,
    arms: Mapping[str, Timeline],
    save: str,
    origin: Mapping[str, Any],
    *,
    time: str,
    layout: Layout,
) -> Watched:
    if not save:
        return Watched(measure, arms, None)
    page = report.html(measure, arms, title=save)
    ask = {"layout": asdict(layout), "measures": [asdict(measure)], "time": time}
    result = document(measure, arms)
    return Watched(
        measure, arms, record.keep(work, save, kind="sequential", source=origin, ask=ask, result=result, page=page)
    )


def document(measure: Measure, arms: Mapping[str, Timeline]) -> dict[str, Any]:
    """Timelines as plain JSON, the last look of the first arm at the top."""
    first = next(iter(arms.values()))
    last = first.looks[-1]
    return {
        "test": f"confidence sequence on {last.contrast.test}",
        "metric": measure.name,
        "estimate": last.contrast.estimate,
        "interval": list(last.always_valid),
        "p_value": last.p_value,
        "corrected": last.p_value,
        "effect_size": last.contrast.effect_size,
        "recommendation": report.verdict(first, measure),
        "why": report.sentence(first),
        "unit": "share" if last.contrast.test == "two-proportion z" else "",
        "sample_ratio_p_value": last.sample_ratio,
        "tightest_at_units": first.best_at,
        "arms": {
            arm: {
                "first_decided": line.first_decided.until if line.first_decided else None,
                "first_crossed": line.first_crossed.until if line.first_crossed else None,
                "uncorrected_alarms": line.naive,
                "looks": [
                    {
                        "until": look.until,
                        "units": list(look.contrast.units),
                        "estimate": look.contrast.estimate,
                        "interval": list(look.always_valid),
                        "fixed_interval": list(look.contrast.interval),
                        "p_value": look.p_value,
                        "sample_ratio_p_value": look.sample_ratio,
                        "statistic": look.contrast.statistic,
                        "spending_z": look.spending_z,
                    }
                    for look in line.looks
                ],
            }
            for arm, line in arms.items()
        },
        "warnings": [w for line in arms.values() for w in line.warnings],
    }
