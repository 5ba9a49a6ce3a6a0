"""Ship, keep or continue: what an interval says beside the least difference worth having, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scipy import stats

from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, POWER, Contrast

if TYPE_CHECKING:
    from ds_workflow.domain.ab_test.analysis import Row

Verdict = Literal["ship", "keep", "continue"]


@dataclass(frozen=True)
class Recommendation:
    """`verdict`: ship the treatment, keep the control, or continue collecting; `why` in a sentence, `changes` says what
    would change it, and `units_per_arm` would show the practical difference if it is there (None where that is not the
    question)."""

    verdict: Verdict
    why: str
    units_per_arm: int | None = None
    changes: str = ""


def recommend(
    primary: Contrast, rows: Sequence[Row], *, split: float, level: float, untested: Sequence[str] = ()
) -> Recommendation:
    """From the first metric's interval, the guardrails' intervals and the split.

    Ship needs the whole interval on the good side of 0, its estimate at the practical difference or beyond, the
    corrected p-value below 1 - level, and every guardrail shown to lose less than its margin. `untested` are guardrails
    that could not be compared: missing evidence never ships.
    """
    first = rows[0]
    m = first.measure
    if split < CALLED_OFF:
        why = "The split is not the planned one, so no difference can be trusted."
        return Recommendation(
            "keep", why, changes="Find what loses units in one arm, mend it, and run again with new units."
        )
    sign = 1.0 if m.greater_is_better else -1.0
    low, high = sorted(sign * bound for bound in primary.interval)
    estimate = sign * primary.estimate
    hurt = [r for r in rows if r.measure.guardrail and r.arm == first.arm and _worst(r) < -r.measure.practical]
    surely = [r.measure.name for r in hurt if _best(r) < -r.measure.practical]
    if surely:
        names = ", ".join(surely)
        why = f"A guardrail is hurt beyond its margin: {names}."
        return Recommendation("keep", why, changes=f"Another version that spares {names}, in a new experiment.")
    if high < max(m.practical, 0.0) or high <= 0:
        why = f"At best the difference is {high:+.4g}, " + (
            f"less than the {m.practical:g} worth having." if m.practical > 0 else "which is no gain."
        )
        return Recommendation("keep", why, changes=_of_keeping(high, m.practical))
    shown = low > 0 and first.corrected < 1 - level
    open_ = [*(r.measure.name for r in hurt), *untested]
    if shown and estimate >= m.practical:
        if not open_:
            sure = "all of it worth having" if low >= m.practical else f"{m.practical:g} or more is likely, not sure"
            why = f"The difference is between {low:+.4g} and {high:+.4g}: {sure}."
            return Recommendation("ship", why, changes=_OF_SHIPPING)
        names = ", ".join(open_)
        why = f"The metric gains, but it is not shown that the guardrails hold: {names}."
        units = None if untested else max((_holding(r) or 0 for r in hurt), default=0) or None
        return Recommendation("continue", why, units, f"Intervals of {names} wholly inside their margins: then ship.")
    aim = m.practical if m.practical > 0 else abs(primary.estimate)
    units = _units(primary, aim) if aim > 0 else None
    why = f"The difference is between {low:+.4g} and {high:+.4g}, which holds both no gain and one worth having."
    changes = (
        f"An interval wholly above 0 with an estimate of {m.practical:g} or more: ship; its upper end below that: keep."
    )
    return Recommendation("continue", why, units, changes)


_OF_SHIPPING = (
    "A guardrail that turns out hurt, or a repetition whose interval reaches 0; the gain of a winner is on average "
    "smaller than it looked."
)


def _of_keeping(high: float, practical: float) -> str:
    if 0 < high < practical:
        return (
            f"Only a smaller difference worth having (below {high:.4g}), since more units would not raise the best end."
        )
    return "Another version of the treatment: this one has no gain left that more units could show."


def _holding(row: Row) -> int | None:
    """Units per arm whose interval would lie inside the margin if the estimate stays as it is; None where it would
    not."""
    sign = 1.0 if row.measure.greater_is_better else -1.0
    room = row.measure.practical + sign * row.contrast.estimate
    return _units(row.contrast, room) if room > 0 else None


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
