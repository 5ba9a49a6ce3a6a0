"""taxi_demand: reading trips and counts, refusing others, cleaning, as-of features, the simulator, the declaration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import policies
from ds_workflow.domain import mutants
from ds_workflow.domain.contract import check_rows
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.taxi_demand import clock

TAXI = plugins.load("problems", "taxi_demand")
PROBLEM = TAXI.PROBLEM
LOOKUP = "LocationID,Borough,Zone\n74,Manhattan,East Harlem North\n130,Queens,Jamaica\n264,N/A,NV\n"


def trips(
    folder: Path, name: str, times: list[str | None], zones: list[float], *, column: str = "lpep_pickup_datetime"
) -> None:
    """A file of trips as published: more columns than are wanted."""
    frame = pd.DataFrame({"VendorID": 2, column: pd.to_datetime(times), "PULocationID": zones, "fare_amount": 9.5})
    frame.to_parquet(folder / name) if name.endswith(".parquet") else frame.to_csv(folder / name, index=False)


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """Two months of green trips and a table of zones, in one folder; one trip of a meter whose clock is off."""
    trips(
        tmp_path,
        "green_tripdata_2023-01.parquet",
        [f"2023-01-{t}" for t in ("30 17:00:00", "30 17:59:59", "31 00:10:00")]
        + ["2009-01-01 00:00:00", "2023-02-01 00:00:03"],
        [74, 74, 130, 74, 130],
    )  # fmt: skip
    trips(tmp_path, "green_tripdata_2023-02.parquet", ["2023-02-01 05:00:00", "2023-02-01 05:00:00"], [130, 264])
    (tmp_path / "taxi_zone_lookup.csv").write_text(LOOKUP)
    return tmp_path


@pytest.fixture(scope="module")
def cleaned() -> pd.DataFrame:
    """Ten weeks of the simulator, up to the end of May."""
    rows, _ = TAXI.clean(TAXI.simulate(rows=70 * 24 * 12, seed=7))
    return rows


@pytest.fixture(scope="module")
def features(cleaned: pd.DataFrame) -> Any:
    return TAXI.featurizer("v2.0", seed=1).fit(cleaned, cleaned["pickups"].to_numpy())


def ask(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Requests of zone, day and hour, as the contract hands them on."""
    frame, errors = check_rows(PROBLEM, [{"zone": z, "day": d, "hour": h} for z, d, h in rows])
    assert not errors
    return frame


# --- the loader ------------------------------------------------------------------------------------------------------


def test_trips_become_hours_of_zones_with_their_borough(months: Path) -> None:
    rows, dropped = TAXI.clean(TAXI.load(months))
    busy = rows[rows["pickups"] > 0].set_index("count_id")
    assert busy["pickups"].to_dict() == {"2023-01-30T17/74": 2, "2023-01-31T00/130": 1, "2023-02-01T05/130": 1}
    assert busy["borough"].tolist() == ["Manhattan", "Queens", "Queens"]
    assert len(rows) == 3 * 24 * 2  # every hour of the three covered days and both zones
    assert dropped == {
        "trips without a time or zone": 0,
        "trips outside the month of their file": 2,
        "trips from an unknown place or outside the city (264, 265)": 1,
        "hours that the clock skips or repeats": 0,
    }


def test_the_table_of_zones_may_be_a_reference(months: Path, tmp_path: Path) -> None:
    alone, places = months / "green_tripdata_2023-01.parquet", months / "taxi_zone_lookup.csv"
    assert set(TAXI.load(alone)["borough"]) == {"Unknown"}
    assert set(TAXI.load(alone, references=[places])["borough"]) == {"Manhattan", "Queens"}
    with pytest.raises(InvalidInput, match="no table of zones"):
        TAXI.load(alone, references=[alone])


@pytest.mark.parametrize("name", ["yellow_tripdata_2023-01.parquet", "trips.csv"])
@pytest.mark.parametrize("column", ["tpep_pickup_datetime", "pickup_datetime", " Lpep_Pickup_DateTime"])
def test_other_headers_and_kinds_of_files_are_read_too(tmp_path: Path, name: str, column: str) -> None:
    trips(tmp_path, name, ["2023-01-30 17:00:00", "2023-01-30 18:30:00", None], [1.0, 1.0, 1.0], column=column)
    raw = TAXI.load(tmp_path / name)  # a file whose name tells no month is of the month of most of its trips
    rows, dropped = TAXI.clean(raw)
    assert rows["pickups"].sum() == 2
    assert dropped["trips without a time or zone"] == 1
    assert dropped["trips outside the month of their file"] == 0


