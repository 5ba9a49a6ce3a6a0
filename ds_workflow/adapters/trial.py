"""Putting stored models on trial: scored on the same frozen rows by the same code, and tried.

Used by the arena for champion and challenger, and by the release check for the champion alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ds_workflow.adapters import models, probes, probes_stress, run_files
from ds_workflow.domain import drift
from ds_workflow.domain.alignment import Frozen
from ds_workflow.domain.comparison import Checks, Comparison, Servability
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import GateSpec, Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.snapshot import Snapshot
from ds_workflow.domain.stress import StressReport
from ds_workflow.errors import InvalidInput, StateConflict

DRIFT_ROWS = 20_000


@dataclass(frozen=True)
class Stored:
    """One version on disk: the folder of its model, whose digest the registry has verified, that of its run, and what
    its lineage says."""

    version: int
    model: Path
    run: Path
    feature_set_version: str
    seed: int


class Shelf(Protocol):
    """What knows where versions lie, and verifies their digests before it says so: the registry."""

    def model_path(self, version: Any) -> Path: ...
    def run_artifacts(self, version: Any) -> Path: ...


def stored(shelf: Shelf, version: Any) -> Stored:
    """Where a registered version lies on disk."""
    line = version.lineage
    model, run = shelf.model_path(version), shelf.run_artifacts(version)
    return Stored(version.version, model, run, line.feature_set_version, line.seed)


@dataclass(frozen=True)
class Side:
    """One model's part of a comparison."""

    scored: Scored
    checks: Checks


def examine(stored: Stored, problem: Problem, snapshot: Snapshot, policy: Policy | None = None) -> Side:
    """Score one version on the holdout and try it: leakage, servability, drift of its inputs since training, stress by
    the metric that the policy names (without one: the primary metric, relative).

    Raises InvalidInput when it can't be loaded.
    """
    try:
        fitted = models.read(stored.model)
    except InvalidInput as error:
        raise InvalidInput(f"Version {stored.version} can't be loaded: {error}", hint=error.hint) from error
    rows = snapshot.rows
    model = models.with_history(fitted, rows, rows[problem.target].to_numpy(dtype=np.float64))
    features = model["features"].transform(snapshot.holdout)
    scored = models.score(model, problem, snapshot.holdout, features=features, past=snapshot.train)
    names = list(model["model"].feature_names_)
    reference = _drift_reference(problem, snapshot, stored.seed)
    step = max(1, len(reference) // DRIFT_ROWS)
    before = probes.drift_columns(names, model["features"].transform(reference.iloc[::step]))
    checks = Checks(
        leakage=probes.leakage(
            model,
            problem,
            snapshot.holdout,
            features,
            history=rows,
            feature_set_version=stored.feature_set_version,
            seed=stored.seed,
        ),
        servability=_served(stored, fitted, problem, snapshot),
        drift=drift.compare(drift.profile(before), probes.drift_columns(names, features)),
        stress=_stressed(model, problem, snapshot, scored, policy.stress_gate if policy else None, seed=stored.seed),
    )
    return Side(scored, checks)


def _stressed(
    model: Any, problem: Problem, snapshot: Snapshot, scored: Scored, gate: GateSpec | None, *, seed: int
) -> StressReport:
    return probes_stress.probe(
        model,
        problem,
        snapshot.holdout,
        scored,
        known=snapshot.train[problem.target].to_numpy(dtype=np.float64),
        metric_name=gate.metric if gate else problem.primary_metric,
        unit=gate.unit if gate else "relative",
        seed=seed,
    )


def _drift_reference(problem: Problem, snapshot: Snapshot, seed: int) -> pd.DataFrame:
    """The newest training rows, as many as the holdout has: the first years of a history are its warm-up, and features
    of a history that has just begun differ from all later ones. Where the holdout is not what came last, as many at
    random."""
    train, size = snapshot.train, len(snapshot.holdout)
    if snapshot.split.by_time or size >= len(train):
        return train.tail(size)
    return train.iloc[np.sort(np.random.default_rng(seed).permutation(len(train))[:size])]


def _served(stored: Stored, fitted: Any, problem: Problem, snapshot: Snapshot) -> Servability:
    found = probes.servability(fitted, problem, snapshot.holdout)
    try:
        run_files.smoke(fitted, stored.run)
    except InvalidInput as error:
        return replace(found, equal=False, detail=f"{found.detail} {error}")
    return found


def require_as_trained(stored: Stored, scored: Scored) -> None:
    """Raise StateConflict when the version no longer answers what its run recorded."""
    then = models.read_scored(stored.run / run_files.PREDICTIONS)
    same = len(then) == len(scored) and bool(np.array_equal(then.row_id, scored.row_id))
    if not same or not np.allclose(then.prediction, scored.prediction, rtol=1e-6, atol=0):
        raise StateConflict(
            f"Version {stored.version} scored again differs from what its run recorded; the data or the code changed.",
            hint="Train it again with this checkout.",
        )


@dataclass(frozen=True)
class Ring:
    """Everything of a comparison but the one to beat."""

    problem: Problem
    policy: Policy
    snapshot: Snapshot
    seed: int
    challenger: Side
    naive: Scored

    def against(self, other: Side | None) -> Comparison:
        """The challenger beside `other`, on exactly the frozen rows."""
        holdout = self.snapshot.holdout
        return Comparison.align(
            problem=self.problem,
            policy=self.policy,
            seed=self.seed,
            challenger=self.challenger.scored,
            champion=other.scored if other else None,
            naive=self.naive,
            challenger_checks=self.challenger.checks,
            champion_checks=other.checks if other else None,
            frozen=Frozen(
                holdout[self.problem.row_id].to_numpy(), holdout[self.problem.target].to_numpy(dtype=np.float64)
            ),
        )
