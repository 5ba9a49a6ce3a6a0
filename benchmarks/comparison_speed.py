"""The arena's arithmetic: a paired bootstrap of 60,000 rows beside scipy, and a whole evaluation.

Run: python benchmarks/comparison_speed.py [--rows 60000] [--resamples 2000] [--peer-resamples 200]
scipy.stats.bootstrap (paired, percentile, batch=20) is timed in the same process at --peer-resamples and scaled up to
--resamples, which is fair: its cost is a loop over resamples. Each time is the best of three, ours alternating with it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from scipy import stats

from ds_workflow import plugins
from ds_workflow.domain import mutants
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.resample import bounds, paired_difference

POLICY = Path(__file__).parents[1] / "config" / "policies" / "nyc_sales.yaml"
TARGET = 7.0


def best(work: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def pair(rows: int) -> tuple[Scored, Scored]:
    rng = np.random.default_rng(1)
    truth = np.exp(rng.normal(13, 0.8, rows))
    first, second = (Scored(np.arange(rows), truth, truth * np.exp(rng.normal(0, s, rows))) for s in (0.25, 0.26))
    return first, second


def against_scipy(
    name: str, rows: int, *, resamples: int, peer_resamples: int, clusters: int | None
) -> dict[str, object]:
    first, second = pair(rows)
    label = np.arange(rows) if clusters is None else np.random.default_rng(2).integers(0, clusters, rows)
    metric = METRICS[name]
    per_row = [metric.per_row(s) for s in (first, second)] if metric.per_row else []
    statistic = np.median if metric.form == "median" else np.mean

    def ours() -> object:
        drawn = paired_difference(metric, first, second, clusters=label, resamples=resamples, seed=1)
        return bounds(drawn, alpha=0.05, clusters=math.inf)  # the plain percentiles, as the peer gives them

    def scipys() -> object:
        return stats.bootstrap(
            tuple(per_row),
            lambda x, y, axis: statistic(x, axis=axis) - statistic(y, axis=axis),
            paired=True,
            vectorized=True,
            n_resamples=peer_resamples,
            batch=20,
            method="percentile",
            confidence_level=0.9,
            rng=1,
        ).confidence_interval

    ours_seconds = best(ours)
    peer_seconds = best(scipys) * resamples / peer_resamples
    return {
        "figure": f"{name} difference, {rows} rows in {clusters or rows} clusters, B={resamples}",
        "seconds": round(ours_seconds, 3),
        "scipy_seconds_scaled": round(peer_seconds, 2),
        "ratio": round(peer_seconds / ours_seconds, 1),
        "interval": ours(),
        "scipy_interval": tuple(float(x) for x in scipys()),  # type: ignore[attr-defined]
    }


def whole_evaluation(rows: int, *, resamples: int) -> dict[str, object]:
    problem = plugins.load("problems", "nyc_sales").PROBLEM
    content = yaml.safe_load(POLICY.read_text("utf-8"))
    content["statistics"]["resamples"] = resamples
    policy = Policy.parse(content, segments=problem.segments, metrics=problem.metrics)
    base = mutants.healthy(problem, replace(policy, major_min_rows=rows // 8), seed=1)
    base = base.changed(policy=policy)

    start = time.perf_counter()
    comparison = base.changed()
    aligned = time.perf_counter()
    verdict = evaluate(comparison).verdict
    judged = time.perf_counter()
    comparison.differences(groups=("segment",))
    return {
        "figure": f"evaluate(), {len(comparison.challenger)} rows, {len(policy.segments)} segments, B={resamples}",
        "verdict": verdict,
        "align_seconds": round(aligned - start, 2),
        "gates_seconds": round(judged - aligned, 2),
        "all_differences_seconds": round(time.perf_counter() - judged, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--peer-resamples", type=int, default=200)
    given = parser.parse_args()
    options = {"resamples": given.resamples, "peer_resamples": given.peer_resamples}
    figures = [
        against_scipy("mdape", given.rows, clusters=None, **options),
        against_scipy("mdape", given.rows, clusters=given.rows // 3, **options),
        against_scipy("ppe10", given.rows, clusters=None, **options),
        whole_evaluation(given.rows, resamples=given.resamples),
    ]
    for figure in figures:
        print(json.dumps(figure))
    first = figures[0]["ratio"]
    print(f"MdAPE against scipy: {first}x (target {TARGET:g}x)")


if __name__ == "__main__":
    main()
