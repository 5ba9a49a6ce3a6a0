"""Power: against closed forms, scipy's distributions, and simulation over seeds."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ds_workflow.domain.hypothesis import Claim
from ds_workflow.domain.metrics import Floats, metric
from ds_workflow.domain.power import (
    LAPLACE,
    STANDARD,
    Assumptions,
    cluster_design_effect,
    density_at_median,
    detectable,
    paired_spread,
    power_of,
    power_rows,
    rows_needed,
)
from ds_workflow.errors import InvalidInput

TWO_SIDED = Assumptions(two_sided=True)
CLAIM = Claim("mdape", "overall", "decrease", 0.05, "relative")


def connor(effect: float, discordant: float, *, alpha: float, power: float) -> float:
    """Connor (1987), pairs for McNemar's test, one-sided alpha."""
    za, zb = stats.norm.isf(alpha), stats.norm.ppf(power)
    return float((za * math.sqrt(discordant) + zb * math.sqrt(discordant - effect**2)) ** 2 / effect**2)


def test_a_point_of_ppe10_takes_about_9300_rows() -> None:
    sd = math.sqrt(0.15)
    assert rows_needed(0.01, sd=sd) == pytest.approx(9300, rel=0.005)
    assert rows_needed(0.01, sd=sd) == pytest.approx(connor(0.01, 0.15, alpha=0.05, power=0.8), rel=0.001)
    assert rows_needed(0.01, sd=sd, assume=TWO_SIDED) == pytest.approx(
        connor(0.01, 0.15, alpha=0.025, power=0.8), rel=0.001
    )
    (row,) = power_rows(metric("ppe10"), effect=0.01, unit="absolute", rows={"overall": 9300})
    assert row.enough is True
    assert row.rows_needed == rows_needed(0.01, sd=sd)
    assert "15% discordant rows assumed" in row.assumption


@given(st.floats(0.001, 0.2), st.floats(0.01, 3), st.floats(1, 20))
def test_detectable_is_the_inverse_of_rows_needed(effect: float, sd: float, design: float) -> None:
    assume = replace(STANDARD, design_effect=design)
    n = rows_needed(effect, sd=sd, assume=assume)
    assert detectable(n, sd=sd, assume=assume) <= effect * (1 + 1e-9)
    if n > 1:
        assert detectable(n - 1, sd=sd, assume=assume) >= effect * (1 - 1e-9)


def test_a_share_is_found_as_often_as_the_power_says() -> None:
    rng, discordant, effect, tries = np.random.default_rng(7), 0.15, 0.02, 4000
    n = rows_needed(effect, sd=math.sqrt(discordant))
    wins = rng.multinomial(n, [(discordant + effect) / 2, (discordant - effect) / 2, 1 - discordant], size=tries)
    difference, disagreed = wins[:, 0] - wins[:, 1], wins[:, 0] + wins[:, 1]
    found = int(np.sum(difference / np.sqrt(disagreed) > stats.norm.isf(0.05)))
    low, high = stats.binomtest(found, tries).proportion_ci(0.999)
    assert low - 0.005 <= 0.80 <= high + 0.005


@pytest.mark.parametrize(
    "law", [stats.expon(scale=0.3), stats.halfnorm(scale=0.2), stats.lognorm(0.9, scale=0.2)], ids=lambda d: d.dist.name
)
def test_the_density_at_the_median_is_that_of_the_law(law: stats.rv_continuous) -> None:
    measured = [density_at_median(law.rvs(20_000, random_state=seed)) for seed in range(20)]
    # a spacing has a bias of the order of the squared bandwidth; 4 % is what it has at 20,000 values
    assert np.mean(measured) == pytest.approx(law.pdf(law.median()), rel=0.04)


def test_laplace_errors_have_that_density() -> None:
    errors = stats.expon(scale=3.0)  # the absolute value of a Laplace error
    assert errors.pdf(errors.median()) * errors.median() == pytest.approx(LAPLACE)


