"""The monitoring agent: observe -> think -> act, as a pure function from a history of figures to a plan.

The same input gives the same plan, byte for byte. The agent may propose and tighten; it never loosens a threshold,
approves a decision or wakes a person up: `page_oncall=false` stands in every plan that asks for something.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Literal

from ds_workflow.errors import InvalidInput

Status = Literal["healthy", "warn", "critical", "unknown"]
BASELINE_DAYS = 7
WARN_DROP, CRITICAL_DROP, DRIFT_DROP = 3.0, 6.0, 5.0  # per cent of the baseline; the last of PR-AUC, under drift
SLOW_MS, SLOW_POINTS = 400.0, 2
_EXACT = 1e-9  # a drop of 3 % that arithmetic makes 2.9999999999999996 is one of 3 %
FIGURES = ("roc_auc", "pr_auc", "latency_p95_ms")
ACTIONS = ("open_incident", "trigger_retraining", "roll_back_model", "raise_thresholds", "page_oncall=false")
NOTHING = "do_nothing"


@dataclass(frozen=True)
class Point:
    """The figures of one moment; a figure that was not measured is None."""

    at: datetime
    roc_auc: float | None = None
    pr_auc: float | None = None
    latency_p95_ms: float | None = None


@dataclass(frozen=True)
class Drift:
    """What a drift verdict says: whether there is drift, and the features beyond its threshold."""

    overall: bool
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What the agent saw and what it proposes."""

    status: Status
    findings: tuple[tuple[str, Any], ...]
    actions: tuple[str, ...]
    rationale: str

    def to_dict(self) -> dict[str, Any]:
        """`{status, findings: [{name: value}], actions, rationale}`."""
        return {
            "status": self.status,
            "findings": [{name: value} for name, value in self.findings],
            "actions": list(self.actions),
            "rationale": self.rationale,
        }


def plan(points: Sequence[Point], drift: Drift | None) -> Plan:
    """The plan for a history in any order, and the newest drift verdict."""
    history = sorted(points, key=lambda point: point.at)
    if not history:
        return Plan(
            "unknown", (("points", 0),), _actions("open_incident"), "There is no history, so nothing is known to be well."
        )
    newest = history[-1]
    roc, pr = _drop(history, "roc_auc"), _drop(history, "pr_auc")
    slow = _slow(history)
    drifting = drift is not None and drift.overall
    findings = (
        ("points", len(history)),
        ("newest", newest.at.isoformat()),
        ("roc_auc_drop_percent", _rounded(roc)),
        ("pr_auc_drop_percent", _rounded(pr)),
        ("latency_p95_ms", _rounded(newest.latency_p95_ms)),
        ("slow_points", slow),
        ("overall_drift", None if drift is None else drift.overall),
        *((("drifted_features", list(drift.drifted)),) if drift is not None and drift.drifted else ()),
    )
    critical, warn, wanted = [], [], set()
    if _reaches(roc, CRITICAL_DROP):
        critical.append(f"ROC-AUC fell by {roc:.2f} % of its {BASELINE_DAYS}-day median (limit {CRITICAL_DROP:g} %)")
        wanted |= {"trigger_retraining", "roll_back_model", "raise_thresholds"}
    if drifting and _reaches(pr, DRIFT_DROP):
        critical.append(f"inputs drift and PR-AUC fell by {pr:.2f} % (limit {DRIFT_DROP:g} % under drift)")
        wanted |= {"trigger_retraining", "raise_thresholds"}
    if not critical and _reaches(roc, WARN_DROP):
        warn.append(f"ROC-AUC fell by {roc:.2f} % of its {BASELINE_DAYS}-day median (limit {WARN_DROP:g} %)")
        wanted.add("trigger_retraining")
    if slow >= SLOW_POINTS:
        warn.append(f"95 % latency was over {SLOW_MS:g} ms on the last {slow} points")
    reasons = critical or warn
    if reasons:
        status: Status = "critical" if critical else "warn"
        said = "; ".join([*critical, *warn])
        return Plan(status, findings, _actions("open_incident", *wanted), f"{said[0].upper()}{said[1:]}.")
    if roc is None:
        why = f"No ROC-AUC of the newest point and of the {BASELINE_DAYS} days before it, so a drop can't be told."
        return Plan("unknown", findings, _actions("open_incident"), why)
    return Plan("healthy", findings, (NOTHING,), "No rule is broken.")


