"""Corrections against R's p.adjust, and Holm's promise on many null families."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.domain.multiplicity import benjamini_hochberg, bonferroni, holm
from ds_workflow.errors import InvalidInput

P = (0.01, 0.02, 0.03, 0.04, 0.05, 0.001)


def test_r_p_adjust() -> None:
    assert bonferroni(P) == pytest.approx([0.06, 0.12, 0.18, 0.24, 0.30, 0.006])
    assert holm(P) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09, 0.006])
    assert benjamini_hochberg(P) == pytest.approx([0.03, 0.04, 0.045, 0.048, 0.05, 0.006])


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusting_never_helps_and_keeps_the_order(p: list[float]) -> None:
    for adjusted in (holm(p), benjamini_hochberg(p)):
        assert np.all(adjusted >= np.array(p)) and np.all(adjusted <= 1)
        order = np.argsort(p, kind="stable")
        assert np.all(np.diff(adjusted[order]) >= 0)
    assert np.all(holm(p) >= benjamini_hochberg(p) - 1e-12)


def test_family_wise_error_stays_below_alpha() -> None:
    rng = np.random.default_rng(1)
    wrong = np.mean([holm(rng.uniform(size=12)).min() <= 0.05 for _ in range(4000)])
    assert 0.035 < wrong < 0.06


@pytest.mark.parametrize("bad", [[1.2], [-0.1], [float("nan")], [[0.1]]])
def test_what_is_no_p_value_is_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidInput):
        holm(bad)
