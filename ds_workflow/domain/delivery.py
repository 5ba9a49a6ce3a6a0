"""Promise against delivery: what was claimed before training, what the holdout showed, and what came of it live.

The live difference is that of the claim's own metric and unit between the two models' answers to labelled requests, on
the claim's own slice: paired where both answered the same rows (in shadow), between the arms otherwise; resampled by
the unit of the traffic, expanded percentile bounds of level 1 - 2 alpha. It is one test, the registered one. Beside it
stands every segment, as a family: each at alpha over their number (Bonferroni), so that the chance of even one wrong
statement about a segment is at most 2 alpha.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.few_clusters import effective
from ds_workflow.domain.gates.statistical import Losses, gain
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.resample import Ask, Cell, Floats, bounds, codes, draw
from ds_workflow.errors import InvalidInput

Verdict = Literal["delivered", "less than promised", "reversed", "undecided", "unknown"]
Interval = tuple[float, float]
RESAMPLES, ALPHA = 2000, 0.05
FEWEST = 20  # units with labels, of each arm, below which an interval means little
OVERALL, WEIGHTED = "overall", "weighted mean over segments"


@dataclass(frozen=True)
class Promise:
    """A registered claim: `metric` moves for the better by `min_effect` in `unit` on `slice`. `observed` and `interval`
    are what the holdout showed, in the same unit; None where it was not kept. `weights` are the reference population's,
    for a claim about the weighted mean over segments."""

    metric: str
    slice: str
    min_effect: float
    unit: str
    words: str
    observed: float | None = None
    interval: Interval | None = None
    weights: Mapping[str, float] | None = None

    @property
    def weighted(self) -> bool:
        """Whether the claim is about the mean over segments."""
        return self.metric.startswith("weighted_")


@dataclass(frozen=True)
class SegmentGain:
    """What became live of one segment, in the promise's unit. `claimed` is what was claimed of it, None where the claim
    is about something else; `holdout` the gain that the holdout showed there. The interval is the family's."""

    segment: str
    claimed: float | None
    holdout: float | None
    rows: int
    units: int
    observed: float | None
    interval: Interval | None
    note: str


@dataclass(frozen=True)
class Delivery:
    """What is known live. `observed` and `interval` are gains in the promise's unit, above 0 for the better, on
    `slice`; `family` says how the segments' intervals were corrected."""

    verdict: Verdict
    source: str
    rows: int
    units: int
    observed: float | None
    interval: Interval | None
    note: str
    slice: str = ""
    segments: tuple[SegmentGain, ...] = ()
    family: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def unknown(source: str, note: str, *, rows: int = 0, units: int = 0) -> Delivery:
    """Nothing can be said, and why."""
    return Delivery("unknown", source, rows, units, None, None, note)


@dataclass(frozen=True)
class _Place:
    """One part of both tables, and the losses of both models there, or why there are none. `worth` is the effective
    number of units, of the side that has fewer."""

    rows: int
    units: int
    old: Losses | None = None
    new: Losses | None = None
    why: str = ""
    worth: float = 0.0


