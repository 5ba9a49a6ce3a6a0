"""The monitoring agent: observe, think, act. The same history and drift verdict give the same plan, byte for byte.

It reads figures and writes a plan for people. It may ask for more care and propose work; it never loosens a threshold,
approves anything or moves a model.
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
ACTIONS = (
    "open_incident",
    "trigger_retraining",
    "roll_back_model",
    "raise_thresholds",
    "page_oncall=false",
    "do_nothing",
)

BASELINE_DAYS = 7
AUC_WARN, AUC_CRITICAL, PR_CRITICAL = 0.03, 0.06, 0.05
LATENCY_MS, LATENCY_POINTS = 400.0, 2
DIGITS = 9  # drops are compared after rounding, so that 0.90 to 0.873 is a drop of 3 %

# the names that a history may use for the same thing, the first of which the plan uses
NAMES = {
    "at": ("date", "timestamp", "time", "ts", "at", "day"),
    "roc_auc": ("roc_auc", "auc", "rocauc"),
    "pr_auc": ("pr_auc", "prauc", "average_precision"),
    "latency_p95_ms": ("latency_p95_ms", "p95_latency_ms", "p95_ms", "latency_p95", "p95"),
}
FIGURES = ("roc_auc", "pr_auc", "latency_p95_ms")


@dataclass(frozen=True)
class Point:
    """One line of the history. A figure that was not measured (labels are late) is None."""

    at: datetime
    roc_auc: float | None = None
    pr_auc: float | None = None
    latency_p95_ms: float | None = None


@dataclass(frozen=True)
class Drift:
    """What a drift verdict says: whether there is drift (None: it could not be told), and the features beyond its
    threshold."""

    overall: bool | None
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """What the newest look at performance shows, for a problem whose primary metric is no AUC: `status` is warn or
    critical only where a worsening beyond the monitoring policy's limit is shown."""

    status: Status
    detail: str


