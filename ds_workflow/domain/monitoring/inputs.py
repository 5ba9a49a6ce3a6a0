"""The rows that come in: do they still look like those that the champion learned from, and can they be used at all?

An alert on one look is often chance or one odd batch, so what is beyond its limit becomes a warning only when as many
looks in a row say so as the policy wants. What makes most rows unusable is critical at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ds_workflow.domain.drift_table import TableDrift
from ds_workflow.domain.monitoring.looks import Finding, Level, Look, beyond, standing
from ds_workflow.domain.monitoring.policy import MonitoringPolicy

AT_ONCE = 0.5  # share of rows refused or out of range from which no second look is waited for
SHOWN = 5


@dataclass(frozen=True)
class Incoming:
    """What came in: `rows` in the file, `refused` of them by the data contract with the errors by field,
    `repeated` copies of a row, `newest` the day of the newest row as its age in days (None: rows have no time)."""

    rows: int
    refused: int
    errors: Mapping[str, int]
    repeated: int
    age_days: float | None


def findings(
    seen: Incoming, drift: TableDrift | None, before: Sequence[Look], policy: MonitoringPolicy
) -> list[Finding]:
    """Findings of this look, given the looks before it (oldest first). `drift` is None when no row could be used."""
    limits = policy.inputs
    made = [_refused(seen, policy)]
    if drift is not None:
        made += [_drift(drift), _outside(drift, policy), _missing(drift, policy)]
    else:
        step = "Make rows usable, then look again: monitor-inputs --input FILE."
        made.append(Finding("drift", "unknown", "no row can be used, so nothing can be compared", next=step))
    made = [_patient(one, before, wanted=limits.in_a_row) for one in made]
    if seen.age_days is not None:
        old = seen.age_days > limits.stale_after_days
        said = f"the newest row is {max(0, round(seen.age_days)):,} days old"
        step = "Find out why no newer rows come in." if old else ""
        made.append(
            Finding("staleness", "warn" if old else "healthy", said, seen.age_days, limits.stale_after_days, step)
        )
    return made


def overall(found: Sequence[Finding]) -> bool | None:
    """Whether drift stands by these findings; None where it can't be told, which is never no drift."""
    status = {one.name: one.status for one in found}
    if status["drift"] in ("warn", "critical") or status.get("out of range") == "critical":
        return True
    return None if status["drift"] == "unknown" else False


def _patient(found: Finding, before: Sequence[Look], *, wanted: int) -> Finding:
    """A warning that has not been seen often enough is still healthy, and says so."""
    if found.status != "warn" or not beyond(found):
        return found
    seen = standing(before, found.name) + 1
    if seen >= wanted:
        return replace(found, detail=f"{found.detail} (in {seen} looks in a row)")
    return replace(
        found, status="healthy", detail=f"{found.detail} (look {seen} of {wanted} before it counts)", next=""
    )


def _refused(seen: Incoming, policy: MonitoringPolicy) -> Finding:
    share = seen.refused / seen.rows if seen.rows else 1.0
    limit = policy.inputs.refused
    worst = sorted(seen.errors.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    said = f"{seen.refused:,} of {seen.rows:,} rows can't be used ({share:.1%})"
    if worst:
        said += ": " + ", ".join(f"{name or 'the row'} {count:,}" for name, count in worst)
    if seen.repeated:
        said += f"; {seen.repeated:,} rows are copies of another"
    step = "Mend the sender, or the contract under review; refused rows get no answer." if share > limit else ""
    return Finding("data quality", _level(share, limit), said, share, limit, step)


def _drift(drift: TableDrift) -> Finding:
    judged = [name for name, c in drift.columns.items() if c.status != "unknown"]
    said = (
        f"{', '.join(drift.drifted[:SHOWN])} of {len(drift.columns)} inputs drift"
        if drift.drifted
        else f"none of {len(drift.columns)} inputs drifts beyond a PSI of {drift.threshold:g}"
    )
    level: Level = "warn" if drift.drifted else "healthy" if judged else "unknown"
    if level == "unknown":
        said = "too few rows to judge any input"
    step = "Look at the drift page; train on newer rows, or without these inputs." if drift.drifted else ""
    return Finding("drift", level, said, float(len(drift.drifted)), 0.0, step)


def _outside(drift: TableDrift, policy: MonitoringPolicy) -> Finding:
    name, worst = max(drift.columns.items(), key=lambda item: item[1].outside)
    limit = policy.inputs.out_of_range
    said = f"at most {worst.outside:.1%} of an input's values lie outside what training saw ({name})"
    step = f"Look at {name}: a unit, a code or a source may have changed." if worst.outside > limit else ""
    return Finding("out of range", _level(worst.outside, limit), said, worst.outside, limit, step)


def _missing(drift: TableDrift, policy: MonitoringPolicy) -> Finding:
    rises = {name: c.missing_new - c.missing_reference for name, c in drift.columns.items()}
    name, rise = max(rises.items(), key=lambda item: item[1])
    limit = policy.inputs.missing_rise
    column = drift.columns[name]
    said = f"missing values rose most in {name}: {column.missing_reference:.1%} to {column.missing_new:.1%}"
    if rise <= 0:
        said = "no input has more missing values than in training"
    level: Level = "warn" if rise > limit else "healthy"
    return Finding(
        "missing values", level, said, rise, limit, f"Find out why {name} is missing." if rise > limit else ""
    )


def _level(share: float, limit: float) -> Level:
    if share <= limit:
        return "healthy"
    return "critical" if share >= AT_ONCE else "warn"
