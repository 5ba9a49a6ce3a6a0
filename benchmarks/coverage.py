"""Known effects inside 95 % intervals: how often, for every estimator that claims one.

    python benchmarks/coverage.py                    # 500 seeded repetitions each
    python benchmarks/coverage.py --runs 4000 --only "ipw ATT" --json

Each world draws data whose true effect is known and hands them to one estimator. Of 500 true 95 % intervals the count
lies between 93 and 97 % with probability 0.96, so a correct estimator misses the band once in 25; `--runs` tells chance
from fault. Intervals that hold at every look are asked for all looks at once and promise at least 95 %. A percentile
bootstrap is known to fall short in small samples; it is shown at a size where it is offered, and takes most of the
time.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from ds_workflow.domain.ab_test import contrasts
from ds_workflow.domain.ab_test.contrasts import Contrast
from ds_workflow.domain.ab_test.samples import Mean, Pair, Proportion
from ds_workflow.domain.causal import adjustment
from ds_workflow.domain.causal.difference import Panel, differences
from ds_workflow.domain.causal.instrument import two_stage
from ds_workflow.domain.causal.matching import match
from ds_workflow.domain.causal.study import Estimate, Study
from ds_workflow.domain.code_eval import scores
from ds_workflow.domain.sequential import always_valid

RUNS, LOW, HIGH, EFFECT = 500, 0.93, 0.97, 2.0
Interval = tuple[float, float]


@dataclass(frozen=True)
class World:
    """One draw gives an interval and the truth that it should hold. `promise`: near 95 %, or at least that."""

    draw: Callable[[np.random.Generator], tuple[Interval, float]]
    promise: Literal["95", "at least 95"] = "95"


@dataclass(frozen=True)
class Covered:
    """How often the truth lay inside, and whether that is what was promised."""

    name: str
    share: float
    runs: int
    promise: str
    seconds: float

    @property
    def error(self) -> float:
        """Standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.runs)

    @property
    def ok(self) -> bool:
        """Inside the band."""
        return self.share >= LOW and (self.promise != "95" or self.share <= HIGH)


def _between(kind: Literal["newcombe", "wald", "agresti_caffo"], rng: np.random.Generator) -> tuple[Interval, float]:
    arms = [Proportion(800, int(rng.binomial(800, p))) for p in (0.30, 0.34)]
    return contrasts.two_proportions(*arms, interval=kind).interval, 0.04


def _few(rng: np.random.Generator) -> tuple[Interval, float]:
    arms = [Proportion(60, int(rng.binomial(60, p))) for p in (0.15, 0.25)]
    return contrasts.two_proportions(*arms).interval, 0.10


def _wilson(rng: np.random.Generator) -> tuple[Interval, float]:
    """Over shares: at a single one the coverage jumps about with the whole numbers (Brown, Cai and DasGupta 2001)."""
    p = float(rng.uniform(0.05, 0.95))
    return contrasts.wilson(Proportion(164, int(rng.binomial(164, p)))), p


def _lift(rng: np.random.Generator) -> tuple[Interval, float]:
    arms = [Proportion(2_000, int(rng.binomial(2_000, p))) for p in (0.30, 0.33)]
    return _relative(contrasts.two_proportions(*arms)), 0.1


def _relative(found: Contrast) -> Interval:
    assert found.relative_interval is not None
    return found.relative_interval


