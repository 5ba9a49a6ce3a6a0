"""What is predicted, from what, for whom: the declaration of taxi_demand.

The features and the feature sets stand in feature_table.
"""

from __future__ import annotations

from ds_workflow.domain.forecasting import Series
from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.problems.taxi_demand.cleaning import SEGMENTS
from ds_workflow.problems.taxi_demand.feature_table import FEATURE_SETS, FEATURES, LAST_WEEK, OFFSET, SEGMENT
from ds_workflow.problems.taxi_demand.source import BOROUGHS, ZONES

# From a mean of 20 on, who knows the mean of a Poisson count stays below 20 % of error (19.5 %; at 10 it is 31 %).
BUSY_FROM = 20.0
SERIES = Series("zone", season=168, busy=BUSY_FROM, naive_feature=LAST_WEEK, step_column="hour", steps_a_day=24)

COLUMNS = (
    Column("count_id", "text", "Id of the row: day, hour and zone", nullable=False),
    Column(
        "zone",
        "category",
        "Taxi zone of the pick-up by its number, or 'city' for counts of the whole city",
        required=True,
        nullable=False,
        categories=ZONES,
        example="74",
    ),
    Column("day", "date", "Day, as the city's clock shows it", required=True, nullable=False, example="2023-05-31"),
    Column(
        "hour",
        "integer",
        "Hour of the day; 17 is from 17:00 to 17:59",
        "hour",
        required=True,
        nullable=False,
        minimum=0,
        maximum=23,
        example=17,
    ),
    Column("borough", "category", "Borough of the zone, where a table of zones was given", categories=BOROUGHS),
    Column(SEGMENT, "category", "Volume of the zone in the first four weeks", nullable=False, categories=SEGMENTS),
    Column("pickups", "integer", "Pick-ups in the hour", "pick-ups", nullable=False, minimum=0, maximum=1_000_000),
)

PROBLEM = Problem(
    name="taxi_demand",
    title="Hourly taxi pick-ups by zone, New York City",
    task="forecast",
    target="pickups",
    target_unit="pick-ups",
    row_id="count_id",
    time_column="day",
    # A storm, a holiday or a parade moves all zones and hours of a day together, so a day is what is drawn again. Days
    # beside one another are alike too (correlation of daily totals about 0.3), so intervals are a little too narrow.
    cluster_column="day",
    segment_column=SEGMENT,
    segments=SEGMENTS,
    columns=COLUMNS,
    features=FEATURES,
    feature_sets=FEATURE_SETS,
    forbidden={
        "trip_distance": "known when the trip is over, not when it is forecast",
        "fare_amount": "known when the trip is over, not when it is forecast",
        "dropoff_zone": "known when the trip is over, not when it is forecast",
    },
    sensitive=(),
    slices=("borough",),
    derived=("borough", SEGMENT),
    metrics=(
        "wape",
        "mase",
        "mape_busy",
        "volume_bias",
        "coverage_80",
        "coverage_95",
        "spread_80",
        "spread_95",
    ),
    primary_metric="wape",
    strategies=("seasonal_naive", "forecaster"),
    offset_feature=OFFSET,
    split=Split("last_month"),
    series=SERIES,
    source="New York City Taxi and Limousine Commission, trip records (yellow, green or for-hire)",
    licence="Public record, NYC Open Data terms of use",
    intended_use=(
        "How many pick-ups to expect in a zone in each hour of the coming day, for placing cabs and planning shifts. "
        "The forecast is issued at midnight, from the counts of the days before, for the 24 hours that follow."
    ),
    limits=(
        "It counts trips that took place, not people who found no cab. It knows no weather, no events and no "
        "disruptions. It takes the counts of a day to be known at its end, as an operator's own records are; the "
        "commission publishes its files about two months later. The answer is the expected count, which adds up over "
        "zones and hours; where counts are small, an answer of 0 would have the smaller absolute error and be of no "
        "use, so WAPE and MASE of quiet zones stay near those of the seasonal naive. MAPE is told only for busy rows "
        "(zone and hour of the week with at least 20 pick-ups on average in training), since below that chance alone "
        "errs by more than 20 %. A day further than the first that is not known yet is answered from the newest known "
        "weeks up to 35 days ahead, at an error that grew by a tenth to a third in four weeks; a later day, and a "
        "zone where nobody was ever picked up, are refused. Hours that the clock skips or repeats are left out."
    ),
)
