"""Promise against delivery: what was claimed before training, what the holdout showed, and what came of it live.

The live difference is that of the claim's own metric and unit between the two models' answers to labelled requests:
paired where both answered the same rows (in shadow), between the arms otherwise; resampled by the unit of the traffic,
percentile bounds of level 1 - 2 alpha.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ds_workflow.domain.gates.statistical import Losses, gain
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.resample import Ask, Cell, Floats, bounds, codes, draw
from ds_workflow.errors import InvalidInput

Verdict = Literal["delivered", "less than promised", "reversed", "undecided", "unknown"]
RESAMPLES, ALPHA = 2000, 0.05
FEWEST = 20  # units with labels, of each arm, below which an interval means little


@dataclass(frozen=True)
class Promise:
    """A registered claim: `metric` moves for the better by `min_effect` in `unit` on `slice`. `observed` and `interval`
    are what the holdout showed, in the same unit; None where it was not kept."""

    metric: str
    slice: str
    min_effect: float
    unit: str
    words: str
    observed: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def whole(self) -> bool:
        """Whether the claim is about all rows alike, so that live rows without segments can test it."""
        return self.slice == "overall" and not self.metric.startswith("weighted_")


@dataclass(frozen=True)
class Delivery:
    """What is known live. `observed` and `interval` are gains in the promise's unit, above 0 for the better."""

    verdict: Verdict
    source: str
    rows: int
    units: int
    observed: float | None
    interval: tuple[float, float] | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def unknown(source: str, note: str, *, rows: int = 0, units: int = 0) -> Delivery:
    """Nothing can be said, and why."""
    return Delivery("unknown", source, rows, units, None, None, note)


def judge(promise: Promise, champion: Scored, challenger: Scored, *, name: str, seed: int, source: str) -> Delivery:
    """The live gain of the challenger in the metric `name`, beside the promise.

    Both tables carry the group `unit`. Rows are paired where both have the same `row_id` in the same order; else the
    tables are independent samples. Raises InvalidInput for a metric that these rows can't give.
    """
    m = metric(name)
    units = [len(np.unique(s.groups["unit"])) for s in (champion, challenger)]
    rows = min(len(champion), len(challenger))
    if min(units) < FEWEST:
        note = f"{min(units)} units have labels; at least {FEWEST} are needed."
        return unknown(source, note, rows=rows, units=min(units))
    for scored in (champion, challenger):
        if why := m.absent(scored):
            raise InvalidInput(f"{name} can't be measured on live answers: {why}.")
    old, new = _drawn(name, champion, challenger, seed=seed)
    better = gain(old, new, unit=promise.unit)
    ends = bounds(better.draws, alpha=ALPHA)
    if ends is None or not np.isfinite(better.observed):
        return unknown(source, "The live figures carry no interval.", rows=rows, units=min(units))
    verdict, note = _verdict(promise, ends)
    if not promise.whole:
        about = promise.slice if promise.slice != "overall" else "the weighted mean over segments"
        note += f" Live rows carry no segments: this is over all rows, and the claim is about {about}."
    return Delivery(verdict, source, rows, min(units), better.observed, ends, note)


def _drawn(name: str, champion: Scored, challenger: Scored, *, seed: int) -> tuple[Losses, Losses]:
    m = metric(name)

    def figures(scored: Scored, draws: Floats) -> Losses:
        return Losses(float(m.loss(m(scored))), np.asarray(m.loss(draws)))

    paired = len(champion) == len(challenger) and bool(np.array_equal(champion.row_id, challenger.row_id))
    if paired:
        coded, count = codes(champion.groups["unit"])
        cell = Cell(coded, (Ask("old", m, champion), Ask("new", m, challenger)))
        found = draw([cell], clusters=count, resamples=RESAMPLES, seed=seed)
        return figures(champion, found["old"]), figures(challenger, found["new"])
    made = []
    for place, scored in enumerate((champion, challenger)):
        coded, count = codes(scored.groups["unit"])
        found = draw([Cell(coded, (Ask("it", m, scored),))], clusters=count, resamples=RESAMPLES, seed=seed + place)
        made.append(figures(scored, found["it"]))
    return made[0], made[1]


def _verdict(promise: Promise, ends: tuple[float, float]) -> tuple[Verdict, str]:
    low, high = ends
    if low >= promise.min_effect:
        return "delivered", "The live gain is at least the one that was claimed."
    if high < 0:
        return "reversed", "Live, the new model is worse than the one it replaced."
    if high < promise.min_effect:
        return "less than promised", "The live gain is smaller than the one that was claimed."
    return "undecided", "The interval holds the claimed gain: more labels will tell."
