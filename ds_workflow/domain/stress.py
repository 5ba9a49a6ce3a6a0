"""What becomes of the answers when requests go wrong: values missing, values corrupted, another season.

* missing: each column that a request may leave out, left out of all rows; then all of them at once.
* corrupted: in one row of five a column holds the value of another row (a broken join); and, in all rows, a number at
  its lowest or highest declared value, or a category or text that nobody has ever seen.
* season: each season of the holdout beside the others; and the rows asked for half a year later. A date is never
  swapped: a row would then be looked up in another past, its own outcome perhaps among it.

Held to a limit is how much the figure of one metric gets worse by single missing columns, by swapped values, and in a
season against the others. Under every other stress the truth is another one, or information is gone by intent, so only
this is asked: an answer for every row, finite and in the range of known outcomes. A request outside what the contract
allows may also be refused in words.

Everything is drawn with the given seed: the same rows and seed give the same stress, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain import few_clusters
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.problem import Column, Problem
from ds_workflow.domain.resample import Ask, Cell, Floats, codes, draw

Kind = Literal["missing", "corrupted", "season"]
KINDS: tuple[Kind, ...] = ("missing", "corrupted", "season")
Ints = NDArray[np.int64]
_Drawn = tuple[float, Floats]  # a figure and its bootstrap draws

ROWS = 1_000  # of the holdout: tried under every stress that has a limit
FEW_ROWS = 100  # of these: tried under the others
SWAPPED = 0.2  # share of rows that get another row's value
HALF_A_YEAR = 182  # days
SEASON_ROWS = 200  # a season with fewer holdout rows is not measured
RESAMPLES = 400  # enough for a standard error
_RARE_SHARE = 4  # the rarer class takes at most one part in so many of the sample
_UNSEEN = "(never seen before)"
_SEASONS = ("December to February", "March to May", "June to August", "September to November")


@dataclass(frozen=True)
class Stress:
    """Request rows changed on purpose. `limited`: the loss they cause is held to the tolerance of their kind;
    `refusable`: they leave the contract, so that refusing them in words is right too."""

    kind: Kind
    name: str
    rows: pd.DataFrame
    limited: bool = False
    refusable: bool = False


@dataclass(frozen=True)
class Strain:
    """What one stress did: `wrong` says why its answers are no answers ("": they are), `value` is the metric under it,
    `loss` how much worse that is than without it (below 0: better) and `error` the loss' standard error, both in the
    report's unit. None where the figure is not measured, and `note` says why. `clusters` is the effective number that
    the error rests on; None in reports of before, whose bounds are normal."""

    kind: Kind
    name: str
    rows: int
    limited: bool
    wrong: str = ""
    value: float | None = None
    loss: float | None = None
    error: float | None = None
    note: str = ""
    clusters: float | None = None

    def bounds(self, *, alpha: float, among: int = 1) -> tuple[float, float] | None:
        """One-sided bounds of the loss by Student's t: the lower at alpha / among (Bonferroni), the upper at alpha."""
        if self.loss is None or self.error is None:
            return None
        n = math.inf if self.clusters is None else self.clusters
        if n < few_clusters.FEWEST:
            return None
        lower, upper = (few_clusters.quantile(level, n) * self.error for level in (alpha / among, alpha))
        return self.loss - lower, self.loss + upper


@dataclass(frozen=True)
class StressReport:
    """One model under every stress. `base` is the metric without stress on the same `rows` rows; losses are `relative`
    (a share of the figure without stress) or `absolute`. `not_applicable` says which kinds have no meaning and why."""

    metric: str
    unit: str
    rows: int
    base: float | None
    strains: tuple[Strain, ...]
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    broken: str = ""  # why nothing could be tried at all

    def of(self, kind: str) -> tuple[Strain, ...]:
        """The strains of one kind that are held to its limit."""
        return tuple(s for s in self.strains if s.kind == kind and s.limited)


