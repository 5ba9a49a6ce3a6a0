"""Figures of forecasts: against other libraries, closed forms, hand-made examples and laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error

from ds_workflow.adapters import models
from ds_workflow.domain import forecasting, health, resample
from ds_workflow.domain.forecasting import BUSY, THIN, VOLUME, Known, Series
from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.domain.snapshot import holdout_mask
from ds_workflow.errors import InvalidInput

WEEKLY = Series("shop", season=7, busy=20.0, naive_feature="last_week")
NAMES = tuple(m.name for m in forecasting.METRICS)


def counted(n: int = 2_000, *, seed: int = 1) -> Scored:
    """Poisson counts of means from 0.1 to 60, forecast with an error of its own, in clusters of days."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.uniform(np.log(0.1), np.log(60), n))
    truth = rng.poisson(mean).astype(float)
    forecast = mean * np.exp(rng.normal(0, 0.1, n))
    reach = np.sqrt(forecast + 1)
    return Scored(
        np.arange(n),
        truth,
        forecast,
        np.maximum(forecast - reach, 0),
        forecast + reach,
        {VOLUME: forecasting.volume_groups(mean, 20.0), "cluster": np.arange(n) // 100},
        lower95=np.maximum(forecast - 2 * reach, 0),
        upper95=forecast + 2 * reach,
        scale=np.where(rng.random(n) < 0.1, 0.0, np.sqrt(mean)),
    )


# --- the metrics -----------------------------------------------------------------------------------------------------


def test_wape_and_mape_are_those_of_scikit_learn() -> None:
    s = counted()
    assert METRICS["wape"](s) == pytest.approx(mean_absolute_error(s.truth, s.prediction) / s.truth.mean())
    busy = (s.groups[VOLUME] == BUSY) & (s.truth > 0)
    assert 100 < busy.sum() < len(s)
    expected = mean_absolute_percentage_error(s.truth[busy], s.prediction[busy])
    assert METRICS["mape_busy"](s) == pytest.approx(expected)


def test_every_figure_by_hand() -> None:
    s = Scored(
        np.arange(4),
        np.array([0.0, 10.0, 20.0, 30.0]),
        np.array([1.0, 12.0, 18.0, 33.0]),
        np.array([0.0, 11.0, 15.0, 30.0]),
        np.array([2.0, 14.0, 21.0, 40.0]),
        {VOLUME: np.array([BUSY, THIN, BUSY, BUSY], dtype=object)},
        lower95=np.zeros(4),
        upper95=np.array([5.0, 20.0, 19.0, 50.0]),
        scale=np.array([2.0, 4.0, 0.0, np.nan]),
    )
    by_hand = {
        "wape": 8 / 60,
        "mase": (1 / 2 + 2 / 4) / 2,  # a series without a scale is left out
        "mape_busy": (2 / 20 + 3 / 30) / 2,  # a count of 0 has no percentage, a thin row is not asked
        "volume_bias": 4 / 60,
        "coverage_80": 3 / 4,
        "coverage_95": 3 / 4,
        "spread_80": (2 + 3 + 6 + 10) / 60,
        "spread_95": (5 + 20 + 19 + 50) / 60,
    }
    assert set(by_hand) == set(NAMES)
    for name, figure in by_hand.items():
        assert METRICS[name](s) == pytest.approx(figure), name
    assert METRICS["volume_bias"].loss(-0.1) == METRICS["volume_bias"].loss(0.1) == pytest.approx(0.1)


def test_weights_count_rows_that_many_times() -> None:
    s = counted(300)
    times = np.random.default_rng(2).integers(1, 4, len(s))
    repeated = s.take(np.repeat(np.arange(len(s)), times))
    weighted = replace(s, weight=times.astype(float))
    for name in NAMES:
        assert METRICS[name](weighted) == pytest.approx(METRICS[name](repeated)), name


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_resampling_is_that_of_the_rows_themselves(name: str) -> None:
    s, m = counted(600), METRICS[name]
    coded, count = resample.codes(s.groups["cluster"])
    asks = (resample.Ask("quick", m, s), resample.Ask("whole", replace(m, form="whole"), s))
    drawn = resample.draw([resample.Cell(coded, asks)], clusters=count, resamples=50, seed=3)
    np.testing.assert_allclose(drawn["quick"], drawn["whole"], rtol=1e-9)


def test_what_can_not_be_measured_says_why() -> None:
    s = counted(200)
    bare = replace(s, scale=None, groups={}, lower=None, lower95=None)
    said = {name: METRICS[name].absent(bare) for name in NAMES}
    assert "training rows" in said["mase"]
    assert "training rows" in said["mape_busy"]
    assert "no lower" in said["coverage_80"]
    assert "no lower95" in said["spread_95"]
    assert said["wape"] == ""
    none = replace(s, truth=np.zeros(200), scale=np.zeros(200))
    assert "all true counts are 0" in METRICS["wape"].absent(none)
    assert "no error in training" in METRICS["mase"].absent(none)
    assert "no row is busy" in METRICS["mape_busy"].absent(none)


# --- the seasonal naive and the yardstick ----------------------------------------------------------------------------


def table(counts: dict[str, list[float]], *, first: str = "2024-01-01") -> pd.DataFrame:
    """Daily rows of each shop, from one day on; NaN leaves a day out."""
    parts = [
        pd.DataFrame({"shop": shop, "day": pd.date_range(first, periods=len(values)), "sold": values})
        for shop, values in counts.items()
    ]
    return pd.concat(parts, ignore_index=True).dropna(ignore_index=True)


def stick(train: pd.DataFrame, rows: pd.DataFrame) -> forecasting.Yardstick:
    return forecasting.yardstick(WEEKLY, train, rows, time_column="day", target="sold")


def test_the_yardstick_by_hand() -> None:
    train = table({"a": [1, 2, 3, 4, 5, 6, 7, 3, 2, 3, 4, 5, 6, 11], "b": [5] * 14, "c": [9] * 5})
    rows = table({"a": [0, 0], "b": [0], "c": [0], "d": [0]}, first="2024-01-15")  # a Monday, as the first day
    found = stick(train, rows)
    # a: of seven pairs, two differ, by 2 and by 4; b never changes; c has no second week; d is new
    assert found.scale[:2] == pytest.approx(6 / 7)
    assert found.scale[2] == 0
    assert np.isnan(found.scale[3:]).all()
    np.testing.assert_allclose(found.usual, [2, 2, 5, 9, np.nan])  # the means of its Mondays, of its Tuesdays ...


@given(st.lists(st.integers(0, 50), min_size=15, max_size=60), st.floats(0.01, 100))
def test_mase_of_the_seasonal_naive_in_training_is_one_in_any_unit(values: list[int], unit: float) -> None:
    """The law that gives the measure its meaning (Hyndman and Koehler 2006, section 3)."""
    train = table({"a": [unit * v for v in values]})
    known = Known(train["shop"].to_numpy(), WEEKLY.moment(train, "day"), train["sold"].to_numpy())
    rows = train.iloc[7:]
    answer = forecasting.seasonal_naive(known, rows["shop"].to_numpy(), WEEKLY.moment(rows, "day"), season=7)
    scored = Scored(rows.index.to_numpy(), rows["sold"].to_numpy(), answer, scale=stick(train, rows).scale)
    if METRICS["mase"].absent(scored):
        assert scored.truth == pytest.approx(answer)  # weeks that are all alike leave no scale
    else:
        assert METRICS["mase"](scored) == pytest.approx(1)


def test_the_seasonal_naive_takes_the_newest_season_that_is_known_and_nothing_later() -> None:
    values = [10.0, 11.0, np.nan, 13.0, 14.0, 15.0, 16.0, 20.0, np.nan, np.nan, 23.0, 24.0, 25.0, 26.0]
    past = table({"a": values})
    known = Known(past["shop"].to_numpy(), WEEKLY.moment(past, "day"), past["sold"].to_numpy())
    ahead = table({"a": [0.0] * 10, "z": [0.0]}, first="2024-01-15")
    answer = forecasting.seasonal_naive(known, ahead["shop"].to_numpy(), WEEKLY.moment(ahead, "day"), season=7)
    np.testing.assert_array_equal(answer, [20, 11, np.nan, 23, 24, 25, 26, 20, 11, np.nan, np.nan])
    eighth = WEEKLY.moment(past, "day")[:1] + 7
    inside = forecasting.seasonal_naive(known, np.array(["a"], dtype=object), eighth, season=7)
    assert inside.tolist() == [10]  # its own week's 20 is not looked at


def test_one_moment_has_one_count() -> None:
    with pytest.raises(InvalidInput, match="two counts for one moment"):
        Known(np.array(["a", "b", "a"], dtype=object), np.array([5, 5, 5]), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(Known(np.array([]), np.array([], dtype=int), np.array([])).at(np.array(["a"]), np.array([1]))).all()


# --- what chance leaves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.3, 1.0, 4.7, 20.0, 90.5])
def test_what_chance_leaves_of_a_poisson_count(mean: float) -> None:
    count = np.arange(0, 400)
    chance = stats.poisson.pmf(count, mean)
    assert forecasting.poisson_wape(np.array([mean]))[0] == pytest.approx((chance * np.abs(count - mean)).sum() / mean)
    drawn = np.random.default_rng(4).poisson(mean, 400_000)
    above = drawn[drawn > 0]
    assert forecasting.poisson_mape(mean) == pytest.approx(
        mean_absolute_percentage_error(above, np.full(len(above), mean)), rel=0.01
    )


def test_twenty_is_the_least_mean_at_which_nobody_need_err_by_a_fifth() -> None:
    assert forecasting.poisson_mape(20) < 0.20 < forecasting.poisson_mape(19)


def test_who_knows_the_mean_errs_by_what_chance_leaves() -> None:
    rng = np.random.default_rng(5)
    mean = np.exp(rng.uniform(np.log(0.5), np.log(80), 60_000))
    scored = Scored(np.arange(len(mean)), rng.poisson(mean).astype(float), mean)
    classes = forecasting.by_volume(scored, mean, cuts=(0.0, 1.0, 5.0, 20.0, 1_000.0))
    assert [(c.low, c.high) for c in classes] == [(0, 1), (1, 5), (5, 20), (20, 1_000)]  # none beyond the last cut
    assert sum(c.share for c in classes) == pytest.approx(1)
    assert sum(c.rows for c in classes) == len(mean)
    for c in classes:
        assert c.wape == pytest.approx(c.wape_left, rel=0.03)
        assert c.mape == pytest.approx(c.mape_left, rel=0.03)


def test_series_add_up_by_moment() -> None:
    scored = Scored(np.arange(4), np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 2.0, 0.0]))
    sums = forecasting.totals(scored, np.array([7, 5, 7, 5]))
    assert sums.truth.tolist() == [6, 4]
    assert sums.prediction.tolist() == [2, 4]
    assert METRICS["wape"](sums) == pytest.approx(4 / 10)
    assert METRICS["mape_busy"](sums) == pytest.approx((4 / 6 + 0) / 2)


