"""The gate on stress: requests that go wrong are still answered, and not much worse than their tolerance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from statistics import NormalDist

import numpy as np

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates.base import POWER, missing
from ds_workflow.domain.stress import KINDS, Strain, StressReport
from registry.records import GateResult, GateStatus

_WORDS = {"missing": "a column missing", "corrupted": "a column corrupted", "season": "another season"}
_SAID = 3  # strains named in the note


def _times(strain: Strain, limit: float, alpha: float) -> float:
    """How many times as many rows would tell this loss from its tolerance in four of five tries: its standard error
    falls with the root of the rows. Infinite where it lies on it or has no error."""
    gap = abs(limit - (strain.loss or 0.0))
    z = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(POWER)
    return max(1.0, (z * strain.error / gap) ** 2) if gap and strain.error else float("inf")


@dataclass(frozen=True)
class StressTolerance:
    """Under every stress each answer is finite and in range, and the loss of a metric is shown to be within tolerance.

    Student's bounds on bootstrap standard errors, with the effective number of clusters. That *all* losses are within
    is shown when each is by itself at alpha (an intersection-union test: R. L. Berger 1982, Technometrics 24); that one
    is beyond, at alpha over their number.
    """

    name: str
    metric: str
    unit: str
    tolerances: tuple[tuple[str, float], ...]  # (kind, largest loss in the unit)

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """One result; `observed` is the loss that comes nearest to its tolerance, or goes furthest beyond."""
        shown = ", ".join(f"{_WORDS[kind]} {self._figure(limit)}" for kind, limit in self.tolerances)
        required = f"finite answers in range; {self.metric} worse by at most: {shown}"
        report = comparison.challenger_checks.stress
        lost = self._lost(report)
        if report is None or lost:
            return (missing(self.name, required, lost),)
        dead = [s for s in report.strains if s.wrong]
        if dead:
            said = "; ".join(f"{s.name}: {s.wrong}" for s in dead[:_SAID])
            more = f"; and {len(dead) - _SAID} more" if len(dead) > _SAID else ""
            return (GateResult(self.name, "fail", required=required, rows=report.rows, note=f"{said}{more}."),)
        found = self._judged(report, required, comparison.policy.alpha)
        # a sample of fixed size doesn't grow with the holdout
        return (found if report.rows >= comparison.rows() else replace(found, rows_needed=None),)

    def _lost(self, report: StressReport | None) -> str:
        """What evidence is missing, or ""."""
        if report is None:
            return "Stress was not tried."
        if report.broken:
            return report.broken
        if (report.metric, report.unit) != (self.metric, self.unit):
            return f"What was measured is the {report.unit} loss of {report.metric}."
        limits = dict(self.tolerances)
        for kind in KINDS:
            if kind in limits and not report.of(kind) and kind not in report.not_applicable:
                return f"Nothing was tried of: {_WORDS[kind]}."
        unheld = {_WORDS.get(s.kind, s.kind): s for s in report.strains if s.limited and s.kind not in limits}
        if unheld:
            return f"The policy gives no tolerance for {', '.join(unheld)}, which was tried."
        unmeasured = [s for s in report.strains if s.limited and s.kind in limits and not s.wrong and s.loss is None]
        return f"{unmeasured[0].name}: {unmeasured[0].note or 'no figure'}." if unmeasured else ""

    def _judged(self, report: StressReport, required: str, alpha: float) -> GateResult:
        limits = dict(self.tolerances)
        held = [s for kind in limits for s in report.of(kind)]
        asides = [f"{_WORDS[kind]}: not applicable, {why}" for kind, why in report.not_applicable.items()]
        tried = f"{len(report.strains)} stresses"
        if not held:
            note = f"{tried}, all answered. {'; '.join(asides)}."
            return GateResult(self.name, "pass", required=required, rows=report.rows, note=note)

        def excess(s: Strain) -> float:
            return (s.loss or 0.0) - limits[s.kind]

        def bounds(s: Strain) -> tuple[float, float]:
            return s.bounds(alpha=alpha, among=len(held)) or (float("-inf"), float("inf"))

        beyond = [s for s in held if bounds(s)[0] > limits[s.kind]]
        unclear = [s for s in held if bounds(s)[1] > limits[s.kind] and s not in beyond]
        worst = max(beyond or unclear or held, key=excess)
        status: GateStatus = "fail" if beyond else ("inconclusive" if unclear else "pass")
        named = sorted(beyond or unclear or held, key=excess, reverse=True)[:_SAID]
        said = "; ".join(f"{s.name} {self._figure(s.loss or 0.0, signed=True)}" for s in named)
        head = {
            "fail": f"{len(beyond)} of {tried} cost more than their tolerance: {said}",
            "inconclusive": f"{len(unclear)} of {tried} can't be told from their tolerance: {said}",
            "pass": f"{tried}, all answered; the worst: {said}",
        }[status]
        interval = worst.bounds(alpha=alpha)
        note = ". ".join([head, *asides]) + "."
        times = [_times(s, limits[s.kind], alpha) for s in unclear] if status == "inconclusive" else []
        needed = ceil(worst.rows * max(times)) if times and all(np.isfinite(times)) else None
        return GateResult(self.name, status, worst.loss, interval, required, worst.rows, note, rows_needed=needed)

    def _figure(self, value: float, *, signed: bool = False) -> str:
        sign = "+" if signed else ""
        return f"{value:{sign}.1%}" if self.unit == "relative" else f"{value:{sign}.4g}"
