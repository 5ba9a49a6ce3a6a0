"""What a log shows held against what is true of the simulator that wrote it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

ALPHA = 0.001  # chance that a right log is called wrong, over all figures together (Bonferroni)
Key = tuple[str, str, str]  # metric, dimension, level


@dataclass(frozen=True)
class Rate:
    """A product metric of a part of the log, with the standard error of independent developers."""

    value: float
    error: float
    developers: int


@dataclass(frozen=True)
class Recovered:
    """One figure: what is true, what was found, how sure that is."""

    metric: str
    dimension: str
    level: str
    truth: float
    found: Rate

    @property
    def z(self) -> float:
        """Standard errors between the two; infinite where there is a difference and no error."""
        off = self.found.value - self.truth
        return off / self.found.error if self.found.error > 0 else math.copysign(math.inf, off) if off else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of what was found."""
        half = 1.959964 * self.found.error
        return (self.found.value - half, self.found.value + half)


@dataclass(frozen=True)
class Recovery:
    """All figures. `limit` is what no |z| may pass; `covered` is the share of intervals that hold the truth, about
    0.95 where all is right."""

    figures: tuple[Recovered, ...]

    @property
    def limit(self) -> float:
        """Two-sided normal limit at ALPHA over all figures."""
        return float(stats.norm.isf(ALPHA / 2 / max(len(self.figures), 1)))

    @property
    def covered(self) -> float:
        """Share of the intervals that hold the truth."""
        return sum(f.interval[0] <= f.truth <= f.interval[1] for f in self.figures) / max(len(self.figures), 1)

    @property
    def missed(self) -> tuple[Recovered, ...]:
        """Figures further from the truth than chance allows."""
        return tuple(f for f in self.figures if abs(f.z) > self.limit)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "figures": len(self.figures),
            "covered": self.covered,
            "limit": self.limit,
            "missed": [f"{f.metric}, {f.dimension or 'all'} {f.level}".strip() for f in self.missed],
        }


def recovery(found: Mapping[Key, Rate], truth: Mapping[Key, float], *, fewest: int = 30) -> Recovery:
    """Every true figure that the log has too, from `fewest` developers on: below, a normal limit means nothing."""
    shared: Sequence[Key] = [key for key in truth if key in found and found[key].developers >= fewest]
    return Recovery(tuple(Recovered(*key, truth[key], found[key]) for key in shared))
