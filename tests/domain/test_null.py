"""Two equal models, 500 seeded times: how often does the arena call one of them better?

The models err with the same spread, in clusters whose rows share part of their error. The share of passes must not be
above alpha; the upper end of its Clopper-Pearson interval says how sure that is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from ds_workflow.domain import mutants
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import WeightedImprovement, evaluate
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.problem import Problem

TRIES = 500
ALPHA = 0.05


def equal_models(base: Comparison, *, seed: int) -> Comparison:
    """Challenger and champion of the same quality, errors correlated within clusters of two rows and between the models."""
    rng = np.random.default_rng([seed, 77])
    scored = base.challenger
    n = len(scored)
    shared = rng.normal(size=n)

    def model() -> Scored:
        cluster = np.repeat(rng.normal(size=n // 2), 2)
        error = 0.2 * (0.6 * shared + 0.5 * cluster + 0.62 * rng.normal(size=n))
        return replace(scored, prediction=scored.truth * np.exp(error))

    return base.changed(challenger=model(), champion=model(), seed=seed)


@pytest.fixture
def base(problem: Problem, mapping: dict[str, Any], parse: Any) -> Comparison:
    mapping["gates"]["no_drop"]["maximum"] = 0.5  # leave the claim alone to decide
    return mutants.healthy(problem, parse(mapping), seed=1)


def passes(base: Comparison, minimum: float, *, whole: bool) -> int:
    """How often the verdict is pass, with the whole policy or with the claim's gate by itself."""
    specs = tuple(replace(g, thresholds={"promotion": minimum}) if g.name == "better" else g for g in base.policy.gates)
    base = base.changed(policy=replace(base.policy, gates=specs))
    gates = None if whole else [WeightedImprovement("better", "mdape", minimum, "relative")]
    return sum(evaluate(equal_models(base, seed=seed), gates=gates).verdict == "pass" for seed in range(TRIES))


@pytest.mark.parametrize(("minimum", "whole"), [(0.05, True), (0.0, True), (0.0, False)])
def test_equal_models_pass_at_most_alpha(base: Comparison, minimum: float, whole: bool) -> None:
    count = passes(base, minimum, whole=whole)
    interval = binomtest(count, TRIES).proportion_ci(0.95, method="exact")
    print(f"minimum {minimum}, whole policy {whole}: {count}/{TRIES}, [{interval.low:.4f}, {interval.high:.4f}]")  # noqa: T201
    assert interval.low <= ALPHA, f"{count} of {TRIES} passed: more than alpha"
    if minimum > 0:
        assert interval.high <= ALPHA
    if not whole:
        # sharp: the claim alone, at its threshold, uses its alpha up and is not merely unable to pass
        assert interval.high >= ALPHA / 2


def test_a_truly_better_model_passes(base: Comparison) -> None:
    """The other side: what passes so rarely by chance passes when there is something to see."""
    found = 0
    for seed in range(40):
        equal = equal_models(base, seed=seed)
        error = np.log(equal.challenger.prediction / equal.challenger.truth)
        better = replace(equal.challenger, prediction=equal.challenger.truth * np.exp(0.75 * error))
        found += evaluate(equal.changed(challenger=better)).verdict == "pass"
    assert found >= 32
