"""Units and arms: uniform, stable, only growing; and what a trial shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ds_workflow.domain import traffic
from ds_workflow.domain.traffic import CHALLENGER, CHAMPION, FALLBACK, SHADOW, Trial, judge, place
from ds_workflow.errors import InvalidInput
from registry.records import VersionRef

TRIAL = Trial(
    id="T-1", problem="p", mode="ab", champion=VersionRef(1, "a" * 64), challenger=VersionRef(2, "b" * 64),
    proposal_id="P-1", salt="salt", share=0.3, started_at="2026-03-01T00:00:00Z", started_by="ana",
)  # fmt: skip
UNITS = [f"user {i}" for i in range(20_000)]


def test_places_are_uniform_and_independent_of_another_salt() -> None:
    here = np.array([place("one", unit) for unit in UNITS])
    there = np.array([place("two", unit) for unit in UNITS])
    assert stats.kstest(here, "uniform").pvalue > 0.001
    assert abs(stats.pearsonr(here, there).statistic) < 4 / np.sqrt(len(UNITS))
    assert here.min() >= 0
    assert here.max() < 1


@given(unit=st.text(), low=st.floats(0.001, 1), high=st.floats(0.001, 1), salt=st.text(max_size=8))
def test_a_larger_share_only_adds_units(unit: str, low: float, high: float, salt: str) -> None:
    low, high = sorted((low, high))
    first = replace(TRIAL, salt=salt, share=low).arm(unit)
    then = replace(TRIAL, salt=salt, share=high).arm(unit)
    assert first != CHALLENGER or then == CHALLENGER
    assert replace(TRIAL, salt=salt, share=1.0).arm(unit) == CHALLENGER


def test_the_share_is_kept_and_a_trial_survives_being_written() -> None:
    arms = [TRIAL.arm(unit) for unit in UNITS]
    assert stats.binomtest(arms.count(CHALLENGER), len(arms), 0.3).pvalue > 0.001
    again = Trial.from_dict(TRIAL.to_dict())
    assert again == TRIAL
    assert [again.arm(unit) for unit in UNITS] == arms
    assert {replace(TRIAL, mode="shadow").arm(unit) for unit in UNITS} == {CHAMPION, SHADOW}


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_that_can_not_be(share: float) -> None:
    with pytest.raises(InvalidInput):
        traffic.require_share(share)


def rows_of(n: int, *, seed: int, gain: float, share: float = 0.3, labelled: bool = True) -> pd.DataFrame:
    """One row a unit; the challenger's probabilities lie nearer to the truth by `gain`."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.5).astype(float)
    error = np.clip(rng.normal(0.35, 0.1, n), 0, 1)
    arm = np.where([place("salt", f"u{seed}-{i}") < share for i in range(n)], CHALLENGER, CHAMPION)
    error = np.where(arm == CHALLENGER, np.clip(error - gain, 0, 1), error)
    return pd.DataFrame(
        {
            "arm": arm,
            "unit": [f"u{seed}-{i}" for i in range(n)],
            "request": [f"Q-{i}" for i in range(n)],
            "row": 0,
            "answer": np.where(truth == 1, 1 - error, error),
            "label": truth if labelled else np.nan,
            "milliseconds": 1.0,
            "at": "2026-03-02T00:00:00Z",
        }
    )


def split_of(rows: pd.DataFrame, share: float = 0.3) -> dict[str, float]:
    return {CHAMPION: len(rows) * (1 - share), CHALLENGER: len(rows) * share}


def test_a_real_gain_is_found_and_its_size_is_the_mean_difference() -> None:
    rows = rows_of(4_000, seed=1, gain=0.1)
    found = judge(TRIAL, "binary", rows, split_of(rows))
    loss = (rows["answer"] - rows["label"]) ** 2
    means = loss.groupby(rows["arm"]).mean()
    assert found.verdict == "better"
    assert found.difference == pytest.approx(means[CHALLENGER] - means[CHAMPION])
    assert found.interval is not None
    assert found.interval[1] < 0
    assert found.split_p is not None
    assert found.split_p > 0.001
    assert found.arms[CHALLENGER].loss == pytest.approx(means[CHALLENGER])