def judge(
    promise: Promise,
    champion: Scored,
    challenger: Scored,
    *,
    name: str,
    seed: int,
    source: str,
    holdout: Mapping[str, float] | None = None,
) -> Delivery:
    """The live gain of the challenger in the metric `name`, beside the promise, and of every segment.

    Both tables carry the group `unit`, and `segment` where rows tell it ("" where one does not). Rows are paired where
    both have the same `row_id` in the same order; else the tables are independent samples. `holdout` is the gain that
    each segment had there. Raises InvalidInput for a metric that these rows can't give.
    """
    m = metric(name)
    for scored in (champion, challenger):
        if len(scored) and (why := m.absent(scored)):
            raise InvalidInput(f"{name} can't be measured on live answers: {why}.")
    segments = _segments(champion, challenger)
    weights = promise.weights or {}
    wanted = sorted({*segments, *(s for s, w in weights.items() if w > 0)} - {""}) if segments else []
    own = promise.slice if promise.slice in wanted else ""
    places = _measured(m, champion, challenger, [OVERALL, *wanted], seed=seed)
    about, elsewhere = OVERALL, ""
    if own:
        about = own
    elif promise.weighted and segments and weights:
        about, places[WEIGHTED] = WEIGHTED, _mean(places, weights)
    elif promise.weighted or promise.slice != OVERALL:
        asked = WEIGHTED if promise.weighted else promise.slice
        lacking = f"No labelled live row is of {promise.slice}" if segments else "Live rows carry no segments"
        elsewhere = f"{lacking}: this is over all rows, and the claim is about {asked}."
    found = _headline(promise, places[about], about, source)
    if elsewhere and found.verdict != "unknown":  # a figure, and none that keeps or breaks this promise
        found = replace(found, verdict="unknown", note=elsewhere)
    note = ""
    if segments and "" in segments:
        note += f" {segments['']:,} live rows don't tell their segment."
    each = tuple(_gained(promise, s, places[s], of=len(wanted), holdout=(holdout or {}).get(s)) for s in wanted)
    family = f"each at {ALPHA:g} over {len(wanted)} segments (Bonferroni); the headline is one test" if wanted else ""
    return Delivery(
        found.verdict, source, found.rows, found.units, found.observed, found.interval, found.note + note, about, each,
        family,
    )  # fmt: skip


