"""PSI against its reference number and its law, and alerts that know n."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ds_workflow.domain.drift import Profile, compare, profile, psi
from ds_workflow.errors import InvalidInput

LIMITS = {"maximum_psi": 0.2, "alpha": 0.05, "minimum_rows": 200}


def frame(n: int, seed: int, *, shift: float = 0.0, kinds: str = "abcd") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, n)
    return pd.DataFrame(
        {"x": x, "holes": np.where(rng.random(n) < 0.2, np.nan, x), "kind": rng.choice(list(kinds), n), "one": 3.0}
    )


def test_the_reference_number() -> None:
    """p = ten shares of 0.1, q = (.2, 0, .1 x 8), an empty bin taken as a share of 1e-4: 0.7594."""
    assert psi([1000] * 10, [2000, 0, *[1000] * 8], empty=1.0) == pytest.approx(0.7594, abs=5e-5)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(sum))
def test_psi_of_a_thing_with_itself_is_nought_and_never_below(counts: list[int]) -> None:
    assert psi(counts, counts) == 0.0
    assert psi(counts, counts[::-1]) >= 0.0
    assert psi(counts, counts[::-1]) == pytest.approx(psi(counts[::-1], counts))


def test_without_drift_the_mean_is_the_expected_and_the_p_value_even() -> None:
    reference = profile(frame(20_000, 0))
    found = [compare(reference, frame(2000, seed)).features["x"] for seed in range(1, 300)]
    assert np.mean([f.psi for f in found]) == pytest.approx(found[0].expected, rel=0.15)
    assert stats.kstest([f.p_value for f in found], "uniform").pvalue > 0.001


def test_alerts_need_size_and_evidence() -> None:
    reference = profile(frame(20_000, 0))
    assert compare(reference, frame(2000, 1)).alerts(**LIMITS) == ()
    assert compare(reference, frame(2000, 1, shift=0.8)).alerts(**LIMITS) == ("holes", "x")
    assert compare(reference, frame(200_000, 1, shift=0.03)).features["x"].p_adjusted < 0.01
    assert compare(reference, frame(200_000, 1, shift=0.03)).alerts(**LIMITS) == ()  # certain, and tiny
    few = compare(reference, frame(60, 1, shift=0.8))
    assert few.alerts(**LIMITS) == () and "x" in few.unknown(minimum_rows=200)


def test_vanished_new_and_missing_values_count() -> None:
    reference = profile(frame(5000, 0))
    gone = compare(reference, frame(2000, 1, kinds="abc"))
    assert "kind" in gone.alerts(**LIMITS)
    assert "kind" in compare(reference, frame(2000, 1, kinds="abcde")).alerts(**LIMITS)
    whole = frame(2000, 1).assign(holes=np.nan)
    assert "holes" in compare(reference, whole).alerts(**LIMITS)
    moved = frame(2000, 1).assign(one=3.0000001)
    assert "one" in compare(reference, moved).alerts(**LIMITS)
    assert compare(reference, frame(2000, 1)).features["one"].psi == 0.0


def test_an_outlier_does_not_hide_a_shift() -> None:
    reference_rows = frame(5000, 0)
    reference_rows.loc[0, "x"] = 1e9
    assert "x" in compare(profile(reference_rows), frame(2000, 1, shift=0.8)).alerts(**LIMITS)


def test_a_profile_survives_json() -> None:
    reference = profile(frame(3000, 0))
    again = Profile.from_dict(json.loads(json.dumps(reference.to_dict())))
    assert again == reference
    assert compare(again, frame(500, 1)) == compare(reference, frame(500, 1))


def test_what_is_not_there_is_refused() -> None:
    reference = profile(frame(300, 0))
    with pytest.raises(InvalidInput, match="no column x"):
        compare(reference, frame(300, 1).drop(columns="x"))
    with pytest.raises(InvalidInput, match="no rows"):
        compare(reference, frame(300, 1).head(0))
    with pytest.raises(InvalidInput, match="needs rows"):
        profile(frame(300, 1).head(0))
    with pytest.raises(InvalidInput, match="same length"):
        psi([1, 2], [1])
