"""How the service answered: times, refusals and losses, from the log of requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ds_workflow.domain.monitoring.looks import Finding, Level
from ds_workflow.domain.monitoring.policy import MonitoringPolicy


@dataclass(frozen=True)
class Requests:
    """What happened since `since` (UTC text): milliseconds of each answered request, the rows in them, requests refused
    for what the caller sent (4xx) and for what the service did (5xx), rows whose log line was lost, and all requests
    ever logged."""

    since: str
    milliseconds: Sequence[float]
    rows: int
    refused: int
    failed: int
    lost: int
    ever: int

    @property
    def error_rate(self) -> float:
        """Share of requests that the service failed; those that callers sent wrong are not its errors."""
        asked = len(self.milliseconds) + self.failed
        return self.failed / asked if asked else 0.0

    @property
    def p95(self) -> float | None:
        """The 95th percentile of the time to answer in milliseconds, None without requests."""
        return float(np.quantile(self.milliseconds, 0.95)) if self.milliseconds else None


def findings(seen: Requests, policy: MonitoringPolicy) -> list[Finding]:
    """Latency and errors; nothing where nothing was ever served. Of few requests the failed ones alone can be told."""
    limits = policy.service
    asked = len(seen.milliseconds) + seen.failed
    if not seen.ever:
        return []
    if asked < limits.minimum_requests:
        many = "request" if asked == 1 else "requests"
        said = (
            f"{asked} {many} in {limits.hours} hours, {seen.failed or 'none'} failed; a percentile needs "
            f"{limits.minimum_requests}"
        )
        step = "Read the service's log of that hour." if seen.failed else ""
        return [Finding("errors", "warn" if seen.failed else "healthy", said, seen.error_rate, limits.error_rate, step)]
    made = []
    if seen.milliseconds:
        p50, p95, p99 = (float(np.quantile(seen.milliseconds, q)) for q in (0.5, 0.95, 0.99))
        level: Level = "warn" if p95 > limits.p95_ms else "healthy"
        said = (
            f"{len(seen.milliseconds):,} requests in {limits.hours} hours: median {p50:.0f} ms, 95 % within "
            f"{p95:.0f} ms, 99 % within {p99:.0f} ms"
        )
        step = (
            "See what makes requests slow: size of requests, machine, or the model itself." if level == "warn" else ""
        )
        made.append(Finding("latency", level, said, p95, limits.p95_ms, step))
    rate = seen.error_rate
    level = "critical" if rate > limits.error_rate else "healthy"
    said = f"{seen.failed:,} of {asked:,} requests failed ({rate:.2%}); {seen.refused:,} were refused as sent wrongly"
    if seen.lost:
        said += f"; {seen.lost:,} rows are missing in the log"
    step = "Read the service's log of that hour." if level == "critical" else ""
    made.append(Finding("errors", level, said, rate, limits.error_rate, step))
    return made


def by_day(times: Sequence[tuple[str, float]]) -> dict[str, dict[str, float]]:
    """Requests and 95th percentile by day, from (day, milliseconds)."""
    days: dict[str, list[float]] = {}
    for day, took in times:
        days.setdefault(day, []).append(took)
    return {
        day: {"latency_p95_ms": round(float(np.quantile(found, 0.95)), 3), "requests": float(len(found))}
        for day, found in sorted(days.items())
    }