def _segments(champion: Scored, challenger: Scored) -> dict[str, int]:
    """Rows of the challenger by segment; empty where no row tells one."""
    if any("segment" not in scored.groups for scored in (champion, challenger)):
        return {}
    names, counts = np.unique(challenger.groups["segment"].astype(str), return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return found if set(found) - {""} else {}


def _headline(promise: Promise, place: _Place, about: str, source: str) -> Delivery:
    where = "" if about == OVERALL else f" of {about}"
    if not place.why and place.units < FEWEST:
        note = f"Not enough data: {place.units} units{where} have labels; at least {FEWEST} are needed."
        return unknown(source, note, rows=place.rows, units=place.units)
    if place.old is None or place.new is None:
        return unknown(source, place.why, rows=place.rows, units=place.units)
    better = gain(place.old, place.new, unit=promise.unit)
    ends = bounds(better.draws, alpha=ALPHA, clusters=place.worth)
    if ends is None or not np.isfinite(better.observed):
        return unknown(source, "The live figures carry no interval.", rows=place.rows, units=place.units)
    verdict, note = _verdict(promise, ends)
    return Delivery(verdict, source, place.rows, place.units, better.observed, ends, note)


def _gained(promise: Promise, segment: str, place: _Place, *, of: int, holdout: float | None) -> SegmentGain:
    """One segment of a family of `of`."""
    claimed = promise.min_effect if promise.slice == segment else None
    observed, ends = None, None
    if place.units < FEWEST:
        note = f"not enough data: {place.units} of {FEWEST} units"
    elif place.old is None or place.new is None:
        note = place.why
    else:
        better = gain(place.old, place.new, unit=promise.unit)
        ends = bounds(better.draws, alpha=ALPHA / of, clusters=place.worth)
        observed = better.observed if np.isfinite(better.observed) else None
        note = "no interval" if ends is None else _standing(ends, claimed)
    return SegmentGain(segment, claimed, holdout, place.rows, place.units, observed, ends, note)


def _standing(ends: Interval, claimed: float | None) -> str:
    low, high = ends
    if claimed is not None and low >= claimed:
        return "as claimed"
    if claimed is not None and high < claimed and high >= 0:
        return "less than claimed"
    return "better" if low > 0 else "worse" if high < 0 else "no difference shown"


def _measured(
    m: Metric, champion: Scored, challenger: Scored, wanted: Iterable[str], *, seed: int
) -> dict[str, _Place]:
    """Both models' losses in every part, of joint draws; a part with too few units or without a figure says why."""
    found: dict[str, _Place] = {}
    parts: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for name in wanted:
        old, new = (_members(scored, name) for scored in (champion, challenger))
        sides = [(champion, old), (challenger, new)]
        units = min(len(np.unique(scored.groups["unit"][where])) for scored, where in sides)
        found[name] = _Place(min(len(old), len(new)), units)
        if units < FEWEST:
            continue
        if why := next((w for scored, where in sides if (w := m.absent(scored.take(where)))), ""):
            found[name] = _Place(found[name].rows, units, why=f"{m.name} can't be measured: {why}")
            continue
        parts[name] = (old, new)
    paired = len(champion) == len(challenger) and bool(np.array_equal(champion.row_id, challenger.row_id))
    drawn = _drawn(m, {"old": champion, "new": challenger}, parts, paired=paired, seed=seed)
    for name, (old, new) in parts.items():
        before, after = (
            Losses(float(m.loss(m(scored.take(where)))), np.asarray(m.loss(drawn[name, role])))
            for scored, where, role in ((champion, old, "old"), (challenger, new, "new"))
        )
        worth = min(effective(codes(s.groups["unit"][at])[0]) for s, at in ((champion, old), (challenger, new)))
        found[name] = _Place(found[name].rows, found[name].units, before, after, worth=worth)
    return found


def _drawn(
    m: Metric,
    roles: Mapping[str, Scored],
    parts: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    *,
    paired: bool,
    seed: int,
) -> dict[tuple[str, str], Floats]:
    """Draws by (part, role): both roles on the same weights where they are paired, else each on weights of its own."""
    found: dict[tuple[str, str], Floats] = {}
    together = [("old", "new")] if paired else [("old",), ("new",)]
    for number, named in enumerate(together):
        coded, count = codes(roles[named[0]].groups["unit"])
        cells = []
        for name, members in parts.items():
            where = dict(zip(("old", "new"), members, strict=True))
            asks = tuple(Ask((name, role), m, roles[role].take(where[role])) for role in named)
            cells.append(Cell(coded[where[named[0]]], asks))
        if cells:
            found |= draw(cells, clusters=count, resamples=RESAMPLES, seed=seed + number)  # type: ignore[arg-type]
    return found


def _members(scored: Scored, name: str) -> NDArray[np.int64]:
    everyone = np.arange(len(scored))
    return everyone if name == OVERALL else everyone[scored.groups["segment"].astype(str) == name]


def _mean(places: Mapping[str, _Place], weights: Mapping[str, float]) -> _Place:
    """The weighted mean of the segments' losses, where each has one."""
    parts = [(weight, places[s]) for s, weight in weights.items() if weight > 0]
    rows, units = sum(p.rows for _, p in parts), min((p.units for _, p in parts), default=0)
    lost = [s for s, weight in weights.items() if weight > 0 and places[s].old is None]
    if lost or not parts:
        why = f"Not enough data on {', '.join(lost)}, without which there is no weighted mean."
        return _Place(rows, units, why=why)
    before, after = (
        Losses(
            sum(w * getattr(p, side).observed for w, p in parts),
            np.sum([w * getattr(p, side).draws for w, p in parts], axis=0),
        )
        for side in ("old", "new")
    )
    worth = sum(w for w, _ in parts) ** 2 / sum(w**2 / p.worth for w, p in parts)  # Kish, of units in one segment
    return _Place(rows, units, before, after, worth=min(worth, places[OVERALL].worth))


def _verdict(promise: Promise, ends: Interval) -> tuple[Verdict, str]:
    low, high = ends
    if low >= promise.min_effect:
        return "delivered", "The live gain is at least the one that was claimed."
    if high < 0:
        return "reversed", "Live, the new model is worse than the one it replaced."
    if high < promise.min_effect:
        return "less than promised", "The live gain is smaller than the one that was claimed."
    return "undecided", "The interval holds the claimed gain: more labels will tell."