@dataclass(frozen=True)
class Plan:
    """What the agent found and proposes. `findings` are one-key maps in a fixed order."""

    status: Status
    findings: tuple[Mapping[str, Any], ...]
    actions: tuple[str, ...]
    rationale: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in the order of reading."""
        return {
            "status": self.status,
            "findings": [dict(f) for f in self.findings],
            "actions": list(self.actions),
            "rationale": self.rationale,
        }


def points_of(rows: Sequence[Any]) -> list[Point]:
    """Points from plain mappings: a time under one of NAMES["at"] and any of the figures; other fields are let pass.

    Raises InvalidInput that names the line and the field.
    """
    return [_point(row, number) for number, row in enumerate(rows, start=1)]


def drift_of(verdict: Any) -> Drift | None:
    """A drift verdict `{threshold, overall_drift, features: {name: psi}}`; None stays None. One that says null, or no
    drift with the status unknown, could not be told. Raises InvalidInput."""
    if verdict is None:
        return None
    overall = verdict.get("overall_drift", "") if isinstance(verdict, Mapping) else ""
    if overall is not None and not isinstance(overall, bool):
        raise InvalidInput("The drift verdict must be an object with 'overall_drift': true, false or null (unknown).")
    features, threshold = verdict.get("features", {}), verdict.get("threshold", 0.2)
    if not isinstance(features, Mapping) or not all(_is_number(value) for value in [threshold, *features.values()]):
        raise InvalidInput("The drift verdict's threshold and features must be finite numbers.")
    beyond = [str(name) for name, value in features.items() if value > threshold]
    untold = not overall and verdict.get("status") == "unknown"
    return Drift(None if untold else overall, tuple(sorted(beyond)))


def _point(record: Any, number: int) -> Point:
    where = f"Line {number} of the history"
    if not isinstance(record, Mapping):
        raise InvalidInput(f"{where} is no object.", hint=f"An object with a date and any of {', '.join(FIGURES)}.")
    moment = _first(record, "at")
    if moment is None:
        raise InvalidInput(f"{where} says no time.", hint=f"One of the fields {', '.join(NAMES['at'])}, ISO 8601.")
    try:
        at = datetime.fromisoformat(str(moment))
        utc = at.replace(tzinfo=None) - (at.utcoffset() or timedelta())
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{where}: '{str(moment)[:60]}' is no time.", hint="ISO 8601: 2026-03-01, or with a time."
        ) from error
    return Point(utc, **{name: _figure(record, name, where) for name in FIGURES})


def _first(record: Mapping[str, Any], name: str) -> Any:
    return next((record[key] for key in NAMES[name] if record.get(key) is not None), None)


def _figure(record: Mapping[str, Any], name: str, where: str) -> float | None:
    value = _first(record, name)
    if value is None:
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    if not _is_number(value):
        said = str(value)[:60]
        raise InvalidInput(
            f"{where}: {name} is '{said}', which is no finite number.", hint="A number, or leave it out."
        )
    share = name != "latency_p95_ms"
    if value < 0 or (share and value > 1):
        allowed = "0 to 1" if share else "0 or more"
        raise InvalidInput(f"{where}: {name} is {value}.", hint=f"Allowed: {allowed}.")
    return float(value)


def plan(history: Sequence[Point], drift: Drift | None, *, shown: Shown | None = None) -> Plan:
    """The plan of a history (any order), the newest drift verdict and what a look at performance shows (None: there is
    none).

    Drops are relative to the median of the 7 calendar days before the newest point of the figure, which is not in its
    own baseline. warn: ROC-AUC down 3 % or p95 above 400 ms on the 2 newest points; critical: ROC-AUC down 6 %, or
    drift and PR-AUC down 5 %. A worsening that a look shows is warn or critical as the look says. unknown: no history,
    or nothing that can be compared and nothing that alarms, or a drift verdict or a look that could not be told.
    """
    if not history and shown is None:
        return Plan(
            "unknown", (), ("do_nothing",), "There is no history, so nothing can be said. Feed the monitor first."
        )
    ordered = sorted(history, key=lambda p: p.at)
    auc, pr = drop(ordered, "roc_auc"), drop(ordered, "pr_auc")
    slow = _slow(ordered)
    findings: list[Mapping[str, Any]] = [{"as_of": p.at.date().isoformat()} for p in ordered[-1:]]
    findings += [
        {f"{name}_drop_pct": round(100 * d, 2)} for name, d in (("roc_auc", auc), ("pr_auc", pr)) if d is not None
    ]
    newest = [p.latency_p95_ms for p in ordered if p.latency_p95_ms is not None][-1:]
    findings += [{"latency_p95_ms": newest[0]}] if newest else []
    if drift is not None:
        findings.append({"drift_overall": drift.overall})
        findings += [{"drifted_features": list(drift.drifted)}] if drift.drifted else []
    if shown is not None:
        findings.append({"performance_look": shown.status})

    critical, warn = [], []
    actions: set[str] = set()
    if auc is not None and auc >= AUC_CRITICAL:
        critical.append(f"ROC-AUC is {100 * auc:.2f} % below its median of the {BASELINE_DAYS} days before (limit 6 %)")
        actions |= {"open_incident", "roll_back_model", "trigger_retraining"}
    elif auc is not None and auc >= AUC_WARN:
        warn.append(f"ROC-AUC is {100 * auc:.2f} % below its median of the {BASELINE_DAYS} days before (limit 3 %)")
        actions |= {"trigger_retraining"}
    if drift is not None and drift.overall and pr is not None and pr >= PR_CRITICAL:
        critical.append(f"the inputs drift and PR-AUC is {100 * pr:.1f} % below its median (limit 5 %)")
        actions |= {"open_incident", "trigger_retraining"}
    if shown is not None and shown.status == "critical":
        critical.append(f"performance is shown to be worse, beyond the critical limit: {shown.detail}")
        actions |= {"open_incident", "roll_back_model", "trigger_retraining"}
    elif shown is not None and shown.status == "warn":
        warn.append(f"performance is shown to be worse: {shown.detail}")
        actions |= {"trigger_retraining"}
    if slow:
        warn.append(
            f"p95 latency was above {LATENCY_MS:g} ms on {LATENCY_POINTS} points in a row ({slow[0]:g}, {slow[1]:g})"
        )
        actions |= {"raise_thresholds"}
    status: Status = "critical" if critical else "warn" if warn else "healthy"
    if status == "healthy" and (rest := _untold(auc, pr, drift, shown)):
        return Plan("unknown", tuple(findings), ("do_nothing",), rest)
    if not actions:
        return Plan(status, tuple(findings), ("do_nothing",), _healthy(auc, pr, drift, shown))
    chosen = tuple(a for a in ACTIONS if a in actions)
    said = "; ".join([*critical, *warn])
    return Plan(status, tuple(findings), chosen, said[0].upper() + said[1:] + ".")


def drop(ordered: Sequence[Point], name: str) -> float | None:
    """How far the newest figure lies below its baseline, relative, rounded; below 0 is a rise. None without one."""
    known = [(p.at.date(), getattr(p, name)) for p in ordered if getattr(p, name) is not None]
    if not known:
        return None
    day, newest = known[-1]
    before = [value for at, value in known if _within(at, day)]
    base = median(before) if before else 0.0
    return round((base - newest) / base, DIGITS) if base > 0 else None


def _within(at: date, newest: date) -> bool:
    return newest - timedelta(days=BASELINE_DAYS) <= at < newest


def _slow(ordered: Sequence[Point]) -> list[float]:
    """The newest latencies when all of them are above the limit, else nothing."""
    newest = [p.latency_p95_ms for p in ordered][-LATENCY_POINTS:]
    above = [v for v in newest if v is not None and v > LATENCY_MS]
    return above if len(above) == LATENCY_POINTS else []


def _untold(auc: float | None, pr: float | None, drift: Drift | None, shown: Shown | None) -> str:
    """What keeps a plan without an alarm from being healthy, or ""."""
    if shown is not None and shown.status == "unknown":
        return f"Nothing alarms, but performance can't be told: {shown.detail}."
    if shown is None and auc is None and pr is None:
        return "Neither ROC-AUC nor PR-AUC can be compared with a week before, and nothing else alarms."
    if drift is not None and drift.overall is None:
        return "Nothing alarms, but whether the inputs drift could not be told; see the newest look at the inputs."
    return ""


def _healthy(auc: float | None, pr: float | None, drift: Drift | None, shown: Shown | None) -> str:
    parts = [f"{name} {-100 * d:+.1f} %" for name, d in (("ROC-AUC", auc), ("PR-AUC", pr)) if d is not None]
    said = f"Against the median of the {BASELINE_DAYS} days before: {', '.join(parts)}; nothing is beyond its limit"
    if not parts and shown is not None:
        said = f"The newest look at performance shows nothing beyond its limit: {shown.detail}"
    if drift is not None and drift.overall:
        said += ". The inputs drift, but performance holds; look at the drift report"
    return said + "."


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)
    )
