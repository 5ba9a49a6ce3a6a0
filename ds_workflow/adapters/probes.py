"""Trying a fitted model: does it answer as it did, in time, and only from what it may know?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ds_workflow.adapters import models, run_files
from ds_workflow.domain import health
from ds_workflow.domain.comparison import Servability
from ds_workflow.domain.health import Decay
from ds_workflow.domain.leakage import Behaviour, LeakageReport, scan
from ds_workflow.domain.metrics import Floats
from ds_workflow.domain.problem import Problem

SCAN_ROWS, SERVED_ROWS, PROBED_ROWS = 5_000, 30, 300


def servability(model: Pipeline, problem: Problem, rows: pd.DataFrame) -> Servability:
    """Serve a few rows one at a time, as requests come, and compare with the answer in one batch.

    Latency is that of the model without the HTTP server around it: the 95th percentile over 30 single rows.
    """
    sample = run_files.example(problem, rows, SERVED_ROWS)
    try:
        return _serve(model, sample)
    except Exception as error:  # whatever a stored model raises on a request is the finding
        detail = f"It answers no request: {type(error).__name__}: {str(error)[:200]}"
        return Servability(loaded=True, equal=False, finite=False, p95_ms=0.0, rows=0, detail=detail)


def _serve(model: Pipeline, sample: pd.DataFrame) -> Servability:
    batch = np.asarray(model.predict(sample), dtype=np.float64)
    model.predict(sample.iloc[:1])
    single, seconds = [], []
    for i in range(len(sample)):
        started = time.perf_counter()
        single.append(float(model.predict(sample.iloc[[i]])[0]))
        seconds.append(time.perf_counter() - started)
    finite = bool(np.isfinite(batch).all() and np.isfinite(single).all())
    equal = finite and bool(np.allclose(batch, single, rtol=1e-6, atol=0))
    p95 = float(np.quantile(seconds, 0.95) * 1000)
    detail = f"{len(sample)} rows served one at a time, 95 % of them within {p95:.0f} ms."
    return Servability(loaded=True, equal=equal, finite=finite, p95_ms=round(p95, 3), rows=len(sample), detail=detail)


def leakage(
    model: Pipeline,
    problem: Problem,
    rows: pd.DataFrame,
    features: pd.DataFrame,
    *,
    history: pd.DataFrame,
    feature_set_version: str,
    seed: int,
) -> LeakageReport:
    """Scan names, dependence and behaviour of a fitted model on rows of known target.

    `features` is the model's feature table of `rows`; `history` holds all labelled rows of the snapshot.
    """
    estimator = model["model"]
    names = list(estimator.feature_names_)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:SCAN_ROWS])
    sample, table = rows.iloc[chosen], features.iloc[chosen]
    return scan(
        problem,
        feature_names=names,
        features=table[[n for n in names if n in table]],
        target=sample[problem.target].to_numpy(dtype=np.float64),
        feature_set_version=feature_set_version,
        routing_keys=tuple(getattr(estimator, "routing_keys", ())),
        behaviours=behaviours(model, problem, sample, history),
        within={problem.segment_column: sample[problem.segment_column].astype(str).to_numpy(dtype=object)},
    )


def behaviours(model: Pipeline, problem: Problem, rows: pd.DataFrame, history: pd.DataFrame) -> tuple[Behaviour, ...]:
    """Predictions before and after two changes that must not matter.

    1. The target, everything cut from it and everything sensitive is scrambled among the rows.
    2. The outcome of everything on or after the rows' own day is tripled in the history.
    """
    hidden = [c for c in (problem.target, *problem.forbidden, *problem.sensitive) if c in rows]
    probed = rows.iloc[:: max(1, len(rows) // PROBED_ROWS)]
    before = _predict(model, probed)
    scrambled = probed.assign(**{c: probed[c].to_numpy()[::-1] for c in hidden})
    found = [Behaviour("what is cut from the target, scrambled", before, _predict(model, scrambled))]
    if hasattr(model["features"], "with_history") and problem.time_column:
        day = rows[problem.time_column].iloc[len(rows) // 2]
        same_day = rows[rows[problem.time_column] == day].iloc[:PROBED_ROWS]
        truth = history[problem.target].to_numpy(dtype=np.float64)
        later = (history[problem.time_column] >= day).to_numpy()
        changed = model["features"].with_history(history, np.where(later, 3.0 * truth, truth))
        known = model["features"].with_history(history, truth)
        found.append(
            Behaviour(
                "outcomes of the same day and later, tripled",
                np.asarray(model["model"].predict(known.transform(same_day)), dtype=np.float64),
                np.asarray(model["model"].predict(changed.transform(same_day)), dtype=np.float64),
            )
        )
    return tuple(found)


def _predict(model: Pipeline, rows: pd.DataFrame) -> Floats:
    return np.asarray(model.predict(rows), dtype=np.float64)


def decay(run: Path, problem: Problem, *, seed: int) -> Decay:
    """How the answers that a run recorded for its holdout fared on the newest of those rows."""
    scored = models.read_scored(run / run_files.PREDICTIONS)
    return health.decay(scored, problem.primary_metric, seed=seed, timeless=not problem.time_column)


def drift_columns(names: Sequence[str], features: pd.DataFrame) -> pd.DataFrame:
    """The model's inputs that stand in a feature table."""
    return features[[n for n in names if n in features]]
