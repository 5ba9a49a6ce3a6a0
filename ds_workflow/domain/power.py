"""Whether the rows at hand could show the effect that a hypothesis claims: before training, not after.

Two models answer the same rows, so the figure is a paired difference and its variance is small: what counts is on
how many rows they disagree. One assumption carries all forms until both models are scored: `discordant`, the share
of rows that lie on different sides of the line (within 10 %, below the median) for the two.

* share (PPE10, coverage): the difference per row is -1, 0 or 1 with variance `discordant` when there is no
  difference (McNemar; Connor 1987, Biometrics 43, 207-211, without its small term).
* median (MdAPE): the sample median is asymptotically a mean of sign terms over the density at the median (Bahadur
  1966), so the paired difference has variance `discordant / density**2` per row. The density comes from measured
  errors (Bofinger 1975), else from Laplace errors, where density x median = ln 2 / 2.
* other means (MAPE): from the measured spread, with a correlation of 1 - 2 x `discordant` between the models.

rows = ((z_alpha + z_power) x sd / effect)**2 x design effect. With 15 % discordant rows and 80 % power, one point of
PPE10 takes about 9,300 rows one-sided at 5 % and about 11,800 two-sided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from ds_workflow.domain.hypothesis import OVERALL, Claim
from ds_workflow.domain.metrics import Floats, Metric
from ds_workflow.errors import InvalidInput

LAPLACE = math.log(2) / 2  # density at the median x the median, when signed errors are Laplace
_FEWEST = 30  # rows below which a measured density or spread says nothing


@dataclass(frozen=True)
class Assumptions:
    """What the power is computed for. `alpha` is one-sided, as a claim with a direction is tested in the arena, at the
    level of its look, shared with its guardrails (Holm, so that the first of them needs most rows).

    `discordant` in (0, 1]; `design_effect` >= 1 is how many clustered rows are worth one independent row.
    """

    alpha: float = 0.05
    power: float = 0.80
    two_sided: bool = False
    discordant: float = 0.15
    design_effect: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (("alpha", 0.0, 0.5), ("power", 0.5, 1.0)):
            if not low < getattr(self, name) < high:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it lies between {low} and {high}.")
        if not 0 < self.discordant <= 1:
            raise InvalidInput(f"The discordant share is {self.discordant}; it lies above 0 and at most at 1.")
        if not 1 <= self.design_effect < math.inf:
            raise InvalidInput(f"The design effect is {self.design_effect}; it is at least 1.")

    @property
    def z(self) -> float:
        """z_alpha + z_power."""
        tail = self.alpha / 2 if self.two_sided else self.alpha
        return float(ndtri(1 - tail) + ndtri(self.power))

    def __str__(self) -> str:
        side = "two-sided" if self.two_sided else "one-sided"
        cluster = f", design effect {self.design_effect:.2f}" if self.design_effect > 1 else ""
        return f"{self.power:.0%} power, {side} alpha {self.alpha:.3g}{cluster}"


STANDARD = Assumptions()


@dataclass(frozen=True)
class PowerRow:
    """One slice: the smallest effect that its rows would show, against the claimed one, in the claim's unit.

    The arena tests against the claim itself, not against nothing: so `enough` (detectable at most as large as claimed)
    says that a claim with nothing behind it is refuted with that power, and `supported_from` is the true effect from
    which on one is supported with it.

    `detectable`, `enough` and `rows_needed` are None where no closed form or no figure allows an answer; `assumption`
    says which one was used, or what is lacking.
    """

    slice: str
    rows: int
    detectable: float | None
    claimed: float
    enough: bool | None
    rows_needed: int | None
    assumption: str

    @property
    def supported_from(self) -> float | None:
        """The true effect that would be shown to exceed the claimed one; None where nothing is known."""
        return None if self.detectable is None else self.claimed + self.detectable

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return {**asdict(self), "supported_from": self.supported_from}


def out_of_reach(claim: Claim, level: float) -> str:
    """Why no model could fulfil the claim where the champion's figure is `level`, or "": a claim that can only fail is
    no more of a test than one that can only hold."""
    m = claim.base
    if m.best is not None or (m.greater_is_better and m.unit not in ("share", "score")):
        return ""
    best = 1.0 if m.greater_is_better else 0.0
    wanted = claim.min_effect * abs(level) if claim.unit == "relative" else claim.min_effect
    room = abs(best - level)
    if wanted < room:
        return ""
    return (
        f"claims that {m.name} moves by {wanted:.4g} where the champion is at {level:.4g} and only {room:.4g} is left; "
        "no model can do that. Claim less."
    )


@dataclass(frozen=True)
class _Spread:
    """Standard deviation per row of the paired difference, in the effect's unit, or None and why."""

    sd: float | None
    said: str