def sample(problem: Problem, truth: Floats, *, seed: int, rows: int = ROWS) -> Ints:
    """Positions, ascending, of at most `rows` rows to try. Of two classes the rarer one is kept whole as far as it
    makes a quarter of them: a figure of the rare class would otherwise rest on a handful."""
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(len(truth))
    if problem.task != "binary" or len(truth) <= rows:
        return np.sort(order[:rows])
    rare = truth == (1.0 if truth.mean() <= 0.5 else 0.0)
    wanted = max(round(rows * float(rare.mean())), min(int(rare.sum()), rows // _RARE_SHARE))
    chosen = np.concatenate([order[rare[order]][:wanted], order[~rare[order]][: rows - wanted]])
    return np.sort(chosen)


def requests(problem: Problem, rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that a request carries, in the types that the contract gives them; index from 0."""
    return pd.DataFrame({c.name: _typed(c, rows[c.name].to_numpy(dtype=object)) for c in problem.inputs})


def _typed(column: Column, values: NDArray[Any]) -> pd.Series[Any]:
    if column.kind in ("number", "integer"):
        return pd.Series(pd.to_numeric(values, errors="coerce"), dtype="float64")
    if column.kind == "date":
        return pd.Series(pd.to_datetime(values))
    return pd.Series(values, dtype="str")


def stresses(problem: Problem, rows: pd.DataFrame, *, seed: int) -> Iterator[Stress]:
    """Every stress of the request rows that the declaration gives a meaning; a column that is missing throughout is
    left alone."""
    few = rows.head(FEW_ROWS)
    optional = [c for c in problem.inputs if not c.required and c.name != problem.time_column]
    present = [c for c in optional if rows[c.name].notna().any()]
    for column in present:
        yield Stress("missing", f"without {column.name}", _without(rows, column), limited=True)
    if len(present) > 1:
        bare = few
        for column in present:
            bare = _without(bare, column)
        yield Stress("missing", "without all that may be left out", bare)
    for place, column in enumerate(problem.inputs):
        if column.name != problem.time_column and rows[column.name].notna().any():
            yield from _corrupted(column, rows, few, seed=[seed, 2, place])
    if problem.time_column and problem.time_column in rows:
        later = few[problem.time_column] + pd.Timedelta(days=HALF_A_YEAR)
        yield Stress("season", "asked half a year later", few.assign(**{problem.time_column: later}), refusable=True)


def _without(rows: pd.DataFrame, column: Column) -> pd.DataFrame:
    return rows.assign(**{column.name: _typed(column, np.full(len(rows), None, dtype=object))})


def _corrupted(column: Column, rows: pd.DataFrame, few: pd.DataFrame, *, seed: list[int]) -> Iterator[Stress]:
    rng = np.random.default_rng(seed)
    values = rows[column.name].to_numpy(dtype=object).copy()
    hit = rng.permutation(len(values))[: max(1, round(SWAPPED * len(values)))]
    values[hit] = rows[column.name].to_numpy(dtype=object)[rng.permutation(len(values))[: len(hit)]]
    swapped = rows.assign(**{column.name: _typed(column, values)})
    yield Stress("corrupted", f"{column.name} of another row in one of five", swapped, limited=True)
    for word, bound in (("lowest", column.minimum), ("highest", column.maximum)):
        if bound is not None:
            pushed = few.assign(**{column.name: float(bound)})
            yield Stress("corrupted", f"{column.name} at its {word}, {bound:,g}", pushed)
    if column.kind in ("category", "text") and not column.categories:
        yield Stress("corrupted", f"{column.name} never seen before", few.assign(**{column.name: _UNSEEN}), False, True)


def not_applicable(problem: Problem) -> dict[str, str]:
    """Kinds of stress that the declaration gives no meaning, and why."""
    found = {}
    if all(c.required for c in problem.inputs):
        found["missing"] = "a request must carry every column"
    if not problem.time_column:
        found["season"] = "rows have no time"
    return found


def sane_range(problem: Problem, truth: Floats) -> tuple[float, float]:
    """Where an answer can lie: 0 to 1 for a probability; else the outcomes of `truth` and half their width to both
    sides, cut at what the target's declaration allows."""
    if problem.task == "binary":
        return 0.0, 1.0
    low, high = float(np.min(truth)), float(np.max(truth))
    half = 0.5 * (high - low)
    declared = next((c for c in problem.columns if c.name == problem.target), None)
    least = declared.minimum if declared is not None else None
    most = declared.maximum if declared is not None else None
    return (
        low - half if least is None else max(least, low - half),
        high + half if most is None else min(most, high + half),
    )


def wrong(answers: Floats, rows: int, within: tuple[float, float]) -> str:
    """Why these are no answers to `rows` rows, or ""."""
    if answers.shape != (rows,):
        return f"{len(answers)} answers came for {rows} rows"
    bad = int(np.count_nonzero(~np.isfinite(answers)))
    if bad:
        return f"{bad} of {rows} answers are NaN or infinite"
    outside = int(np.count_nonzero((answers < within[0]) | (answers > within[1])))
    return f"{outside} of {rows} answers lie outside {within[0]:,g} to {within[1]:,g}" if outside else ""


def strain(stress: Stress, base: Scored, under: Scored, m: Metric, *, unit: str, seed: int) -> Strain:
    """What a stress of these rows cost: paired cluster bootstrap of the loss, `base` and `under` row by row."""
    kind, name, rows = stress.kind, stress.name, len(under)
    gone = m.absent(base) or m.absent(under)
    if gone or not stress.limited:
        return Strain(kind, name, rows, stress.limited, note=f"{m.name} is not measured: {gone}" if gone else "")
    clusters, count = codes(base.groups["cluster"])
    cell = Cell(clusters, (Ask("base", m, base), Ask("under", m, under)))
    drawn = draw([cell], clusters=count, resamples=RESAMPLES, seed=seed)
    value = m(under)
    loss, error = _worse(m, (m(base), drawn["base"]), (value, drawn["under"]), unit)
    n = few_clusters.effective(clusters, base.weights)
    return Strain(kind, name, rows, True, "", value, loss, error, "" if loss is not None else _UNMEASURED, n)


_UNMEASURED = "the figure without stress is 0, so a relative loss has no meaning"


def _worse(m: Metric, old: _Drawn, new: _Drawn, unit: str) -> tuple[float | None, float | None]:
    """How much worse `new` is than `old` in the unit, and its standard error."""
    scale = 1.0 if unit == "absolute" else abs(m.loss(old[0]))
    if scale == 0:
        return None, None
    scales = 1.0 if unit == "absolute" else np.abs(m.loss(old[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = (m.loss(new[1]) - m.loss(old[1])) / scales
    known = moved[np.isfinite(moved)]
    if len(known) < 0.99 * len(moved):
        return None, None
    return float((m.loss(new[0]) - m.loss(old[0])) / scale), float(np.std(known))


def seasons(scored: Scored, name: str, *, unit: str, seed: int) -> tuple[tuple[Strain, ...], str]:
    """Each season of the holdout against its other rows (cluster bootstrap on the rows' own answers), and why there is
    nothing to compare, or ""."""
    if scored.time is None:
        return (), "rows have no time"
    month = scored.time.astype("datetime64[M]").astype(np.int64) % 12
    place = ((month + 1) % 12) // 3  # December is the first month of the first season
    counted = np.bincount(place, minlength=4)
    judged = [k for k in range(4) if counted[k] >= SEASON_ROWS and len(scored) - counted[k] >= SEASON_ROWS]
    if not judged:
        return (), f"the holdout holds one season only, with {SEASON_ROWS} rows or more"
    m = metric(name)
    clusters, count = codes(scored.groups["cluster"])
    found = []
    for k in judged:
        parts = {"season": scored.take(place == k), "rest": scored.take(place != k)}
        gone = m.absent(parts["season"]) or m.absent(parts["rest"])
        if gone:
            note = f"{m.name} is not measured: {gone}"
            found.append(Strain("season", _SEASONS[k], int(counted[k]), False, note=note))
            continue
        cells = [
            Cell(clusters[place == k], (Ask("season", m, parts["season"]),)),
            Cell(clusters[place != k], (Ask("rest", m, parts["rest"]),)),
        ]
        drawn = draw(cells, clusters=count, resamples=RESAMPLES, seed=seed)
        value = m(parts["season"])
        loss, error = _worse(m, (m(parts["rest"]), drawn["rest"]), (value, drawn["season"]), unit)
        note = "" if loss is not None else _UNMEASURED
        n = min(few_clusters.effective(clusters[at], scored.weights[at]) for at in (place == k, place != k))
        found.append(Strain("season", _SEASONS[k], int(counted[k]), True, "", value, loss, error, note, n))
    return tuple(found), ""
