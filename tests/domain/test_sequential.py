"""Sequential bounds against published vectors, and false alarms under daily looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pytest import approx

from ds_workflow.domain.ab_test.contrasts import Contrast, two_proportions, welch
from ds_workflow.domain.ab_test.samples import Mean, Proportion
from ds_workflow.domain.sequential import always_valid, always_valid_p, looks, mixture_bound, mixture_rho, spent
from ds_workflow.errors import InvalidInput


def test_the_mixture_bound_is_that_of_confseq() -> None:
    rho = mixture_rho(100, alpha=0.05)
    assert rho == approx(12.60056, abs=1e-5)
    assert mixture_bound(100.0, rho=rho) == approx(30.35209, abs=1e-5)


def contrast(estimate: float, error: float, units: tuple[int, int]) -> Contrast:
    z = estimate / error
    return Contrast("z", 0.0, estimate, estimate, (0, 0), 0.95, z, math.erfc(abs(z) / math.sqrt(2)), error, units)


@pytest.mark.parametrize(
    ("found", "best_at", "relative", "bounds"),
    [
        (
            welch(Mean.of_sums(3_000, 1_396.87, 52_377.9767), Mean.of_sums(3_461, 2_422.7, 134_698.29)),
            1_000,
            0.50336,
            (-0.55844, 1.56516),
        ),
        (two_proportions(Proportion(3_000, 1_396), Proportion(3_461, 2_422)), 5_000, 0.50386, (0.40098, 0.60675)),
    ],
    ids=["mean", "share"],
)
def test_the_confidence_sequence_is_that_of_growthbook(
    found: Contrast, best_at: float, relative: float, bounds: tuple[float, float]
) -> None:
    """Their vectors are of relative effects; the half width is the inflation of the delta method's error."""
    assert found.relative == approx(relative, abs=1e-5)
    assert found.relative is not None and found.relative_error is not None
    around = always_valid(contrast(found.relative, found.relative_error, found.units), best_at=best_at)
    assert around == approx(bounds, abs=1e-5)


def test_the_sequence_is_wider_than_one_look_and_tightest_where_it_was_tuned() -> None:
    found = contrast(0.1, 0.05, (500, 500))
    widths = {n: np.diff(always_valid(found, best_at=n))[0] for n in (50, 1_000, 20_000)}
    assert min(widths, key=lambda n: widths[n]) == 1_000
    assert widths[1_000] > 2 * 1.96 * 0.05


@pytest.mark.parametrize("z", [0.5, 2.0, 3.0, 6.0, 50.0])
def test_the_always_valid_p_value_is_the_level_that_just_excludes_zero(z: float) -> None:
    found = contrast(z * 0.1, 0.1, (400, 600))
    p = always_valid_p(found, best_at=1_000)
    low, _ = always_valid(found, best_at=1_000)
    assert (low > 0) == (p < 0.05)
    assert p >= found.p_value


# ldbounds and gsDesign print these for five equal looks at two-sided 0.05
PUBLISHED = {
    "obrien_fleming": (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
    "pocock": (2.4380, 2.4268, 2.4101, 2.3966, 2.3859),
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_spending_bounds_are_the_published_ones(kind: str) -> None:
    found = looks([0.2, 0.4, 0.6, 0.8, 1.0], kind=kind)  # type: ignore[arg-type]
    assert [look.z for look in found] == approx(PUBLISHED[kind], abs=2e-3)
    assert found[-1].spent == approx(0.05)
    assert looks([1.0], kind=kind)[0].z == approx(1.959964, abs=1e-5)  # type: ignore[arg-type]
    assert found[0].p_value == approx(spent(0.2, kind=kind), rel=1e-6)  # type: ignore[arg-type]


def test_thirty_daily_looks_without_an_effect() -> None:
    """A z test looked at daily raises false alarms about five times as often as it says; the sequence and the planned
    looks keep their level (1,000 experiments; three standard errors of 0.05 are 0.02)."""
    rng = np.random.default_rng(11)
    days, daily, runs = 30, 100, 1_000
    steps = rng.normal(0, math.sqrt(daily), (runs, days))
    sums = np.cumsum(steps, axis=1)
    n = daily * np.arange(1, days + 1)
    z = sums / np.sqrt(n)
    naive = (np.abs(z) > 1.96).any(axis=1).mean()
    error = 1 / np.sqrt(n)
    halves = [
        always_valid(contrast(0.0, e, (m // 2, m - m // 2)), best_at=1_500)[1] for e, m in zip(error, n, strict=True)
    ]
    sequence = (np.abs(sums / n) > np.array(halves)).any(axis=1).mean()
    planned = [look.z for look in looks(n / n[-1])]
    spending = (np.abs(z) > np.array(planned)).any(axis=1).mean()
    assert 0.2 <= naive <= 0.35
    assert sequence <= 0.05
    assert 0.03 <= spending <= 0.07


def test_impossible_plans_are_refused() -> None:
    for ask in (
        lambda: looks([]),
        lambda: looks([0.5, 0.4]),
        lambda: looks([0.5, 1.5]),
        lambda: spent(0.0),
        lambda: mixture_rho(0),
        lambda: mixture_rho(10, alpha=1.5),
        lambda: always_valid(contrast(1, 1, (5, 5)), best_at=0),
    ):
        with pytest.raises(InvalidInput) as caught:
            ask()
        assert caught.value.hint