def rows_needed(effect: float, *, sd: float, assume: Assumptions = STANDARD) -> int:
    """Rows that show `effect` (above 0) when the paired difference has `sd` per row in the same unit."""
    if effect <= 0 or sd < 0:
        raise InvalidInput(f"Power needs an effect above 0 and a spread of at least 0, not {effect:g} and {sd:g}.")
    return math.ceil((assume.z * sd / effect) ** 2 * assume.design_effect)


def detectable(rows: int, *, sd: float, assume: Assumptions = STANDARD) -> float:
    """The smallest effect that `rows` rows would show: the inverse of `rows_needed`."""
    if rows < 1 or sd < 0:
        raise InvalidInput(f"Power needs at least one row and a spread of at least 0, not {rows} and {sd:g}.")
    return assume.z * sd * math.sqrt(assume.design_effect / rows)


def density_at_median(values: Floats) -> float:
    """The density of `values` (n,) at their median, by the spacing of two quantiles with Bofinger's bandwidth."""
    n = len(values)
    if n < _FEWEST:
        raise InvalidInput(f"A density can't be measured on {n} values; at least {_FEWEST} are needed.")
    h = min(0.25, (4.5 * (2 * math.pi) ** -2 / n) ** 0.2)
    low, high = np.quantile(values, (0.5 - h, 0.5 + h))
    if high <= low:
        raise InvalidInput("The values are all the same around their median, so their density can't be measured.")
    return float(2 * h / (high - low))


def cluster_design_effect(sizes: Sequence[int], correlation: float) -> float:
    """Kish's design effect for clusters of unequal `sizes` with intra-cluster `correlation` in [0, 1]."""
    counts = np.asarray(sizes, dtype=np.float64)
    if len(counts) == 0 or bool((counts < 1).any()) or not 0 <= correlation <= 1:
        raise InvalidInput("A design effect needs clusters of at least one row and a correlation from 0 to 1.")
    return float(1 + (np.sum(counts**2) / np.sum(counts) - 1) * correlation)


def paired_spread(metric: Metric, champion: Floats, challenger: Floats) -> float:
    """Standard deviation per row of the paired difference, measured: both arrays (n,) are `metric.per_row` values of
    the same rows in the same order. In the metric's own unit. InvalidInput for another form than mean or median."""
    if champion.shape != challenger.shape or len(champion) < _FEWEST:
        raise InvalidInput(f"A paired spread needs the same {_FEWEST} rows or more of both models.")
    if metric.form == "mean":
        return float(np.std(challenger - champion))
    if metric.form == "median":
        terms = [(values <= np.median(values)) / density_at_median(values) for values in (champion, challenger)]
        return float(np.std(terms[1] - terms[0]))
    raise InvalidInput(f"'{metric.name}' has no closed form; the arena's bootstrap measures its interval.")


def _is_share(metric: Metric, values: Floats | None) -> bool:
    """Whether each row counts 0 or 1; without values, a mean share where more is better counts hits."""
    if values is not None and len(values):
        return bool(np.isin(values, (0.0, 1.0)).all())
    return metric.form == "mean" and metric.greater_is_better and metric.unit == "share"


def _of_median(values: Floats | None, level: float | None, assume: Assumptions) -> _Spread:
    share = assume.discordant
    if values is not None:
        said = f"{share:.0%} discordant rows assumed, density at the median measured"
        return _Spread(math.sqrt(share) / density_at_median(values), said)
    if level is None or level <= 0:
        return _Spread(None, "an absolute effect on a median needs the champion's figure or its errors")
    return _Spread(math.sqrt(share) * level / LAPLACE, f"{share:.0%} discordant rows and Laplace errors assumed")


def _of_mean(metric: Metric, values: Floats | None, assume: Assumptions) -> _Spread:
    share = assume.discordant
    if _is_share(metric, values):
        return _Spread(math.sqrt(share), f"{share:.0%} discordant rows assumed")
    if values is None:
        return _Spread(None, "a mean of errors needs the champion's errors, which were not given")
    said = f"correlation {1 - 2 * share:.2f} between the models assumed, spread measured"
    return _Spread(float(np.std(values)) * 2 * math.sqrt(share), said)  # var(x - y) = 2 (1 - r) var(x), r = 1 - 2 share


def _spread(
    metric: Metric, unit: str, *, values: Floats | None, pair: Floats | None, level: float | None, assume: Assumptions
) -> _Spread:
    """The spread in the effect's unit, measured on a pair where there is one."""
    if metric.form not in ("mean", "median"):
        return _Spread(None, f"'{metric.name}' has no closed form; the arena's bootstrap measures its interval")
    if values is not None and len(values) < _FEWEST:
        values = None
    if level is None and values is not None:
        level = float(np.median(values) if metric.form == "median" else np.mean(values))
    if pair is not None and values is not None:
        found = _Spread(paired_spread(metric, values, pair), "measured on both models' scored rows")
    elif metric.form == "median":
        # relative to the median the level cancels, so that rows alone are enough
        free = unit == "relative" and values is None and not level
        level = 1.0 if free else level
        found = _of_median(values, level, assume)
    else:
        found = _of_mean(metric, values, assume)
    if unit == "absolute" or found.sd is None:
        return found
    if not level:
        return _Spread(None, "a relative effect on this metric needs the champion's figure, which was not given")
    return _Spread(found.sd / abs(level), found.said)


