"""Boundaries against the vectors that confseq's own tests print (v = 100, alpha = 0.05), and laws of any of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from pytest import approx

from ds_workflow.domain import boundaries
from ds_workflow.domain.sequential import mixture_bound, mixture_rho
from ds_workflow.errors import InvalidInput

BOUNDS: dict[str, tuple[Callable[..., float], float]] = {
    "one-sided normal": (partial(boundaries.one_sided_normal, v_opt=100), 27.66071),
    "gamma-exponential": (partial(boundaries.gamma_exponential, v_opt=100, c=2), 33.02017),
    "beta-binomial": (partial(boundaries.beta_binomial, v_opt=100, g=0.2, h=0.8), 31.4308),
    "stitched": (partial(boundaries.stitched, v_min=10, c=3), 64.48755),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_those_of_confseq(name: str) -> None:
    bound, published = BOUNDS[name]
    assert bound(100.0) == approx(published, abs=1e-4)


def test_the_mixture_is_at_its_bound_where_its_log_is_log_one_over_alpha() -> None:
    assert boundaries.normal_mixture_log(10, 100, v_opt=100) == approx(-0.6510052, abs=1e-6)
    bound = float(mixture_bound(100.0, rho=mixture_rho(100)))
    assert boundaries.normal_mixture_log(bound, 100, v_opt=100) == approx(math.log(20))


@pytest.mark.parametrize("name", BOUNDS)
def test_more_time_and_less_alpha_are_further_out(name: str) -> None:
    bound, _ = BOUNDS[name]
    values = [bound(v) for v in (20.0, 100.0, 500.0)]
    assert values == sorted(values)
    assert bound(100.0, alpha=0.01) > bound(100.0)


def test_coins_stay_inside_their_bound() -> None:
    """2,000 walks of centred Bernoulli(0.2) steps over 400 looks leave the two-sided bound at most as often as alpha
    says (three standard errors of 0.05 are 0.015)."""
    rng = np.random.default_rng(4)
    sums = np.abs(np.cumsum(rng.binomial(1, 0.2, (2_000, 400)) - 0.2, axis=1))
    looks = np.arange(40, 401, 40)
    bounds = [boundaries.beta_binomial(0.16 * n, v_opt=40, g=0.2, h=0.8) for n in looks]
    left = (sums[:, looks - 1] > np.array(bounds)).any(axis=1).mean()
    assert left <= 0.065


def test_impossible_scales_are_refused() -> None:
    for ask in (
        lambda: boundaries.gamma_exponential(100, v_opt=100, c=0),
        lambda: boundaries.beta_binomial(100, v_opt=100, g=-1, h=1),
        lambda: boundaries.stitched(100, v_min=0),
        lambda: boundaries.one_sided_normal(-1, v_opt=100),
        lambda: boundaries.one_sided_normal(100, v_opt=100, alpha=2),
    ):
        with pytest.raises(InvalidInput) as caught:
            ask()
        assert caught.value.hint