def _skewed(rng: np.random.Generator) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Gamma values: means 20 and 22, unequal spreads and sizes."""
    return [rng.gamma(2, 10, 300), rng.gamma(2.2, 10, 500)]


def _welch(rng: np.random.Generator) -> tuple[Interval, float]:
    return contrasts.welch(*(Mean.of(x) for x in _skewed(rng))).interval, 2.0


def _welch_lift(rng: np.random.Generator) -> tuple[Interval, float]:
    return _relative(contrasts.welch(*(Mean.of(x) for x in _skewed(rng)))), 0.1


def _ratio(rng: np.random.Generator) -> tuple[Interval, float]:
    arms = []
    for lift in (1.0, 1.2):
        views = (rng.poisson(20, 300) + 1).astype(np.float64)
        clicks = rng.binomial(views.astype(int), rng.beta(2 * lift, 18, 300)).astype(float)
        arms.append(Pair.of(clicks, views))
    return contrasts.ratios(*arms).interval, 2.4 / 20.4 - 0.1


def _clusters(rng: np.random.Generator) -> tuple[Interval, float]:
    arms = []
    for effect in (0.0, 0.3):
        who = rng.integers(0, 60, 900)
        y = effect + rng.normal(0, 1, 900) + rng.normal(0, 0.7, 60)[who]
        arms.append(Pair.of_clusters(y, who))
    return contrasts.clustered(*arms).interval, 0.3


def _cuped(rng: np.random.Generator) -> tuple[Interval, float]:
    arms = []
    for effect in (0.0, 0.3):
        x = rng.normal(10, 3, 400)
        arms.append(Pair.of(2 * x + rng.normal(0, 2, 400) + effect, x))
    return contrasts.cuped(*arms).interval, 0.3


def _every_look(rng: np.random.Generator) -> tuple[Interval, float]:
    """The worst of 30 looks: the widest overlap of all intervals, which holds the truth only if each did."""
    a, b = rng.normal(0, 1, (30, 40)), rng.normal(0.1, 1, (30, 40))
    low, high = -math.inf, math.inf
    for k in range(1, 31):
        arms = [Mean.of(x[:k].ravel()) for x in (a, b)]
        lower, upper = always_valid(contrasts.welch(*arms), best_at=1_200)
        low, high = max(low, lower), min(high, upper)
    return (low, high), 0.1


def study(rng: np.random.Generator, *, rows: int = 600, clusters: int = 0, varied: bool = False) -> tuple[Study, float]:
    """Rows whose covariates move both treatment and outcome; the effect is 2 (on the treated 2 on average as well when
    it is `varied` with a covariate that nothing else depends on)."""
    x1, x2, own = rng.normal(size=rows), rng.binomial(1, 0.4, rows).astype(float), rng.normal(size=rows)
    cluster = np.arange(rows) % clusters if clusters else None
    shared = rng.normal(size=clusters)[cluster] if cluster is not None else np.zeros(rows)
    t = (rng.uniform(size=rows) < 1 / (1 + np.exp(-(0.7 * x1 - 0.8 * x2)))).astype(float)
    effect = EFFECT + own * varied
    y = 1 + effect * t + 1.5 * x1 - x2 + shared + rng.normal(size=rows)
    return Study(y, t, {"x1": x1, "x2": x2}, cluster), EFFECT


def _causal(estimator: Callable[[Study], Estimate], rng: np.random.Generator, **options: Any) -> tuple[Interval, float]:
    given, truth = study(rng, **options)
    interval = estimator(given).interval
    assert interval is not None
    return interval, truth


def _randomised(rng: np.random.Generator) -> tuple[Interval, float]:
    t = rng.permutation(np.repeat([0.0, 1.0], 200))
    interval = adjustment.naive(Study(EFFECT * t + rng.gamma(2, 1, 400), t, {})).interval
    assert interval is not None
    return interval, EFFECT


def _instrument(rng: np.random.Generator) -> tuple[Interval, float]:
    n = 1_000
    hidden, z, x = rng.normal(size=n), rng.binomial(1, 0.5, n).astype(float), rng.normal(size=n)
    t = (1.2 * z + hidden + 0.3 * x + rng.normal(size=n) > 0.6).astype(float)
    y = EFFECT * t + 1.5 * hidden + x + rng.normal(size=n)
    interval = two_stage(Study(y, t, {"x": x}), z).estimate.interval
    assert interval is not None
    return interval, EFFECT


def _difference(rng: np.random.Generator) -> tuple[Interval, float]:
    unit, period = np.repeat(np.arange(80), 6), np.tile(np.arange(6), 80)
    treated = (unit % 2).astype(float)
    y = rng.normal(size=80)[unit] + 0.4 * period + treated * EFFECT * (period >= 4) + rng.normal(size=480)
    interval = differences(Panel(y, unit, period, treated, 4)).estimate.interval
    assert interval is not None
    return interval, EFFECT


def _bootstrap(estimator: Callable[[Study], Estimate], rng: np.random.Generator) -> tuple[Interval, float]:
    given, truth = study(rng, rows=400)
    return adjustment.bootstrap(given, estimator, resamples=199, seed=int(rng.integers(1 << 31))), truth


def _pass_at(k: int, rng: np.random.Generator) -> tuple[Interval, float]:
    """164 tasks of their own difficulty, 10 samples each; the truth is 1 - E (1-p)^k under Beta(1, 2)."""
    p = rng.beta(1, 2, 164)
    found = scores.score({f"t{i}": (10, int(c)) for i, c in enumerate(rng.binomial(10, p))}, k)
    missed = math.prod((2 + j) / (3 + j) for j in range(k))
    return found.interval, 1 - missed


def _pair_of_models(rng: np.random.Generator) -> tuple[Interval, float]:
    p = rng.beta(2, 2, 164)
    sides = [{f"t{i}": (1, int(c)) for i, c in enumerate(rng.binomial(1, q))} for q in (0.8 * p, 0.8 * p + 0.1)]
    return scores.compare(*sides, seed=int(rng.integers(1 << 31)), resamples=1_000).interval, 0.1


ATE: Mapping[str, Any] = {"estimand": "ATE"}
WORLDS: Mapping[str, World] = {
    "two proportions, Newcombe": World(partial(_between, "newcombe")),
    "two proportions, Wald": World(partial(_between, "wald")),
    "two proportions, Agresti-Caffo": World(partial(_between, "agresti_caffo")),
    "two proportions, 60 units an arm": World(_few),
    "one proportion, Wilson": World(_wilson),
    "relative lift of proportions": World(_lift),
    "Welch": World(_welch),
    "relative lift of means": World(_welch_lift),
    "ratio by the delta method": World(_ratio),
    "cluster-robust mean": World(_clusters),
    "CUPED": World(_cuped),
    "confidence sequence, all of 30 looks": World(_every_look, "at least 95"),
    "difference of means, randomised": World(_randomised),
    "linear regression": World(partial(_causal, adjustment.ols)),
    "linear regression, clustered": World(partial(_causal, adjustment.ols, clusters=60)),
    "regression ATT": World(partial(_causal, adjustment.regression)),
    "regression ATE": World(partial(_causal, partial(adjustment.regression, **ATE))),
    "regression ATT, effects differ": World(partial(_causal, adjustment.regression, varied=True)),
    "ipw ATT": World(partial(_causal, adjustment.ipw)),
    "ipw ATE": World(partial(_causal, partial(adjustment.ipw, **ATE))),
    "ipw ATT, clustered": World(partial(_causal, adjustment.ipw, clusters=60)),
    "aipw ATT": World(partial(_causal, adjustment.aipw)),
    "aipw ATE": World(partial(_causal, partial(adjustment.aipw, **ATE))),
    "aipw ATT, effects differ": World(partial(_causal, adjustment.aipw, varied=True)),
    "aipw ATT, clustered": World(partial(_causal, adjustment.aipw, clusters=60)),
    "matching 1:1": World(partial(_causal, lambda s: match(s).estimate)),
    "instrument": World(_instrument),
    "difference-in-differences": World(_difference),
    "bootstrap of regression ATT": World(partial(_bootstrap, adjustment.regression)),
    "bootstrap of ipw ATT": World(partial(_bootstrap, adjustment.ipw)),
    "pass@1, 10 samples": World(partial(_pass_at, 1)),
    "pass@5, 10 samples": World(partial(_pass_at, 5)),
    "two models, bootstrap over tasks": World(_pair_of_models),
}


def cover(name: str, *, runs: int = RUNS, seed: int = 20_260) -> Covered:
    """Repeat one world; each repetition has a seed of its own, derived from `seed` and its number."""
    start = time.perf_counter()
    inside = count(name, seed, range(runs))
    return Covered(name, inside / runs, runs, WORLDS[name].promise, time.perf_counter() - start)


def count(name: str, seed: int, runs: range) -> int:
    """How many of these repetitions hold the truth."""
    inside = 0
    for run in runs:
        (low, high), truth = WORLDS[name].draw(np.random.default_rng([seed, run]))
        inside += low <= truth <= high
    return inside


def main() -> None:
    """Print the table; exit 1 when a promise is not held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=20_260)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    unknown = sorted(set(given.only) - set(WORLDS))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; known: {', '.join(WORLDS)}")
    found = []
    with ProcessPoolExecutor(given.workers) as pool:
        for name in given.only or WORLDS:
            start = time.perf_counter()
            parts = [range(k, given.runs, 4 * given.workers) for k in range(4 * given.workers)]
            inside = sum(pool.map(partial(count, name, given.seed), parts))
            seconds = time.perf_counter() - start
            found.append(Covered(name, inside / given.runs, given.runs, WORLDS[name].promise, seconds))
            if given.json:
                continue
            c = found[-1]
            band = f"{c.share:7.1%} ± {1.96 * c.error:.1%}"
            said = f"{c.promise + ' %':<13} {'ok' if c.ok else 'MISSED':<7} {c.seconds:5.1f} s"
            print(f"{c.name:<40} {band}   {said}", flush=True)
    if given.json:
        print(json.dumps([vars(c) | {"ok": c.ok, "error": c.error} for c in found], indent=2))
    raise SystemExit(0 if all(c.ok for c in found) else 1)


if __name__ == "__main__":
    main()