def _row(name: str, rows: int, claimed: float, spread: _Spread, assume: Assumptions) -> PowerRow:
    if spread.sd is None or rows < 1:
        said = spread.said if rows >= 1 else "no rows"
        return PowerRow(name, rows, None, claimed, False if rows < 1 else None, None, said)
    found = detectable(rows, sd=spread.sd, assume=assume)
    needed = rows_needed(claimed, sd=spread.sd, assume=assume)
    return PowerRow(name, rows, found, claimed, found <= claimed, needed, f"{spread.said}; {assume}")


def power_rows(
    metric: Metric,
    *,
    effect: float,
    unit: str,
    rows: Mapping[str, int],
    champion: Mapping[str, Floats] | None = None,
    challenger: Mapping[str, Floats] | None = None,
    levels: Mapping[str, float] | None = None,
    assume: Assumptions = STANDARD,
) -> tuple[PowerRow, ...]:
    """One PowerRow for each slice of `rows` (slice -> rows to be scored), in the order given.

    `champion` and `challenger` map a slice to (n,) arrays of `metric.per_row` on the same rows, from an earlier
    holdout; `levels` maps a slice to the champion's figure. All three are optional: what is not measured is assumed,
    and each row says so. A zero effect or an unknown unit raises InvalidInput.
    """
    if unit not in ("relative", "absolute") or effect <= 0:
        raise InvalidInput(f"Power is for an effect above 0, relative or absolute, not {effect:g} {unit}.")
    known, paired, figures = champion or {}, challenger or {}, levels or {}
    made = []
    for name, count in rows.items():
        spread = _spread(
            metric, unit, values=known.get(name), pair=paired.get(name), level=figures.get(name), assume=assume
        )
        made.append(_row(name, count, effect, spread, assume))
    return tuple(made)


def power_of(
    claim: Claim,
    *,
    rows: Mapping[str, int],
    champion: Mapping[str, Floats] | None = None,
    challenger: Mapping[str, Floats] | None = None,
    levels: Mapping[str, float] | None = None,
    weights: Mapping[str, float] | None = None,
    assume: Assumptions = STANDARD,
) -> tuple[PowerRow, ...]:
    """`power_rows` of a claim; the claim's own slice comes first, whether `rows` holds it or not.

    `rows` maps each segment (and 'overall', else the sum) to its rows. A weighted claim is judged on the weighted
    mean over segments, `weights` being those of the policy (default: in proportion to the rows).
    """
    segments = {name: count for name, count in rows.items() if name != OVERALL}
    counts = {OVERALL: rows.get(OVERALL, sum(segments.values())), **segments}
    ordered = {claim.slice: counts.get(claim.slice, 0), **counts}
    table = power_rows(
        claim.base, effect=claim.min_effect, unit=claim.unit, rows=ordered, champion=champion, challenger=challenger,
        levels=levels, assume=assume,
    )  # fmt: skip
    if not claim.weighted or not segments:
        return table
    by_segment = {row.slice: row for row in table if row.slice in segments}
    return (_weighted(claim, counts[OVERALL], by_segment, levels or {}, weights or segments), *table[1:])


def _weighted(
    claim: Claim, rows: int, table: Mapping[str, PowerRow], levels: Mapping[str, float], weights: Mapping[str, float]
) -> PowerRow:
    """The row of the weighted mean: independent segments, so their detectable effects add in squares."""
    total = sum(weights.get(name, 0.0) for name in table)
    parts = [(weights.get(name, 0.0) / total if total else 0.0, row) for name, row in table.items()]
    lacking = [row.slice for weight, row in parts if weight > 0 and row.detectable is None]
    if not total or lacking:
        said = f"no answer for {', '.join(lacking)}" if lacking else "no weights for these segments"
        return PowerRow(OVERALL, rows, None, claim.min_effect, None, None, said)
    # a relative effect is relative to the weighted figure, so each segment's part counts with its own level
    size = {row.slice: 1.0 for _, row in parts}
    if claim.unit == "relative" and all(levels.get(name, 0.0) > 0 for name in table):
        size = {name: levels[name] for name in table}
    used = [(weight, row, size[row.slice]) for weight, row in parts if weight > 0]
    whole = sum(weight * level for weight, _, level in used) if claim.unit == "relative" else 1.0
    found = math.sqrt(sum((weight * level * (row.detectable or 0.0)) ** 2 for weight, row, level in used)) / whole
    needed = math.ceil(rows * (found / claim.min_effect) ** 2)
    said = f"weighted mean over {len(used)} segments; {used[0][1].assumption}"
    return PowerRow(OVERALL, rows, found, claim.min_effect, found <= claim.min_effect, needed, said)
