"""Ship, keep or continue: what an interval says beside the least difference worth having, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scipy import stats

from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, Contrast

if TYPE_CHECKING:
    from ds_workflow.domain.ab_test.analysis import Row

Verdict = Literal["ship", "keep", "continue"]
POWER = 0.8


@dataclass(frozen=True)
class Recommendation:
    """`verdict`: ship the treatment, keep the control, or continue collecting; `why` in a sentence, and `units_per_arm`
    that would show the practical difference if it is there (None where that is not the question)."""

    verdict: Verdict
    why: str
    units_per_arm: int | None = None


def recommend(primary: Contrast, rows: Sequence[Row], *, split: float, level: float) -> Recommendation:
    """From the first metric's interval, the guardrails' intervals and the split.

    Ship needs the whole interval on the good side of 0, its estimate at the practical difference or beyond, the
    corrected p-value below 1 - level, and every guardrail shown to lose less than its margin.
    """
    first = rows[0]
    m = first.measure
    if split < CALLED_OFF:
        return Recommendation("keep", "The split is not the planned one, so no difference can be trusted.")
    sign = 1.0 if m.greater_is_better else -1.0
    low, high = sorted(sign * bound for bound in primary.interval)
    estimate = sign * primary.estimate
    hurt = [r for r in rows if r.measure.guardrail and r.arm == first.arm and _worst(r) < -r.measure.practical]
    surely = [r.measure.name for r in hurt if _best(r) < -r.measure.practical]
    if surely:
        return Recommendation("keep", f"A guardrail is hurt beyond its margin: {', '.join(surely)}.")
    if high < max(m.practical, 0.0) or high <= 0:
        return Recommendation(
            "keep", f"At best the difference is {high:+.4g}, less than the {m.practical:g} worth having."
        )
    shown = low > 0 and first.corrected < 1 - level
    if shown and estimate >= m.practical:
        open_ = [r.measure.name for r in hurt]
        if not open_:
            sure = "all of it worth having" if low >= m.practical else f"{m.practical:g} or more is likely, not sure"
            return Recommendation("ship", f"The difference is between {low:+.4g} and {high:+.4g}: {sure}.")
        why = f"The metric gains, but it is not shown that the guardrails hold: {', '.join(open_)}."
        return Recommendation("continue", why, _units(primary, max(m.practical, 1e-300)))
    aim = m.practical if m.practical > 0 else abs(primary.estimate)
    units = _units(primary, aim) if aim > 0 else None
    why = f"The difference is between {low:+.4g} and {high:+.4g}, which holds both no gain and one worth having."
    return Recommendation("continue", why, units)


def _worst(row: Row) -> float:
    return min((1.0 if row.measure.greater_is_better else -1.0) * bound for bound in row.contrast.interval)


def _best(row: Row) -> float:
    return max((1.0 if row.measure.greater_is_better else -1.0) * bound for bound in row.contrast.interval)


def _units(found: Contrast, effect: float) -> int | None:
    """Units per arm that show `effect` with power 0.8 at the contrast's level, from its own spread per unit."""
    harmonic = 2 / (1 / found.units[0] + 1 / found.units[1])
    spread = found.standard_error * math.sqrt(harmonic / 2)
    z = float(stats.norm.ppf(0.5 + found.level / 2) + stats.norm.ppf(POWER))
    units = 2 * (z * spread / effect) ** 2
    return math.ceil(units) if math.isfinite(units) and units < 1e12 else None
