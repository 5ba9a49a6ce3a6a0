"""A healthy comparison made of seeded numbers: what a sound policy lets pass, for gates to be tried on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.classification import GROUP
from ds_workflow.domain.comparison import Checks, Comparison, Servability
from ds_workflow.domain.drift import DriftReport, FeatureDrift
from ds_workflow.domain.forecasting import BUSY, VOLUME
from ds_workflow.domain.leakage import LeakageReport
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.stress import KINDS, Strain, StressReport

_CLASS_SHARE = 0.3  # of class 1; at one half, turning round would leave the mean as it is
_SAMPLES = 5  # of a model for each task, where an answer is the share of samples that pass


def _unstrained(policy: Policy) -> StressReport:
    """Every kind of stress that the policy limits was tried and cost nothing."""
    gate = policy.stress_gate
    if gate is None:
        return StressReport("", "", 1000, 0.1, ())
    kinds = [kind for kind in KINDS if kind in (gate.tolerances or {})]
    found = tuple(Strain(kind, f"one of {kind}", 1000, True, "", 0.1, 0.0, 0.001) for kind in kinds)
    return StressReport(gate.metric, gate.unit, 1000, 0.1, found)


def _always_one(problem: Problem) -> bool:
    """Whether the declared target can be nothing but 1."""
    return any(c.name == problem.target and c.minimum == c.maximum == 1.0 for c in problem.columns)


def healthy(problem: Problem, policy: Policy, *, seed: int, champion: bool = True) -> Comparison:
    """A comparison of seeded numbers that a sound policy lets pass: the challenger errs by 5 %, the champion by 8 %,
    the naive baseline by 60 %; every segment is major; clusters of two rows; nothing drifts, leaks or fails to serve.

    Two classes: three in ten are of class 1, all probabilities are calibrated, and the areas under the ROC curves are
    0.9999996, 0.983 and (the naive one, constant) 0.5. Where every answer is to be 1 (tasks to be solved), an answer is
    the share of five samples that pass: each does with probability 0.8, 0.5 and 0.02.
    """
    rng = np.random.default_rng(seed)
    fairness_rows = max((g.minimum_rows for g in policy.gates), default=0)
    each = 2 * max(policy.major_min_rows, policy.segment_min_rows, policy.minimum_clusters, 200)
    n = each * len(policy.segments)
    columns = tuple(problem.fairness_columns or problem.sensitive)
    share = max(2, min(4, n // max(1, 2 * fairness_rows)))
    groups: dict[str, NDArray[np.object_]] = {
        "segment": np.repeat(np.array(policy.segments, dtype=object), each),
        "cluster": np.array([f"c{i // 2:07d}" for i in range(n)], dtype=object),
        **{c: np.array([f"g{i % share}" for i in range(n)], dtype=object) for c in columns},
    }
    if columns:
        groups[GROUP] = groups[columns[0]]
    if problem.series is not None:
        groups[VOLUME] = np.full(n, BUSY, dtype=object)
    binary = problem.task == "binary"
    solving = not binary and _always_one(problem)
    truth = (rng.random(n) < _CLASS_SHARE).astype(np.float64) if binary else np.exp(rng.normal(13.0, 0.8, n))
    truth = np.ones(n) if solving else truth
    row_id = np.array([f"r{i:07d}" for i in range(n)], dtype=object)

    def sure(distance: float) -> Scored:
        """Probabilities by Bayes' rule from a normal signal whose class means lie `distance` deviations apart."""
        signal = rng.normal(distance * (truth - 0.5))
        odds = np.log(_CLASS_SHARE / (1 - _CLASS_SHARE)) + distance * signal
        return Scored(row_id, truth, 1 / (1 + np.exp(-odds)), groups=groups)

    def scored(noise: float) -> Scored:
        prediction = truth * np.exp(rng.normal(0.0, noise, n))
        half = 1.2816 * noise  # an 80 % interval
        lower, upper = prediction * np.exp(-half), prediction * np.exp(half)
        answers = Scored(row_id, truth, prediction, lower, upper, groups)
        if problem.series is None:
            return answers
        wide = 1.96 * noise
        ends = {"lower95": prediction * np.exp(-wide), "upper95": prediction * np.exp(wide)}
        return replace(answers, scale=0.1 * truth, **ends)

    def passing(chance: float) -> Scored:
        return Scored(row_id, truth, rng.binomial(_SAMPLES, chance, n) / _SAMPLES, groups=groups)

    still = FeatureDrift(psi=0.001, expected=0.001, p_value=0.5, p_adjusted=0.5, reference_rows=n, rows=n)
    checks = Checks(
        LeakageReport((), ("contract", "dependence")),
        Servability(loaded=True, equal=True, finite=True, p95_ms=1.0, rows=10),
        DriftReport({"a feature": still}),
        _unstrained(policy),
    )
    if fairness_rows > n:
        still = replace(still, rows=fairness_rows, reference_rows=fairness_rows)
        checks = replace(checks, drift=DriftReport({"a feature": still}))
    if solving:
        made = [passing(chance) for chance in (0.8, 0.5, 0.02)]
    else:
        made = [sure(d) for d in (7.0, 3.0, 0.0)] if binary else [scored(noise) for noise in (0.05, 0.08, 0.6)]
    return Comparison.align(
        problem=problem,
        policy=policy,
        seed=seed,
        challenger=made[0],
        champion=made[1] if champion else None,
        naive=made[2],
        challenger_checks=checks,
        champion_checks=checks,
    )
