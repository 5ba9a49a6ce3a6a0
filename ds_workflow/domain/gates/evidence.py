"""Gates on evidence that is not a bootstrap figure: reports and completeness. Missing evidence fails, in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from ds_workflow.domain import fairness
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.fairness import FairnessReport
from ds_workflow.domain.gates.base import missing, scaled, too_small
from ds_workflow.domain.metrics import Scored
from ds_workflow.errors import InvalidInput
from registry.records import GateResult, GateStatus


@dataclass(frozen=True)
class SegmentsComplete:
    """Every segment of the policy is there with its minimum rows, and no other stands in the rows. Always asked."""

    name: str = "segments_complete"

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """One result per segment that is not in order, or one pass."""
        policy = comparison.policy
        required = f"every segment of the policy with at least {policy.segment_min_rows} rows, and no other"
        found = []
        for segment in comparison.segments:
            rows = comparison.rows(("segment", segment))
            if segment not in policy.weights:
                note = f"{segment} ({rows} rows) is not in the policy's reference population."
                found.append(missing(self.name, required, note, segment=segment))
            elif not rows:
                found.append(missing(self.name, required, f"There are no rows of {segment}.", segment=segment))
            elif rows < policy.segment_min_rows:
                found.append(too_small(self.name, required, comparison, segment))
        if found:
            return tuple(found)
        smallest = min(comparison.segments, key=lambda s: comparison.rows(("segment", s)))
        rows = comparison.rows(("segment", smallest))
        note = f"All {len(policy.weights)} segments are there; the smallest is {smallest} with {rows} rows."
        return (GateResult(self.name, "pass", required=required, rows=comparison.rows(), note=note),)


@dataclass(frozen=True)
class NoNewDriftAlerts:
    """No input of the challenger drifts that did not already drift under the champion, but for those that the problem
    declares as trending: their shift is expected and said."""

    name: str
    maximum_psi: float
    minimum_rows: int

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """Alert: PSI above the maximum and the n-aware test, corrected over features (BH), at alpha."""
        required = f"no new feature with PSI above {self.maximum_psi:g} (and a test at n)"
        report, old = comparison.challenger_checks.drift, comparison.champion_checks.drift
        if report is None or not report.features:
            return (missing(self.name, required, "There is no drift report of the challenger."),)
        if comparison.champion is not None and old is None:
            return (missing(self.name, required, "There is no drift report of the champion to compare with."),)
        alpha = comparison.policy.alpha
        alerts, before = (
            () if r is None else r.alerts(maximum_psi=self.maximum_psi, alpha=alpha, minimum_rows=self.minimum_rows)
            for r in (report, old)
        )
        trending = {f.name for f in comparison.problem.features if f.trending}
        new = [name for name in alerts if name not in before and name not in trending]
        alerts = tuple(name for name in alerts if name in before or name in trending)
        largest = max(report.features, key=lambda name: report.features[name].psi)
        psi = report.features[largest].psi
        rows = report.features[largest].rows
        if new:
            worst = max(report.features[name].psi for name in new)
            note = f"New drift in {', '.join(new)}."
            return (GateResult(self.name, "fail", observed=worst, required=required, rows=rows, note=note),)
        unknown = report.unknown(minimum_rows=self.minimum_rows)
        if unknown:
            note = f"{len(unknown)} features have fewer than {self.minimum_rows} rows to judge: {', '.join(unknown)}."
            few = min(report.features[name].rows for name in unknown)
            needed = self.minimum_rows if few < self.minimum_rows else None  # else it is the reference that is short
            return (GateResult(self.name, "inconclusive", required=required, rows=few, note=note, rows_needed=needed),)
        note = f"{len(report.features)} features; the largest PSI is {psi:.3f} ({largest})"
        note += f"; drifting under the champion too, or as expected: {', '.join(alerts)}." if alerts else "."
        return (GateResult(self.name, "pass", observed=psi, required=required, rows=rows, note=note),)


@dataclass(frozen=True)
class NoNewFairnessAlerts:
    """No group is shown to be treated worse than its tolerance that the champion treated within it."""

    name: str
    tolerances: tuple[tuple[str, float], ...]  # (metric, tolerance in its unit)
    minimum_rows: int

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """Alerts as in `fairness`: evidence beyond tolerance, Holm over groups and metrics."""
        allowed = ", ".join(f"{m} gap {t:g}" for m, t in self.tolerances)
        required = f"no new group beyond {allowed}"
        try:
            mine = self.report(comparison, comparison.challenger)
            theirs = None if comparison.champion is None else self.report(comparison, comparison.champion)
        except InvalidInput as error:
            return (missing(self.name, required, str(error)),)
        judged = [g for g in mine.gaps if g.status != "unknown"]
        rows = comparison.rows()
        new = mine.new_alerts(theirs)
        if new:
            worst = max(new, key=lambda g: abs(g.gap or 0.0))
            said = "; ".join(f"{g.column} {g.group} {g.metric} {g.gap:+.4f} on {g.rows} rows" for g in new)
            return (GateResult(self.name, "fail", worst.gap, worst.interval, required, rows, f"New alerts: {said}."),)
        small = sorted({f"{g.column} {g.group}" for g in mine.gaps if g.status == "unknown"})
        note = f" Too small to judge: {', '.join(small)}." if small else ""
        if not judged:
            most = max((g.rows for g in mine.gaps), default=0)
            needed = scaled(rows, most, self.minimum_rows) if 0 < most < self.minimum_rows else None
            note = f"No group.{note}"
            return (GateResult(self.name, "inconclusive", required=required, rows=rows, note=note, rows_needed=needed),)
        widest = max(judged, key=lambda g: abs(g.gap or 0.0))
        chance = "; ".join(
            f"widest {w.metric} difference {w.observed:.4f}, by chance {w.expected_by_chance:.4f}" for w in mine.widest
        )
        note = f"Largest gap {widest.gap:+.4f} ({widest.column} {widest.group}, {widest.metric}); {chance}.{note}"
        return (GateResult(self.name, "pass", widest.gap, widest.interval, required, rows, note),)

    def report(self, comparison: Comparison, scored: Scored) -> FairnessReport:
        """One model's gaps over the problem's fairness columns. InvalidInput when there are none."""
        problem, policy = comparison.problem, comparison.policy
        columns = problem.fairness_columns or problem.sensitive
        if not columns:
            raise InvalidInput(f"{problem.name} declares no fairness and no sensitive column to compare groups by.")
        return fairness.merged(
            *(
                fairness.gaps(
                    scored,
                    column,
                    tolerances=dict(self.tolerances),
                    alpha=policy.alpha / len(columns),
                    resamples=policy.resamples,
                    seed=comparison.seed,
                    minimum_rows=self.minimum_rows,
                    rule=comparison.rule,
                )
                for column in columns
            )
        )


@dataclass(frozen=True)
class Leakage:
    """The leakage scan looked at everything and found nothing."""

    name: str

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """fail on any finding, inconclusive while something could not be looked at."""
        required = "no input, key or behaviour that knows the outcome"
        report = comparison.challenger_checks.leakage
        if report is None:
            return (missing(self.name, required, "The leakage scan was not run."),)
        if report.findings:
            note = " ".join(f.note for f in report.findings)
            strongest = max((f.value for f in report.findings if f.value is not None), default=None)
            return (GateResult(self.name, "fail", observed=strongest, required=required, note=note),)
        if report.unknown:
            note = "Not looked at: " + "; ".join(f"{k}: {v}" for k, v in report.unknown.items()) + "."
            return (GateResult(self.name, "inconclusive", required=required, note=note),)
        top = max(report.strength.items(), key=lambda item: item[1], default=("no feature", 0.0))
        note = f"Looked at {', '.join(report.checked)}; the strongest feature is {top[0]} (Somers' D {top[1]:.3f})."
        return (GateResult(self.name, "pass", observed=top[1], required=required, note=note),)


@dataclass(frozen=True)
class Servable:
    """The version loads, answers as in training, finitely and in time."""

    name: str
    maximum_p95_ms: float

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """All four, tried on at least one row."""
        required = f"loads, same finite answers, p95 at most {self.maximum_p95_ms:g} ms"
        seen = comparison.challenger_checks.servability
        if seen is None:
            return (missing(self.name, required, "Serving was not tried."),)
        wrong = [
            word
            for word, bad in (
                ("it did not load", not seen.loaded),
                ("its answers differ from those of training", not seen.equal),
                ("its answers are not finite", not seen.finite),
                ("no row was tried", seen.rows < 1),
                (f"p95 is {seen.p95_ms:g} ms", not (isfinite(seen.p95_ms) and seen.p95_ms <= self.maximum_p95_ms)),
            )
            if bad
        ]
        said = (", ".join(wrong) or f"p95 {seen.p95_ms:.1f} ms on {seen.rows} rows") + "."
        note = " ".join(filter(None, (said[0].upper() + said[1:], seen.detail)))
        p95 = seen.p95_ms if isfinite(seen.p95_ms) else None
        status: GateStatus = "fail" if wrong else "pass"
        return (GateResult(self.name, status, p95, required=required, rows=seen.rows, note=note),)
