"""Forty equal challengers on one holdout: how often does any of them win?

Run: python benchmarks/holdout_spending.py [--histories 200] [--challengers 40] [--rows 200]
One history is a champion and forty challengers of its quality, asked one after another on the same rows in clusters of
two, with the claim's test of the arena. A winner is one that is shown to be better. Target: with the holdout's
spending at most alpha (5 %) of the histories have a winner; beside it, what a whole alpha for each look gives.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from ds_workflow.domain.holdout_spending import SCHEMES, Spending, resamples_for
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.resample import paired_difference, share_against

ALPHA = 0.05


def table(rows: int) -> Scored:
    cluster = np.array([f"c{i // 2}" for i in range(rows)], dtype=object)
    ids = np.array([f"r{i}" for i in range(rows)], dtype=object)
    return Scored(ids, np.full(rows, 100.0), np.full(rows, 100.0), groups={"cluster": cluster})


def p_values(base: Scored, *, history: int, challengers: int, resamples: int) -> NDArray[np.float64]:
    """How strongly each challenger seems better, shape (challengers,): one-sided bootstrap p-values."""
    rng = np.random.default_rng([history, 11])
    rows = len(base)
    shared = rng.normal(size=rows)

    def model() -> Scored:
        cluster = np.repeat(rng.normal(size=rows // 2), 2)
        error = 0.2 * (0.6 * shared + 0.5 * cluster + 0.62 * rng.normal(size=rows))
        return replace(base, prediction=base.truth * np.exp(error))

    champion = model()
    found = []
    for number in range(challengers):
        gain = paired_difference(
            metric("ppe10"), model(), champion, clusters=base.groups["cluster"], resamples=resamples, seed=number
        )
        found.append(share_against(gain, gain > 0.0))
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--challengers", type=int, default=40)
    parser.add_argument("--rows", type=int, default=200)
    given = parser.parse_args()
    base = table(given.rows)
    plans = {scheme: Spending(ALPHA, scheme) for scheme in SCHEMES}
    smallest = min(plan.level(plan.looks) for plan in plans.values())
    resamples = resamples_for(1, smallest, at_least=1999)
    winners = dict.fromkeys(["each at alpha", *SCHEMES], 0)
    for history in range(given.histories):
        p = p_values(base, history=history, challengers=given.challengers, resamples=resamples)
        winners["each at alpha"] += bool((p <= ALPHA).any())
        for scheme, plan in plans.items():
            left = p[: plan.looks]  # beyond them the holdout is spent, and nobody wins
            winners[scheme] += bool((left <= [plan.level(k) for k in range(1, len(left) + 1)]).any())
    for name, count in winners.items():
        share = binomtest(count, given.histories).proportion_ci(0.95, method="exact")
        met = "" if name == "each at alpha" else (" met" if share.low <= ALPHA else " MISSED")
        print(
            f"{name:<14} any winner in {count} of {given.histories} histories: {count / given.histories:.3f} "
            f"[{share.low:.3f}, {share.high:.3f}]{met and f'; target at most {ALPHA}:{met}'}"
        )
    print(json.dumps({"challengers": given.challengers, "resamples": resamples, **winners}))


if __name__ == "__main__":
    main()