def test_hourly_counts_of_the_city_are_one_zone(tmp_path: Path) -> None:
    hours = pd.date_range("2024-03-09", periods=72, freq="h", tz="UTC").astype(str)
    pd.DataFrame({"TimePeriod": hours, "Volume": range(72)}).to_csv(tmp_path / "city.csv", index=False)
    rows, dropped = TAXI.clean(TAXI.load(tmp_path / "city.csv"))
    assert set(rows["zone"]) == {"city"}
    assert dropped["hours that the clock skips or repeats"] == 1  # 2024-03-10, 02:00
    assert "2024-03-10T02/city" not in set(rows["count_id"])
    assert rows.set_index("count_id")["pickups"]["2024-03-10T03/city"] == 27


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_simulators_own_table_cleans_to_the_same_rows(tmp_path: Path, kind: str) -> None:
    raw = TAXI.simulate(rows=5_000, seed=3)
    getattr(raw, f"to_{kind}")(tmp_path / f"raw.{kind}", index=False)
    expected, dropped = TAXI.clean(raw)
    found, again = TAXI.clean(TAXI.load(tmp_path / f"raw.{kind}"))
    pd.testing.assert_frame_equal(found, expected)
    assert again == dropped


BAD = {
    "empty": ("x.csv", b"", "is empty"),
    "header only": ("x.csv", b"zone,day,hour,pickups\n", "a header and no rows"),
    "columns": ("x.csv", b"zone,when\n1,2\n", "lacks a pick-up time .* and PULocationID. Found: zone, when"),
    "no zone": ("x.csv", b"lpep_pickup_datetime,fare\n2023-01-01,2\n", "lacks PULocationID"),
    "time": ("x.csv", b"lpep_pickup_datetime,PULocationID\n2023-01-01,7\nsoon,7\n", "row 3: .* holds 'soon'; a date"),
    "zone": (
        "x.csv",
        b"lpep_pickup_datetime,PULocationID\n2023-01-01,7.5\n",
        "row 2: .*'7.5'; a whole number from 1 to",
    ),
    "count": ("x.csv", b"zone,day,hour,pickups\n7,2023-01-01,3,-1\n", "'pickups' holds '-1'; a whole number of at"),
    "no count": ("x.csv", b"zone,day,hour,pickups\n7,2023-01-01,3,\n", "'pickups' holds nan; a count"),
    "hour": ("x.csv", b"zone,day,hour,pickups\n7,2023-01-01,24,1\n", "'hour' holds '24'"),
    "no day": ("x.csv", b"zone,day,hour,pickups\n7,,3,1\n", "'day' holds nan"),
    "twice": ("x.csv", b"zone,day,hour,pickups\n7,2023-01-01,3,1\n7,2023-01-01,3,2\n", "counted twice"),
    "ragged": ("x.csv", b"zone,day,hour,pickups\n7,2023-01-01,3,1,9,9\n", "not a regular csv"),
    "encoding": ("x.csv", "zone,day,hour,pickups\nJamaïca,2023-01-01,3,1\n".encode("latin-1"), "is not UTF-8 text"),
    "parquet": ("x.parquet", b"PAR1 no parquet", "not a whole parquet file"),
    "suffix": ("x.xlsx", b"PK", "not of a readable kind"),
    "only zones": ("x.csv", LOOKUP.encode(), "holds no trips and no counts"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_in_words(kind: str, tmp_path: Path) -> None:
    name, content, words = BAD[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as caught:
        TAXI.load(tmp_path / name)
    assert caught.value.hint


def test_what_does_not_add_up_to_one_demand_is_refused(months: Path) -> None:
    with pytest.raises(InvalidInput, match="no file or folder"):
        TAXI.load(months / "nowhere")
    (months / "again").mkdir()
    with pytest.raises(InvalidInput, match="holds no file that can be read"):
        TAXI.load(months / "again")
    trips(months, "copy of green_tripdata_2023-02.parquet", ["2023-02-01 05:00:00"], [130])
    with pytest.raises(InvalidInput, match="zone 130, 2023-02-01, hour 5 is counted twice"):
        TAXI.load(months)
    trips(months, "yellow_tripdata_2023-02.parquet", ["2023-02-01"], [1], column="tpep_pickup_datetime")
    with pytest.raises(InvalidInput, match=r"2 kinds: green trips .*, yellow trips"):
        TAXI.load(months)
    (months / "other.csv").write_text("LocationID,Borough\n74,Bronx\n")
    with pytest.raises(InvalidInput, match="zone 74 into"):
        TAXI.load(
            months / "green_tripdata_2023-01.parquet",
            references=[months / "taxi_zone_lookup.csv", months / "other.csv"],
        )


# --- cleaning --------------------------------------------------------------------------------------------------------


def test_zones_and_boroughs_that_nobody_knows_are_refused() -> None:
    raw = TAXI.simulate(rows=600, seed=1)
    for column, value in (("zone", "999"), ("borough", "Atlantis")):
        with pytest.raises(InvalidInput, match=f"'{column}' holds '{value}'"):
            TAXI.clean(raw.assign(**{column: value}))
    with pytest.raises(InvalidInput, match="lack file_month"):
        TAXI.clean(raw.drop(columns="file_month"))
    with pytest.raises(InvalidInput, match="two boroughs"):
        TAXI.clean(raw.assign(borough=np.where(np.arange(len(raw)) % 5, "Bronx", "Queens")))
    with pytest.raises(InvalidInput, match="counted twice"):
        TAXI.clean(pd.concat([raw, raw]))
    with pytest.raises(InvalidInput, match="All counts are 0"):
        TAXI.clean(raw.assign(pickups=0.0))
    with pytest.raises(InvalidInput, match="No pick-up is left"):
        TAXI.clean(raw.assign(file_month="1999-01"))


def test_a_volume_class_is_cut_from_the_first_four_weeks_alone(cleaned: pd.DataFrame) -> None:
    mean = cleaned[cleaned["day"] < cleaned["day"].min() + pd.Timedelta(days=28)].groupby("zone")["pickups"].mean()
    classes = cleaned.drop_duplicates("zone").set_index("zone")["volume_class"]
    assert set(classes) == {"HIGH", "MEDIUM", "LOW"}
    for zone, name in classes.items():
        assert name == ("HIGH" if mean[zone] >= 10 else "MEDIUM" if mean[zone] >= 1 else "LOW")
    raw = TAXI.simulate(rows=70 * 24 * 12, seed=7)
    later = raw["pickups"].where(raw["day"] < raw["day"].min() + pd.Timedelta(days=28), 500.0)
    changed, _ = TAXI.clean(raw.assign(pickups=later))
    assert changed.drop_duplicates("zone").set_index("zone")["volume_class"].equals(classes)


def test_the_clock_changes_on_the_days_that_the_time_zone_says() -> None:
    days = np.arange("2019-01-01", "2026-01-01", dtype="datetime64[D]")
    hours = pd.DatetimeIndex((days[:, None] + np.arange(24).astype("timedelta64[h]")).ravel())
    known = hours.tz_localize("America/New_York", nonexistent="NaT", ambiguous="NaT").isna().reshape(-1, 24)
    assert known.sum() == 14
    np.testing.assert_array_equal(clock.clock_changes(days), known)


def test_the_calendar() -> None:
    days = np.array(["2023-05-29", "2023-05-28", "2023-05-27", "2023-07-04"], dtype="datetime64[D]").astype(int)
    assert clock.weekday(days).tolist() == [pd.Timestamp(int(d), unit="D").weekday() for d in days] == [0, 6, 5, 1]
    assert clock.day_kind(days).tolist() == [0, 2, 1, 0]
    assert clock.on(days, clock.holidays(days.min(), days.max())).tolist() == [1, 0, 0, 1]
    years = clock.holidays(*np.array(["2022-01-01", "2023-12-31"], dtype="datetime64[D]").astype(int))
    assert len(years) == 21  # eleven a year; New Year's Day of 2022 was observed in 2021


# --- features as of the midnight before ------------------------------------------------------------------------------


def test_lags_and_means_are_those_of_the_rows(cleaned: pd.DataFrame, features: Any) -> None:
    table = cleaned.set_index(["zone", "day", "hour"])["pickups"]
    day = pd.Timestamp("2023-05-25")
    found = features.transform(ask(("74", "2023-05-25", 17), ("82", "2023-05-25", 3)))
    for row, (zone, hour) in zip(found.to_dict("records"), (("74", 17), ("82", 3)), strict=True):
        week = [table[zone, day - pd.Timedelta(days=7 * k), hour] for k in (1, 2, 3, 4)]
        assert row["same_hour_last_week"] == week[0]
        usual = np.exp(row["usual_log"])
        assert min(week) - 2 <= usual <= max(week) + 2
        assert row["last_week_ratio"] == pytest.approx(np.log((week[0] + 1) / (usual + 1)))
        yesterday = table[zone, day - pd.Timedelta(days=1), hour]
        assert row["yesterday_ratio"] == pytest.approx(np.log((yesterday + 1) / (usual + 1)))
        assert (row["hour"], row["weekday"], row["holiday"]) == (hour, 3, 0)
    by_day = cleaned.groupby("day")["pickups"].sum()
    new = by_day[(by_day.index >= day - pd.Timedelta(days=7)) & (by_day.index < day)].sum()
    old = by_day[(by_day.index >= day - pd.Timedelta(days=28)) & (by_day.index < day - pd.Timedelta(days=7))].sum() / 3
    assert found["city_week_ratio"].iloc[0] == pytest.approx(np.log((new + 3) / (old + 3)))
    weekdays = [by_day[day - pd.Timedelta(days=1 + 7 * k)] for k in range(5)]
    expected = np.log((weekdays[0] + 3) / (np.mean(weekdays[1:]) + 3))
    assert found["city_yesterday_ratio"].iloc[0] == pytest.approx(expected)


def test_nothing_of_the_day_or_later_is_seen(cleaned: pd.DataFrame, features: Any) -> None:
    day = pd.Timestamp("2023-05-17")
    asked = cleaned[cleaned["day"] == day]
    later = (cleaned["day"] >= day).to_numpy()
    counts = cleaned["pickups"].to_numpy()
    before = features.transform(asked)
    for changed in (np.where(later, 3 * counts + 5, counts), np.where(later, 0.0, counts)):
        pd.testing.assert_frame_equal(features.with_history(cleaned, changed).transform(asked), before)
    gone = features.with_history(cleaned[~later], counts[~later])
    pd.testing.assert_frame_equal(gone.transform(asked), before)
    shifted = features.with_history(cleaned, np.where(~later, 2 * counts, counts)).transform(asked)
    assert (shifted["usual_log"] > before["usual_log"]).mean() > 0.9  # and what lies before is


def test_a_request_gets_what_the_table_gets(cleaned: pd.DataFrame, features: Any) -> None:
    rows = cleaned.iloc[::997]
    table = features.transform(rows)
    shuffled = features.transform(rows.sample(frac=1.0, random_state=1))
    pd.testing.assert_frame_equal(shuffled.loc[table.index], table)
    for i in (3, 11, len(rows) - 1):
        row = rows.iloc[i]
        one = features.transform(ask((row["zone"], str(row["day"].date()), int(row["hour"]))))
        np.testing.assert_array_equal(one.drop(columns="volume_class"), table.iloc[[i]].drop(columns="volume_class"))
        assert one["volume_class"].iloc[0] == row["volume_class"]


def test_a_holiday_is_told_by_what_sundays_are(features: Any) -> None:
    found = features.transform(ask(("75", "2023-05-29", 17), ("75", "2023-05-28", 17), ("75", "2023-05-23", 17)))
    assert found["holiday"].tolist() == [1, 0, 0]
    assert found["beside_holiday"].tolist() == [0, 1, 0]
    assert found["holiday_ratio"].iloc[0] < -0.5  # East Harlem South has 0.4 of its working days' pick-ups on Sundays
    assert found["holiday_ratio"].tolist()[1:] == [0, 0]


def test_the_first_days_have_no_usual_count(cleaned: pd.DataFrame, features: Any) -> None:
    found = features.transform(cleaned)
    known = found["usual_log"].notna().groupby(cleaned["day"]).all()
    assert known.tolist() == [False] * 7 + [True] * (len(known) - 7)
    assert found["city_week_ratio"].notna().groupby(cleaned["day"]).all().sum() == len(known) - 28


def test_beyond_the_known_days_the_newest_weeks_answer_until_they_are_too_old(
    cleaned: pd.DataFrame, features: Any
) -> None:
    table = cleaned.set_index(["zone", "day", "hour"])["pickups"]
    last = [table["74", pd.Timestamp(d), 17] for d in ("2023-05-25", "2023-05-26")]  # the last Thursday and Friday
    found = features.transform(
        ask(("74", "2023-06-01", 17), ("74", "2023-06-09", 17), ("74", "2023-06-29", 17), ("74", "2023-07-05", 17))
    )
    assert found["same_hour_last_week"].tolist()[:3] == [last[0], last[1], last[0]]
    assert found.drop(columns="volume_class").notna().all().all()
    with pytest.raises(InvalidInput, match="2023-07-06 lies more than 35 days after 2023-05-31") as caught:
        features.transform(ask(("74", "2023-06-01", 17), ("74", "2023-07-06", 17)))
    assert caught.value.hint
    with pytest.raises(InvalidInput, match="Row 0: zone 105 has no history"):
        features.transform(ask(("105", "2023-06-01", 17)))


def test_a_history_with_holes_is_refused(cleaned: pd.DataFrame, features: Any) -> None:
    counts = cleaned["pickups"].to_numpy()
    for rows, y, words in (
        (cleaned.iloc[1:], counts[1:], "every zone for each of its hours"),
        (cleaned, np.where(np.arange(len(counts)) == 5, -1, counts), "missing or negative"),
        (cleaned, counts[1:], "rows and a count for each"),
    ):
        with pytest.raises(InvalidInput, match=words):
            features.with_history(rows, y)
    with pytest.raises(InvalidInput, match="v9"):
        TAXI.featurizer("v9", seed=1)


def test_the_naive_baseline_is_the_seasonal_naive_of_the_features(cleaned: pd.DataFrame, features: Any) -> None:
    train, late = cleaned[cleaned["day"] < "2023-05-01"], cleaned[cleaned["day"] >= "2023-05-01"]
    naive = TAXI.naive().fit(train, train["pickups"])
    answers = naive.with_history(cleaned, cleaned["pickups"]).predict(late)
    np.testing.assert_array_equal(answers, features.transform(late)["same_hour_last_week"])
    repeated = naive.predict(late)  # without news it repeats the last week that it knows
    after = late["day"].to_numpy() >= np.datetime64("2023-05-08")
    assert (answers != repeated)[after].mean() > 0.3
    np.testing.assert_array_equal(answers[~after], repeated[~after])


# --- the simulator, and the declaration ------------------------------------------------------------------------------


def test_the_simulator_looks_like_the_green_cabs_of_early_2023() -> None:
    """Against figures of the trip records of January to March 2023: zones' means, weeks, nights, and the spread of days
    and hours beyond chance."""
    rows, _ = TAXI.clean(TAXI.simulate(rows=60_000, seed=5))
    table = rows.pivot_table(index=["day", "hour"], columns="zone", values="pickups")
    mean = table.mean()
    for zone, published in {"74": 18.0, "75": 12.9, "41": 5.8, "95": 5.2, "82": 3.9, "97": 3.0, "24": 0.66}.items():
        assert mean[zone] == pytest.approx(published, rel=0.10), zone
    weekend = np.isin(clock.weekday(table.index.get_level_values("day").to_numpy(dtype="datetime64[D]")), (5, 6))
    for zone, published in {"74": 0.81, "75": 0.40, "41": 1.04, "97": 1.21}.items():
        assert table[zone][weekend].mean() / table[zone][~weekend].mean() == pytest.approx(published, rel=0.08), zone
    hour = table.index.get_level_values("hour").to_numpy()
    for zone, published in {"74": 0.08, "75": 0.09, "41": 0.13, "82": 0.45}.items():
        assert table[zone][hour < 6].mean() / mean[zone] == pytest.approx(published, abs=0.05), zone
    day = table.index.get_level_values("day").to_numpy(dtype="datetime64[D]")
    groups = [clock.weekday(day), hour]
    for zone, published in {"74": 1.32, "75": 1.57, "41": 1.15, "82": 1.16}.items():  # variance over mean
        spread = table[zone].groupby(groups).var().mean() / mean[zone]
        assert spread == pytest.approx(published, abs=0.3), zone
    city = table.sum(axis=1).groupby(day).sum()
    shock = np.log(city / city.groupby(clock.weekday(city.index.to_numpy(dtype="datetime64[D]"))).transform("mean"))
    assert shock.std() == pytest.approx(0.074, abs=0.02)
    assert shock.autocorr(1) == pytest.approx(0.30, abs=0.2)
    assert (table["24"] == 0).mean() == pytest.approx(0.59, abs=0.05)


def test_the_declared_rule_of_busy_rows_is_the_one_that_chance_gives() -> None:
    assert PROBLEM.series is not None
    assert PROBLEM.series.busy == 20
    assert PROBLEM.series.naive_feature in PROBLEM.feature_sets[0].features
    assert {c.name for c in PROBLEM.inputs if c.required} == {"zone", "day", "hour"}


@pytest.mark.parametrize("kind", ["promotion", "bootstrap", "champion_trial"])
def test_no_mutant_of_a_forecast_escapes_the_policy(kind: Any, house: Path) -> None:
    policy = policies.load(house / "config" / "policies" / "taxi_demand.yaml", PROBLEM)
    quick = replace(policy, resamples=600, major_min_rows=200, segment_min_rows=100)
    assert mutants.escapes(mutants.healthy(PROBLEM, quick, seed=5), kind=kind) == {}
