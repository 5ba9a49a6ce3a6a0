"""Adjusted p-values against R's p.adjust and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from pytest import approx
from statsmodels.stats.multitest import multipletests

from ds_workflow.domain.multiplicity import ADJUSTMENTS

GIVEN = (0.01, 0.02, 0.03, 0.04, 0.05, 0.001)
R = {
    "bonferroni": (0.06, 0.12, 0.18, 0.24, 0.30, 0.006),
    "holm": (0.05, 0.08, 0.09, 0.09, 0.09, 0.006),
    "hochberg": (0.05, 0.05, 0.05, 0.05, 0.05, 0.006),
    "benjamini-hochberg": (0.03, 0.04, 0.045, 0.048, 0.05, 0.006),
    "benjamini-yekutieli": (0.0735, 0.098, 0.11025, 0.1176, 0.1225, 0.0147),
}
STATSMODELS = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "benjamini-hochberg": "fdr_bh",
    "benjamini-yekutieli": "fdr_by",
}


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_adjusted_p_values_are_those_of_r_and_of_statsmodels(name: str) -> None:
    assert ADJUSTMENTS[name](GIVEN) == approx(R[name], abs=1e-12)
    rng = np.random.default_rng(3)
    for size in (1, 2, 17):
        p = np.round(rng.uniform(size=size) ** 3, 2)  # with ties
        assert ADJUSTMENTS[name](p) == approx(multipletests(p, method=STATSMODELS[name])[1], rel=1e-12)