def pair(rng: np.random.Generator, size: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Absolute errors of two equal models that share most of their error: |Laplace| with a common part."""
    uniform = stats.norm.cdf(rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=size))
    both = -np.log(1 - uniform) * 0.25
    return both[..., 0], both[..., 1]


def test_the_spread_of_a_paired_median_difference_is_what_simulation_shows() -> None:
    rng, n = np.random.default_rng(11), 1500
    champion, challenger = pair(rng, (3000, n))
    simulated = np.std(np.median(challenger, axis=1) - np.median(champion, axis=1)) * math.sqrt(n)
    one, other = pair(rng, (60_000,))
    measured = paired_spread(metric("mdape"), one, other)
    assert measured == pytest.approx(simulated, rel=0.06)
    # and the assumed form, given the true share of discordant rows, says the same
    discordant = float(np.mean((one <= np.median(one)) != (other <= np.median(other))))
    (row,) = power_rows(
        metric("mdape"),
        effect=0.01,
        unit="absolute",
        rows={"overall": n},
        champion={"overall": one},
        assume=Assumptions(discordant=discordant),
    )
    assert row.detectable == pytest.approx(STANDARD.z * simulated / math.sqrt(n), rel=0.06)
    # and so does the relative effect with nothing measured at all, since these errors are Laplace
    (free,) = power_of(CLAIM, rows={"overall": n}, assume=Assumptions(discordant=discordant))
    assert free.detectable == pytest.approx(STANDARD.z * simulated / np.median(one) / math.sqrt(n), rel=0.06)


def test_the_spread_of_a_paired_mean_difference_is_its_standard_deviation() -> None:
    one, other = pair(np.random.default_rng(3), (5000,))
    table = power_rows(
        metric("mape"), effect=0.1, unit="relative", rows={"overall": 400},
        champion={"overall": one}, challenger={"overall": other},
    )  # fmt: skip
    expected = stats.sem(other - one, ddof=0) * math.sqrt(5000 / 400) * STANDARD.z / one.mean()
    assert table[0].detectable == pytest.approx(expected)
    assert table[0].assumption.startswith("measured on both")


def test_measured_hits_are_known_as_a_share() -> None:
    hits = np.repeat([0.0, 1.0], [60, 40])
    (row,) = power_rows(metric("ppe10"), effect=0.1, unit="relative", rows={"s": 900}, champion={"s": hits})
    assert row.detectable == pytest.approx(STANDARD.z * math.sqrt(0.15 / 900) / 0.4)


@pytest.mark.parametrize(
    ("name", "unit"), [("ppe10", "relative"), ("mdape", "absolute"), ("mape", "relative"), ("r2", "absolute")]
)
def test_what_can_not_be_known_is_not_invented(name: str, unit: str) -> None:
    (row,) = power_rows(metric(name), effect=0.05, unit=unit, rows={"overall": 1000})
    assert (row.detectable, row.enough, row.rows_needed) == (None, None, None)
    assert "not given" in row.assumption or "needs" in row.assumption or "closed form" in row.assumption


def test_the_champions_figure_is_enough_for_the_rest() -> None:
    (share,) = power_rows(metric("ppe10"), effect=0.05, unit="relative", rows={"s": 1000}, levels={"s": 0.3})
    assert share.detectable == pytest.approx(STANDARD.z * math.sqrt(0.15 / 1000) / 0.3)
    (median,) = power_rows(metric("mdape"), effect=0.05, unit="absolute", rows={"s": 1000}, levels={"s": 0.2})
    assert median.detectable == pytest.approx(STANDARD.z * math.sqrt(0.15 / 1000) * 0.2 / LAPLACE)


def test_the_claims_own_slice_comes_first_and_clusters_cost_rows() -> None:
    rows = {"HOUSE": 3000, "FLAT": 1000}
    table = power_of(replace(CLAIM, slice="FLAT"), rows=rows)
    assert [(r.slice, r.rows) for r in table] == [("FLAT", 1000), ("overall", 4000), ("HOUSE", 3000)]
    clustered = power_of(CLAIM, rows=rows, assume=Assumptions(design_effect=4))
    plain = power_of(CLAIM, rows=rows)
    for one, other in zip(plain, clustered, strict=True):
        assert other.detectable == pytest.approx(2 * (one.detectable or 0))
        assert "design effect 4.00" in other.assumption
    (nobody,) = power_of(CLAIM, rows={})
    assert (nobody.enough, nobody.assumption) == (False, "no rows")
    assert set(nobody.as_json()) >= {"slice", "rows", "detectable", "claimed", "enough"}


def test_a_weighted_claim_adds_its_segments_in_squares() -> None:
    claim = replace(CLAIM, metric="weighted_segment_mdape")
    rows = {"HOUSE": 3000, "FLAT": 1000}
    # weights in proportion to the rows and equal levels: the weighted figure is worth all the rows
    assert power_of(claim, rows=rows)[0].detectable == pytest.approx(power_of(CLAIM, rows=rows)[0].detectable)
    table = power_of(claim, rows=rows, weights={"HOUSE": 0.5, "FLAT": 0.5}, levels={"HOUSE": 0.1, "FLAT": 0.3})
    sd = STANDARD.z * math.sqrt(0.15) / LAPLACE
    expected = math.hypot(0.5 * 0.1 * sd / math.sqrt(3000), 0.5 * 0.3 * sd / math.sqrt(1000)) / 0.2
    assert table[0].detectable == pytest.approx(expected)
    needed = table[0].rows_needed
    assert needed == math.ceil(4000 * (expected / 0.05) ** 2)
    unweighted = power_of(claim, rows=rows, weights={"CASTLE": 1.0})[0]
    assert unweighted.enough is None


def test_design_effect_of_equal_clusters_is_kishs() -> None:
    assert cluster_design_effect([5] * 40, 0.1) == pytest.approx(1 + 4 * 0.1)
    assert cluster_design_effect([1] * 40, 0.9) == 1
    # unequal sizes: the variance of a mean of rows that share a cluster effect, summed by hand
    assert cluster_design_effect([1, 3], 0.5) == pytest.approx((4 + 0.5 * 3 * 2) / 4)


@pytest.mark.parametrize(
    "wrong",
    [{"alpha": 0}, {"alpha": 0.6}, {"power": 0.4}, {"power": 1}, {"discordant": 0}, {"discordant": 1.1},
     {"design_effect": 0.5}, {"design_effect": math.inf}, {"alpha": math.nan}, {"design_effect": math.nan}],
)  # fmt: skip
def test_assumptions_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        Assumptions(**wrong)  # type: ignore[arg-type]


def test_inputs_that_make_no_sense_are_refused() -> None:
    for wrong in (
        lambda: rows_needed(0.0, sd=1),
        lambda: detectable(0, sd=1),
        lambda: power_rows(metric("mdape"), effect=0.0, unit="relative", rows={}),
        lambda: power_rows(metric("mdape"), effect=0.1, unit="percent", rows={}),
        lambda: density_at_median(np.ones(10)),
        lambda: density_at_median(np.ones(100)),
        lambda: paired_spread(metric("mdape"), np.ones(40), np.ones(41)),
        lambda: paired_spread(metric("r2"), np.ones(40), np.ones(40)),
        lambda: cluster_design_effect([], 0.1),
    ):
        with pytest.raises(InvalidInput):
            wrong()


@pytest.mark.parametrize(("truth", "outcome"), [(0.0, "refuted"), (0.1, "inconclusive"), (0.2, "supported")])
def test_what_the_power_says_of_the_arenas_verdict(truth: float, outcome: str) -> None:
    """The arena's two one-sided tests against the claim, on as many rows as the power asks for: nothing behind a claim
    is refuted in four of five tries, and an effect of `supported_from` supported; one as large as claimed is neither,
    but for alpha on each side."""
    claimed, alpha = 0.1, 0.05
    need = power_rows(metric("ppe10"), effect=claimed, unit="absolute", rows={"overall": 1})[0].rows_needed
    assert need is not None
    (row,) = power_rows(metric("ppe10"), effect=claimed, unit="absolute", rows={"overall": need})
    assert row.enough and row.supported_from == pytest.approx(2 * claimed, rel=0.01)
    error = claimed / (NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(0.8))
    seen = np.random.default_rng(1).normal(truth, error, 20_000)
    reach = NormalDist().inv_cdf(1 - alpha) * error
    shares = {"supported": np.mean(seen - reach > claimed), "refuted": np.mean(seen + reach < claimed)}
    shares["inconclusive"] = 1 - sum(shares.values())
    assert shares[outcome] == pytest.approx(0.9 if outcome == "inconclusive" else 0.8, abs=0.01)
