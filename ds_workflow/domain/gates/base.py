"""From bootstrap draws to pass, fail or inconclusive, corrected over everything that was asked.

* Requirement: a figure t must lie above (superiority, strict: a tie keeps the champion), at least or at most at a
  threshold.
* Test: two one-sided bootstrap tests per requirement, "it holds" and "it is violated". The p-value of "it holds" is
  (1 + draws that do not hold) / (1 + draws), corrected for few clusters as the expanded percentile interval is (T. C.
  Hesterberg 2015, see `few_clusters`): the level at which its bound touches the threshold; "it is violated" likewise.
  Unit of randomisation: the cluster (building, customer, week); both models ride on the same weights, so differences
  are paired.
* Assumptions: clusters are independent of one another and drawn like those of the future; their part in the figure is
  not far from symmetric, or they are many (a note says when fewer than 30); the figure is smooth enough for the
  percentile method (medians, shares, means are).
* Correction: Holm over all requirements of the trial (gates x segments), for "holds" and for "is violated" apart.
  So the chance of even one wrong `pass` among the gates is at most alpha, and of even one wrong `fail`.
* Status: adjusted p of "holds" <= alpha is pass; of "is violated" <= alpha is fail; else inconclusive. Where all draws
  lie on one side and that is still not enough, because so few clusters ask for more draws than were made, it says so.
* Alpha is the level of this look at the holdout (see `holdout_spending`), else the policy's.
* Interval: both one-sided bounds at 1 - the policy's alpha, not corrected; p_value and p_adjusted belong to the
  status shown ("is violated" for a fail, "holds" otherwise).
* Rows needed, when inconclusive: n ((z(1 - alpha/m) + z(0.8)) se / |t - threshold|)^2, the rows at which a truth equal
  to what was observed would be proven (or disproven) in four of five tries, for m requirements, if clusters and
  segments keep their shares; of the segment that was asked, as `rows` are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from statistics import NormalDist
from typing import Literal, Protocol

import numpy as np

from ds_workflow.domain import few_clusters
from ds_workflow.domain.comparison import Comparison, Place
from ds_workflow.domain.multiplicity import holm
from ds_workflow.domain.resample import Floats, bounds, share_against
from registry.records import GateResult, GateStatus

Side = Literal["above", "at_least", "at_most"]
FEW_CLUSTERS = 30
POWER = 0.8
_MOST_ROWS = 10**12


class Gate(Protocol):
    """One thing a model must show. A new gate is a frozen dataclass with these two."""

    @property
    def name(self) -> str:
        """As the policy and the proposal call it."""
        ...

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """One result, or one per segment; never none."""
        ...


@dataclass(frozen=True)
class Requirement:
    """A figure, its bootstrap draws, shape (resamples,), and where it must lie. It rests on `clusters` clusters, which
    carry as much as `effective` ones of one size."""

    name: str
    observed: float
    draws: Floats
    side: Side
    threshold: float
    required: str
    rows: int
    clusters: int
    effective: float
    segment: str = ""
    note: str = ""

    def _holding(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if self.side == "above":
            return self.draws > self.threshold
        return self.draws >= self.threshold if self.side == "at_least" else self.draws <= self.threshold

    @property
    def p_holds(self) -> float:
        """Evidence that it holds: small is strong."""
        return share_against(self.draws, self._holding(), clusters=self.effective)

    @property
    def p_violated(self) -> float:
        """Evidence that it is violated: small is strong. A draw that couldn't be measured speaks for neither."""
        return share_against(self.draws, ~self._holding(), clusters=self.effective)

    @property
    def finest(self) -> float:
        """The smallest p-value that these draws can give."""
        return few_clusters.finest(len(self.draws), self.effective)


@dataclass(frozen=True)
class AnyOf(Requirement):
    """At least one of several requirements: shown when one is, at its level times their number (Bonferroni), violated
    when all are. Figure and draws are those of the one that is nearest to being shown."""

    among: tuple[Requirement, ...] = ()

    @staticmethod
    def of(name: str, among: Sequence[Requirement]) -> AnyOf:
        """The disjunction of requirements, at least one."""
        best = min(among, key=lambda r: (r.p_holds, r.p_violated * -1))
        others = "; ".join(f"{r.required}: {r.observed:.4f}" for r in among)
        return AnyOf(
            name,
            best.observed,
            best.draws,
            best.side,
            best.threshold,
            " or ".join(r.required for r in among),
            best.rows,
            best.clusters,
            best.effective,
            note=f"Nearest: {best.required}. All: {others}.",
            among=tuple(among),
        )

    @property
    def p_holds(self) -> float:
        """As the best of them, corrected for having chosen it."""
        return min(1.0, len(self.among) * min(r.p_holds for r in self.among))

    @property
    def p_violated(self) -> float:
        """As the one that is least violated."""
        return max(r.p_violated for r in self.among)

    @property
    def finest(self) -> float:
        """As `p_holds`."""
        return min(1.0, len(self.among) * min(r.finest for r in self.among))


