"""How often drift and decay are reported where nothing moved, by simulation, at 60 to 100,000 rows.

Run: python benchmarks/drift_false_alarms.py [--draws 400]
A draw is a table of 12 columns (normal, skewed, whole numbers, categories) against a reference of as many rows, or of
5,000 where the table is smaller; an alarm is any column reported. Beside it stands what a fixed PSI of 0.2 alone would
report. Decay: a model's labelled rows against a holdout of as many, with the limit at 0, the hardest to keep still at.
"""

from __future__ import annotations

import argparse
import json
from math import sqrt

import numpy as np
import pandas as pd

from ds_workflow.domain import drift_table
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.monitoring.performance import changes
from ds_workflow.domain.monitoring.policy import MonitoringPolicy, Performance
from ds_workflow.problems.code_suggestions import PROBLEM

SIZES = {60: 1.0, 200: 1.0, 1_000: 1.0, 100_000: 0.1}  # rows: share of the draws
LEVEL = 0.05


def table(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    columns: dict[str, object] = {f"normal{k}": rng.normal(size=rows) for k in range(4)}
    columns |= {f"skewed{k}": rng.lognormal(size=rows) for k in range(3)}
    columns |= {f"whole{k}": rng.poisson(3, rows) for k in range(2)}
    columns |= {f"kind{k}": rng.choice(list("abcdefgh")[: 2 + 3 * k], rows) for k in range(3)}
    return pd.DataFrame(columns)


def drift_alarms(rows: int, draws: int) -> dict[str, float]:
    found = naive = 0
    for draw in range(draws):
        rng = np.random.default_rng([rows, draw])
        seen = drift_table.compare(table(max(rows, 5_000), rng), table(rows, rng))
        found += bool(seen.drifted)
        naive += any(c.psi > seen.threshold for c in seen.columns.values())
    return told(found, draws) | {"a_fixed_psi_alone": round(naive / draws, 3)}


def decay_alarms(rows: int, draws: int) -> dict[str, float]:
    policy = MonitoringPolicy("p", performance=Performance(warn=0.0, critical=0.5, segment_rows=200))
    found = 0
    for draw in range(draws):
        rng = np.random.default_rng([rows, draw, 1])
        sides = [scored(rows, rng, f"{name}") for name in ("new", "held")]
        found += any(c.status() in ("warn", "critical") for c in changes(*sides, PROBLEM, policy, seed=draw))
    return told(found, draws)


def scored(rows: int, rng: np.random.Generator, name: str) -> Scored:
    p = rng.beta(1.5, 1.5, rows)
    groups = {
        "segment": rng.choice(PROBLEM.segments[:3], rows).astype(object),
        "cluster": np.array([f"{name}{c}" for c in rng.integers(0, rows // 4, rows)], dtype=object),
    }
    return Scored(np.arange(rows), (rng.random(rows) < p).astype(np.float64), p, groups=groups)


def told(alarms: int, draws: int) -> dict[str, float]:
    share = alarms / draws
    error = sqrt(LEVEL * (1 - LEVEL) / draws)
    return {"draws": draws, "alarms": round(share, 4), "at_most": LEVEL, "met": share <= LEVEL + 2 * error}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    for rows, share in SIZES.items():
        print(json.dumps({"drift_rows": rows, **drift_alarms(rows, max(20, int(share * draws)))}), flush=True)
    for rows in (800, 3_000):
        print(json.dumps({"decay_rows": rows, **decay_alarms(rows, max(20, draws // 2))}), flush=True)


if __name__ == "__main__":
    main()