def test_no_gain_is_hardly_ever_taken_for_one() -> None:
    """The interval holds at every look: over 60 trials without a difference it may be left at most about 5 % times."""
    alarms = 0
    for seed in range(60):
        rows = rows_of(300, seed=seed, gain=0.0)
        looks = [judge(TRIAL, "binary", rows.head(n), split_of(rows.head(n))).verdict for n in (80, 160, 300)]
        alarms += any(verdict in ("better", "worse") for verdict in looks)
    assert alarms <= stats.binom.ppf(0.999, 60, 0.05)


def test_a_split_that_is_off_makes_the_trial_invalid() -> None:
    rows = rows_of(4_000, seed=2, gain=0.1)
    kept = rows[(rows["arm"] == CHAMPION) | (np.arange(len(rows)) % 3 > 0)]  # a third of the challenger's units is lost
    assert judge(TRIAL, "binary", kept, split_of(kept)).verdict == "invalid"


def test_what_the_champion_answered_in_the_challenger_s_place_counts_as_the_challenger_s() -> None:
    rows = rows_of(2_000, seed=3, gain=0.1)
    fell = rows["arm"].where((rows["arm"] == CHAMPION) | (np.arange(len(rows)) % 2 == 0), FALLBACK)
    found = judge(TRIAL, "binary", rows.assign(arm=fell), split_of(rows))
    assert found.arms[CHALLENGER].units == int((rows["arm"] == CHALLENGER).sum())


def test_without_labels_nothing_is_said() -> None:
    rows = rows_of(200, seed=4, gain=0.1, labelled=False)
    found = judge(TRIAL, "binary", rows, split_of(rows))
    assert (found.verdict, found.difference) == ("no labels", None)
    empty = judge(TRIAL, "binary", rows.head(0), {CHAMPION: 0.0, CHALLENGER: 0.0})
    assert (empty.verdict, empty.split_p) == ("no labels", None)


def test_shadow_compares_the_same_requests_in_pairs() -> None:
    """Against scipy's one-sample t: the same estimate, and far sharper than two separate arms would be."""
    rng = np.random.default_rng(5)
    n = 600
    truth = (rng.random(n) < 0.5).astype(float)
    error = rng.uniform(0.1, 0.6, n)
    parts: list[dict[str, Any]] = []
    for arm, less in ((CHAMPION, 0.0), (SHADOW, 0.02)):
        answer = np.where(truth == 1, 1 - (error - less), error - less)
        parts += [
            {"arm": arm, "unit": f"u{i % 200}", "request": f"Q-{i}", "row": 0, "answer": a, "label": t,
             "milliseconds": 2.0, "at": "x"}
            for i, (a, t) in enumerate(zip(answer, truth, strict=True))
        ]  # fmt: skip
    rows = pd.DataFrame(parts)
    found = judge(replace(TRIAL, mode="shadow"), "binary", rows, {CHAMPION: 1.0, CHALLENGER: 1.0})
    gap = ((error - 0.02) ** 2 - error**2).reshape(3, 200).mean(axis=0)
    assert found.verdict == "better"
    assert found.difference == pytest.approx(gap.mean())
    assert found.split_p is None
    assert found.arms[CHALLENGER].units == 200


def test_losses_by_task() -> None:
    answer, label = pd.Series([10.0, 5.0]), pd.Series([8.0, 0.0])
    assert traffic.losses("forecast", answer, label).tolist() == [2.0, 5.0]
    shares = traffic.losses("regression", answer, label)
    assert shares[0] == 0.25
    assert np.isnan(shares[1])


def test_expected_units_follow_the_shares_in_force() -> None:
    shares = [("2026-03-01", 0.1), ("2026-03-05", 0.5)]
    seen = {CHAMPION: ["2026-03-02", "2026-03-06"], CHALLENGER: ["2026-03-06", "2026-02-01"]}
    assert traffic.expected_units(shares, seen) == {CHALLENGER: pytest.approx(1.2), CHAMPION: pytest.approx(2.8)}
