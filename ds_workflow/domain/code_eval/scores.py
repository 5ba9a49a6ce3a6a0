"""pass@k of one model, and two models compared task by task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ds_workflow.domain.ab_test.contrasts import wilson
from ds_workflow.domain.ab_test.samples import Proportion
from ds_workflow.errors import InvalidInput

Tally = tuple[int, int]  # samples, of which passed


def pass_at(n: int, c: int, k: int) -> float:
    """The unbiased estimate of pass@k from `c` of `n` samples, 1 - C(n-c, k) / C(n, k): Chen et al. (2021), eq. 1."""
    if not 0 <= c <= n or not 1 <= k <= n:
        raise InvalidInput(f"pass@{k} can't be told from {c} of {n} samples.", hint="1 <= k <= samples per task.")
    if n - c < k:
        return 1.0
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


@dataclass(frozen=True)
class Score:
    """pass@k over tasks with a 95 % interval; the tasks are the unit of randomisation."""

    k: int
    value: float
    interval: tuple[float, float]
    tasks: int


def score(tallies: Mapping[str, Tally], k: int, *, level: float = 0.95) -> Score:
    """The mean of pass@k over tasks. Interval: Wilson's where every task gives 0 or 1, else Student's over tasks."""
    if not tallies:
        raise InvalidInput("There are no tasks to score.")
    values = np.array([pass_at(n, c, k) for n, c in tallies.values()])
    mean, t = float(values.mean()), len(values)
    if np.isin(values, (0.0, 1.0)).all():
        return Score(k, mean, wilson(Proportion(t, int(values.sum())), level=level), t)
    half = float(stats.t.ppf(0.5 + level / 2, t - 1) * values.std(ddof=1) / math.sqrt(t)) if t > 1 else 1.0
    return Score(k, mean, (max(0.0, mean - half), min(1.0, mean + half)), t)


@dataclass(frozen=True)
class Paired:
    """Challenger minus champion on the same tasks. `only_challenger` and `only_champion` count tasks that one passes
    more often; `p_value` is McNemar's exact test where every task has one sample a side, else the sign test on
    tasks."""

    test: str
    champion: float
    challenger: float
    difference: float
    interval: tuple[float, float]
    p_value: float
    tasks: int
    only_challenger: int
    only_champion: int
    interval_by: str = "bootstrap over tasks"


def compare(
    champion: Mapping[str, Tally], challenger: Mapping[str, Tally], *, seed: int, resamples: int = 2_000
) -> Paired:
    """pass@1 of two models, paired by task; a percentile bootstrap over tasks gives the interval. Where all tasks
    differ alike a bootstrap sees no spread: then Wilson's bound says how many other tasks may differ otherwise, and
    those count as lost, or won, whole. InvalidInput unless both answered the same tasks."""
    if set(champion) != set(challenger) or not champion:
        lost = sorted(set(champion) ^ set(challenger))
        raise InvalidInput(
            f"The models answered different tasks: {len(lost)} are on one side only ({', '.join(lost[:5])}).",
            hint="Compare them on tasks that both answered.",
        )
    names = sorted(champion)
    a = np.array([champion[n][1] / champion[n][0] for n in names])
    b = np.array([challenger[n][1] / challenger[n][0] for n in names])
    gain = b - a
    up, down = int((gain > 0).sum()), int((gain < 0).sum())
    p = float(stats.binomtest(up, up + down).pvalue) if up + down else 1.0
    rng = np.random.default_rng(seed)
    drawn = gain[rng.integers(0, len(gain), (resamples, len(gain)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    how = "bootstrap over tasks"
    if np.ptp(gain) == 0:
        alike = wilson(Proportion(len(gain), len(gain)))[0]
        low, high = (max(-1.0, min(1.0, float(gain[0]) * alike + side * (1 - alike))) for side in (-1, 1))
        how = "all tasks differ alike, so by Wilson's bound over tasks"
    single = all(n == 1 for side in (champion, challenger) for n, _ in side.values())
    return Paired(
        "McNemar, exact" if single else "sign test on tasks",
        float(a.mean()),
        float(b.mean()),
        float(gain.mean()),
        (float(low), float(high)),
        p,
        len(names),
        up,
        down,
        how,
    )


def tallies(passed: Sequence[tuple[str, bool]]) -> dict[str, Tally]:
    """Samples and passes by task, from (task, passed) pairs."""
    found: dict[str, Tally] = {}
    for task, ok in passed:
        n, c = found.get(task, (0, 0))
        found[task] = (n + 1, c + int(ok))
    return found