class StatisticalGate:
    """A gate that asks requirements of the draws. On its own it corrects over its own segments."""

    def ask(self, comparison: Comparison) -> tuple[Requirement | GateResult, ...]:
        """Requirements to be tested, and results that need no test (missing, too small)."""
        raise NotImplementedError

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """The results, corrected over this gate alone; `evaluate` corrects over the trial."""
        return settle(self.ask(comparison), comparison)


def method_words(comparison: Comparison) -> str:
    """How intervals and p-values were made, for people."""
    worth = few_clusters.told(comparison.effective(), comparison.clusters())
    return (
        f"Intervals and p-values: expanded percentile bootstrap (Hesterberg 2015) over {worth}; each end of an "
        f"interval is one-sided at {1 - comparison.policy.alpha:.0%}, not corrected for the number of gates."
    )


def place_of(segment: str) -> Place:
    """A segment's place, or all rows for ""."""
    return ("segment", segment) if segment else ("", "")


def settle(asked: Sequence[Requirement | GateResult], comparison: Comparison) -> tuple[GateResult, ...]:
    """Results in the order asked, all requirements among them corrected as one family."""
    family = [a for a in asked if isinstance(a, Requirement)]
    holds = iter(holm([r.p_holds for r in family]))
    violated = iter(holm([r.p_violated for r in family]))
    return tuple(
        a
        if isinstance(a, GateResult)
        else _result(a, float(next(holds)), float(next(violated)), len(family), comparison)
        for a in asked
    )


def _result(r: Requirement, holds: float, violated: float, family: int, comparison: Comparison) -> GateResult:
    policy = comparison.policy
    interval = bounds(r.draws, alpha=policy.alpha, clusters=r.effective)
    alpha = comparison.alpha
    status: GateStatus = "pass" if holds <= alpha else ("fail" if violated <= alpha else "inconclusive")
    worth, why = few_clusters.told(r.effective, r.clusters), ""
    open_end = status == "inconclusive" and unresolved(r, family=family, alpha=alpha)
    if r.clusters < policy.minimum_clusters or interval is None:
        status, why = "inconclusive", f"Only {worth}: too few for an interval."
    elif open_end:
        why = (
            f"{len(r.draws):,} resamples of {worth} can't show anything at the level {alpha:.3g} over {family} "
            "requirements: more clusters would."
        )
    elif round(min(r.effective, r.clusters)) < FEW_CLUSTERS:
        why = f"Only {worth} (fewer than {FEW_CLUSTERS}): the interval is rough."
    needed = rows_needed(r, family=family, alpha=alpha) if status == "inconclusive" and not open_end else None
    if 0 < r.clusters < policy.minimum_clusters:
        needed = max(needed or 0, scaled(r.rows, r.clusters, policy.minimum_clusters))
    shown = f"{r.observed:.4f}" if interval is None else f"{r.observed:.4f} [{interval[0]:.4f}, {interval[1]:.4f}]"
    said = {
        "pass": f"{shown}: shown to hold.",
        "fail": f"{shown}: shown not to hold.",
        "inconclusive": f"{shown}: neither shown to hold nor to fail"
        + (f"; about {needed:,} rows would tell." if needed else "."),
    }[status]
    return GateResult(
        name=r.name,
        status=status,
        observed=r.observed,
        interval=interval,
        required=r.required,
        rows=r.rows,
        note=" ".join(filter(None, (said, why, r.note))),
        segment=r.segment,
        p_value=r.p_violated if status == "fail" else r.p_holds,
        p_adjusted=violated if status == "fail" else holds,
        rows_needed=needed,
    )


def unresolved(r: Requirement, *, family: int, alpha: float) -> bool:
    """Whether all draws agree and that is no proof over `family` requirements at `alpha`. Never of draws that are read
    as they stand: verdicts of before gave other rows needed."""
    return isfinite(r.effective) and min(r.p_holds, r.p_violated) <= r.finest and r.finest * family > alpha


def rows_needed(r: Requirement, *, family: int, alpha: float) -> int | None:
    """See the module's text; None when the observed figure lies on the threshold or has no spread."""
    error = float(np.nanstd(r.draws)) if np.isfinite(r.draws).any() else 0.0
    gap = abs(r.observed - r.threshold)
    if gap == 0.0 or error == 0.0:
        return None
    z = NormalDist().inv_cdf(1 - alpha / max(family, 1)) + NormalDist().inv_cdf(POWER)
    needed = ceil(r.rows * (z * error / gap) ** 2)
    return max(needed, r.rows + 1) if needed <= _MOST_ROWS else None


def missing(name: str, required: str, note: str, *, segment: str = "") -> GateResult:
    """Missing evidence fails, in words."""
    return GateResult(name, "fail", required=required, note=note, segment=segment)


def too_small(name: str, required: str, comparison: Comparison, segment: str) -> GateResult:
    """A segment below its minimum is inconclusive, never skipped."""
    rows, minimum = comparison.rows(place_of(segment)), comparison.policy.segment_min_rows
    return GateResult(
        name,
        "inconclusive",
        required=required,
        rows=rows,
        segment=segment,
        note=f"{segment} has {rows} rows; at least {minimum} are wanted.",
        rows_needed=minimum,
    )


def scaled(rows: int, part: int, minimum: int) -> int:
    """Rows in all at which a part of them, at its present share, reaches its minimum."""
    return ceil(rows * minimum / part)