# --- the declaration, and what knows of it ---------------------------------------------------------------------------


def test_a_forecast_and_nothing_else_declares_series(problem: Problem) -> None:
    with pytest.raises(InvalidInput, match="declares the series"):
        replace(problem, task="forecast")
    with pytest.raises(InvalidInput, match="declares the series"):
        replace(problem, series=replace(WEEKLY, naive_feature="age"))
    for season, steps in ((0, 1), (7, 0), (12, 24)):
        with pytest.raises(InvalidInput, match="has no meaning"):
            Series("shop", season=season, busy=1, naive_feature="age", steps_a_day=steps)


def test_hours_are_counted_through_the_days() -> None:
    hourly = Series("shop", season=168, busy=1, naive_feature="x", step_column="hour", steps_a_day=24)
    rows = pd.DataFrame({"day": pd.to_datetime(["1970-01-01", "1970-01-02", "1970-01-08"]), "hour": [3.0, 0.0, 3.0]})
    assert hourly.moment(rows, "day").tolist() == [3, 24, 171]


def test_the_last_month_is_held_out(problem: Problem) -> None:
    days = pd.DataFrame({"day": pd.date_range("2024-01-15", "2024-04-10")})
    monthly = replace(problem, split=Split("last_month"), columns=(Column("day", "date", "day"),))
    assert days["day"][holdout_mask(monthly, days)].min() == pd.Timestamp("2024-04-01")
    with pytest.raises(InvalidInput, match="nothing is left to train on"):
        holdout_mask(monthly, days.iloc[-5:])
    with pytest.raises(InvalidInput, match="needs a time column"):
        replace(problem, time_column="", split=Split("last_month"))


