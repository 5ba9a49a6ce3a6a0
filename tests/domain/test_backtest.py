"""Rolling origins: what is known, what is judged, and the table of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.domain import backtest
from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.errors import InvalidInput

DAYS = np.arange("2024-01-01", "2024-03-11", dtype="datetime64[D]")  # ten weeks


@given(st.integers(1, 8), st.integers(1, 14), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_folds_know_the_past_only_and_share_no_day(count: int, horizon: int, least: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    day = rng.permutation(np.repeat(DAYS, 3))
    try:
        found = backtest.folds(day, count=count, horizon=horizon, least=least)
    except InvalidInput:
        assert len(DAYS) < horizon + least
        return
    assert 1 <= len(found) <= count
    for fold in found:
        assert (day[fold.train] < fold.origin).all()
        assert ((day[fold.test] >= fold.origin) & (day[fold.test] < fold.origin + horizon)).all()
        assert len(fold.train) + (day >= fold.origin).sum() == len(day)  # everything before the origin is learned from
        assert len(np.unique(day[fold.train])) >= least
        assert (np.diff(fold.train) > 0).all()
    judged = np.concatenate([fold.test for fold in found])
    assert len(np.unique(judged)) == len(judged)
    origins = [fold.origin for fold in found]
    assert origins == sorted(origins)
    assert origins[-1] + horizon == DAYS[-1] + 1  # the last fold ends with the rows


def test_a_fold_without_rows_or_past_is_left_out() -> None:
    gap = DAYS[(np.datetime64("2024-02-19") > DAYS) | (np.datetime64("2024-02-26") <= DAYS)]
    found = backtest.folds(gap, count=4, horizon=7, least=28)
    assert [str(f.origin) for f in found] == ["2024-02-12", "2024-02-26", "2024-03-04"]
    assert len(backtest.folds(DAYS, count=9, horizon=7, least=28)) == 6


@pytest.mark.parametrize(
    ("days", "options", "words"),
    [
        (DAYS[:0], {}, "no rows to backtest on"),
        (DAYS[:30], {}, "30 days leave no fold of 7 days after 28"),
        (DAYS, {"count": 0}, "at least one fold"),
        (DAYS, {"horizon": 0}, "at least one fold"),
    ],
)
def test_what_leaves_no_fold_is_refused(days: np.ndarray, options: dict[str, int], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        backtest.folds(days, **options)


def part(seed: int, n: int) -> Scored:
    rng = np.random.default_rng(seed)
    truth = rng.poisson(20, n).astype(float)
    return Scored(np.arange(n), truth, truth + 1, truth - 2, truth + 2, {"g": np.full(n, str(seed), dtype=object)})


def test_the_last_line_is_of_all_rows_together() -> None:
    first, second = part(1, 10), part(2, 30)
    lines = backtest.table(["wape", "mase", "coverage_80"], [(DAYS[0], first), (DAYS[7], second)])
    assert [(line.origin, line.rows) for line in lines] == [("2024-01-01", 10), ("2024-01-08", 30), ("all", 40)]
    assert lines[2].figures["wape"] == pytest.approx(40 / (first.truth.sum() + second.truth.sum()))
    assert lines[0].figures["wape"] == pytest.approx(METRICS["wape"](first))
    assert all("mase" not in line.figures for line in lines)  # no scale was given


def test_joined_tables_keep_what_all_of_them_have() -> None:
    first, second = part(1, 3), replace(part(2, 2), lower=None, groups={})
    whole = backtest.joined([first, second])
    assert whole.truth.tolist() == [*first.truth, *second.truth]
    assert whole.lower is None
    assert whole.upper is not None
    assert whole.groups == {}
    with pytest.raises(InvalidInput, match="no scored rows"):
        backtest.joined([])