def points_of(rows: Sequence[Any]) -> list[Point]:
    """Points from plain mappings: `at` (or `date`, `timestamp`) in ISO 8601 and any of the figures.

    Raises InvalidInput that names the row and the field.
    """
    return [_point(number, row) for number, row in enumerate(rows)]


def drift_of(verdict: Any) -> Drift | None:
    """A drift verdict `{threshold, overall_drift, features: {name: psi}}`; None stays None. Raises InvalidInput."""
    if verdict is None:
        return None
    if not isinstance(verdict, Mapping) or not isinstance(verdict.get("overall_drift"), bool):
        raise InvalidInput("The drift verdict must be an object with 'overall_drift': true or false.")
    features, threshold = verdict.get("features", {}), verdict.get("threshold", 0.2)
    if not isinstance(features, Mapping) or not all(_is_number(value) for value in [threshold, *features.values()]):
        raise InvalidInput("The drift verdict's threshold and features must be finite numbers.")
    beyond = [str(name) for name, value in features.items() if value > threshold]
    return Drift(verdict["overall_drift"], tuple(sorted(beyond)))


def _point(number: int, row: Any) -> Point:
    if not isinstance(row, Mapping):
        raise InvalidInput(f"Point {number} is no object.", hint=f"An object with 'at' and any of {', '.join(FIGURES)}.")
    known = {"at", "date", "timestamp", *FIGURES}
    if unknown := sorted(str(name) for name in row if name not in known):
        raise InvalidInput(f"Point {number} has an unknown field '{unknown[0][:60]}'.", hint=f"{', '.join(sorted(known))}.")
    figures: dict[str, float | None] = {}
    for name in FIGURES:
        value = row.get(name)
        if value is not None and not _is_number(value):
            raise InvalidInput(f"Point {number}: '{name}' must be a finite number.")
        if value is not None and (value < 0 or (name != "latency_p95_ms" and value > 1)):
            raise InvalidInput(f"Point {number}: '{name}' is out of range: {value}.")
        figures[name] = None if value is None else float(value)
    return Point(_moment(number, row), **figures)


def _moment(number: int, row: Mapping[str, Any]) -> datetime:
    sent = next((row[name] for name in ("at", "timestamp", "date") if row.get(name) is not None), None)
    try:
        if isinstance(sent, date):
            found = sent if isinstance(sent, datetime) else datetime(sent.year, sent.month, sent.day)
        else:
            found = datetime.fromisoformat(sent if isinstance(sent, str) else "")
    except ValueError:
        raise InvalidInput(f"Point {number}: 'at' must be a time in ISO 8601, such as 2026-01-31T12:00:00Z.") from None
    return found.replace(tzinfo=None) - (found.utcoffset() or timedelta())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


def _drop(history: Sequence[Point], name: str) -> float | None:
    """How far the newest figure lies below the median of the 7 calendar days before it, in per cent of that."""
    newest = history[-1]
    now, day = getattr(newest, name), newest.at.date()
    first = day - timedelta(days=BASELINE_DAYS)
    before = [getattr(p, name) for p in history if first <= p.at.date() < day and getattr(p, name) is not None]
    if now is None or not before or (middle := median(before)) <= 0:
        return None
    return float((middle - now) / middle * 100)


def _slow(history: Sequence[Point]) -> int:
    """How many of the newest points in a row were slow."""
    slow = 0
    for point in reversed(history):
        if point.latency_p95_ms is None or point.latency_p95_ms <= SLOW_MS:
            break
        slow += 1
    return slow


def _reaches(drop: float | None, limit: float) -> bool:
    return drop is not None and drop >= limit - _EXACT


def _actions(*wanted: str) -> tuple[str, ...]:
    return tuple(action for action in ACTIONS if action in wanted or action == "page_oncall=false")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4) + 0.0
