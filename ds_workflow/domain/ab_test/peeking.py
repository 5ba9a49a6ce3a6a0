"""What looking every day does to the error rate: experiments on a share, simulated, judged by three rules.

The usual test looked at daily, the confidence sequence, and planned looks of alpha spending. Without an effect every
decision is a false alarm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ds_workflow.domain import sequential
from ds_workflow.errors import InvalidInput

RULES = ("one_look", "every_look", "sequence", "spending")
MOST = 50_000_000  # simulated days of experiments at once


@dataclass(frozen=True)
class Experiment:
    """A share of `base` in control and `base + effect` in treatment, `daily` units per arm for `days` looks."""

    base: float
    daily: int
    days: int
    effect: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.base < 1 and 0 < self.base + self.effect < 1):
            raise InvalidInput(
                f"Shares of {self.base:g} and {self.base + self.effect:g} can't be simulated.",
                hint="Both between 0 and 1.",
            )
        if self.daily < 1 or not 1 <= self.days <= 366:
            raise InvalidInput("An experiment needs units every day, for 1 to 366 days.")


@dataclass(frozen=True)
class Peeked:
    """Shares of the experiments that each rule called decided, at the end and by each look, and the mean number of
    looks until then (of all, those that never decided counted whole)."""

    experiment: Experiment
    runs: int
    alpha: float
    best_at: float
    decided: dict[str, float]
    by_look: dict[str, tuple[float, ...]]
    looks_used: dict[str, float]

    def error(self, rule: str) -> float:
        """Standard error of a decided share, by the binomial."""
        share = self.decided[rule]
        return math.sqrt(share * (1 - share) / self.runs)


def peek(
    experiment: Experiment, *, runs: int = 2_000, alpha: float = 0.05, best_at: float | None = None, seed: int
) -> Peeked:
    """Simulate `runs` experiments. `best_at` are units in both arms (default: all). InvalidInput for more than
    can be held in memory."""
    if runs < 1 or runs * experiment.days > MOST:
        raise InvalidInput(f"{runs:,} runs of {experiment.days} days can't be simulated.", hint="Fewer runs.")
    days = experiment.days
    rng = np.random.default_rng(seed)
    shares = (experiment.base, experiment.base + experiment.effect)
    sums = [np.cumsum(rng.binomial(experiment.daily, p, (runs, days)), axis=1) for p in shares]
    n = experiment.daily * np.arange(1, days + 1)
    p0, p1 = (s / n for s in sums)
    pooled = (p0 + p1) / 2
    under = np.sqrt(pooled * (1 - pooled) * 2 / n)
    error = np.sqrt((p0 * (1 - p0) + p1 * (1 - p1)) / n)
    z = np.divide(p1 - p0, under, out=np.zeros_like(under), where=under > 0)
    tuned = best_at or float(n[-1])
    wide = np.array([sequential.inflation(int(2 * m), tuned, alpha=alpha) for m in n])
    bounds = np.array([look.z for look in sequential.looks(list(n / n[-1]), alpha=alpha)])
    usual = float(stats.norm.isf(alpha / 2))
    last = np.arange(days) == days - 1
    beyond = {
        "one_look": (np.abs(z) > usual) & last,
        "every_look": np.abs(z) > usual,
        "sequence": (np.abs(p1 - p0) > wide * error) & (error > 0),
        "spending": np.abs(z) > bounds,
    }
    by_look = {rule: np.maximum.accumulate(hit, axis=1) for rule, hit in beyond.items()}
    return Peeked(
        experiment,
        runs,
        alpha,
        tuned,
        {rule: float(hit[:, -1].mean()) for rule, hit in by_look.items()},
        {rule: tuple(float(v) for v in hit.mean(axis=0)) for rule, hit in by_look.items()},
        {rule: float(1 + (~hit[:, :-1]).sum(axis=1).mean()) for rule, hit in by_look.items()},
    )