def test_counts_of_zero_have_residuals_by_month() -> None:
    time = np.array(["2024-01-05", "2024-01-06", "2024-02-01"], dtype="datetime64[D]")
    s = Scored(np.arange(3), np.array([0.0, 8.0, 10.0]), np.array([1.0, 9.0, 5.0]), time=time)
    found = models.residuals_by_month(s, replace(s, prediction=s.truth))
    assert [(f["month"], f["rows"]) for f in found] == [("2024-01", 2), ("2024-02", 1)]
    assert [f["challenger"] for f in found] == pytest.approx([2 / 8, -5 / 10])
    assert [f["champion"] for f in found] == [0, 0]


def test_scored_forecasts_survive_the_disk() -> None:
    s = counted(50)
    read = models.from_frame(models.to_frame(s))
    for name in ("lower95", "upper95", "scale"):
        np.testing.assert_array_equal(getattr(read, name), getattr(s, name))
    np.testing.assert_array_equal(read.groups[VOLUME], s.groups[VOLUME])


@pytest.mark.parametrize(("worse", "status"), [(1.0, "healthy"), (2.5, "critical")])
def test_a_month_is_judged_by_its_halves(worse: float, status: str) -> None:
    rng = np.random.default_rng(6)
    day = np.repeat(np.arange("2024-04-01", "2024-05-01", dtype="datetime64[D]"), 100)
    truth = rng.poisson(30, len(day)).astype(float)
    late = day >= np.datetime64("2024-04-16")
    answer = truth + rng.normal(0, 3, len(day)) * np.where(late, worse, 1.0)
    scored = Scored(np.arange(len(day)), truth, answer, groups={"cluster": day.astype(str)}, time=day)
    found = health.decay(scored, "wape", seed=1)
    assert found.status == status
    assert "newest 15 days" in found.detail
