"""taxi_demand on the published records: April 2023 from the months before, and the city's hours, origin by origin.

The rule of busy rows (20 pick-ups on average in training) is declared with the problem and was not chosen here: it is
the least Poisson mean at which a forecast can stay below 20 % of error at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import backtesting, fitting, models
from ds_workflow.domain import backtest, forecasting
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.scorecard import scorecard
from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.domain.strategy import StrategyOptions

pytestmark = pytest.mark.real_data
TAXI = plugins.load("problems", "taxi_demand")
PROBLEM = TAXI.PROBLEM


def tell(name: str, figures: Mapping[str, float]) -> None:
    print(f"{name:28}", "  ".join(f"{m} {v:.4f}" for m, v in figures.items() if m != "rows"))  # noqa: T201


def test_april_2023_from_the_months_before(real_data: Path, tmp_path: Path) -> None:
    """green_tripdata_2023-01..04.parquet, 270,456 trips: 246 zones, 531,114 rows to learn from, 177,120 of April."""
    source = real_data / "nyc_tlc_taxi"
    for month in ("01", "02", "03", "04"):
        name = f"green_tripdata_2023-{month}.parquet"
        (tmp_path / name).symlink_to(source / name)
    raw, dropped = TAXI.clean(TAXI.load(tmp_path, references=[source / "taxi_zone_lookup.csv"]))
    assert int(raw["pickups"].sum()) + sum(n for why, n in dropped.items() if why.startswith("trips")) == 270_456
    assert dropped["trips outside the month of their file"] == 42
    assert set(raw["borough"]) == {"Bronx", "Brooklyn", "EWR", "Manhattan", "Queens", "Staten Island"}
    rows = conform(PROBLEM, raw)
    held = holdout_mask(PROBLEM, rows)
    train, april = rows[~held].reset_index(drop=True), rows[held].reset_index(drop=True)
    assert (str(april["day"].min().date()), len(train), len(april)) == ("2023-04-01", 531_114, 177_120)

    made = fitting.fit(TAXI, fitting.Recipe("v1.0", "forecaster"), rows=rows, train=train, holdout=april, say=print)
    naive = fitting.naive(TAXI, train, april)
    bar = scorecard([m for m in PROBLEM.metrics if not METRICS[m].needs], naive)
    busy = (made.scored.groups[forecasting.VOLUME] == forecasting.BUSY) & (made.scored.truth > 0)
    share = made.scored.truth[busy].sum() / made.scored.truth.sum()
    left = np.mean([forecasting.poisson_mape(m) for m in made.scored.prediction[busy]])
    tell("seasonal naive", bar.overall)
    tell("forecaster", made.card.overall)
    for name in PROBLEM.segments:
        tell(f"  {name}, naive", bar.segments[name])
        tell(f"  {name}, forecaster", made.card.segments[name])
    print(f"busy rows: {busy.sum()}, {share:.1%} of the trips; chance leaves a MAPE of {left:.4f}")  # noqa: T201

    # the hours that carry the volume: two zones of Harlem by day, more than a fifth of all trips
    assert set(april["zone"].to_numpy()[busy]) == {"74", "75"}
    assert 400 < busy.sum() < 600
    assert share > 0.2
    assert made.card.overall["mape_busy"] <= 0.20
    assert made.card.overall["mape_busy"] < bar.overall["mape_busy"] - 0.03
    assert 0.15 < left < made.card.overall["mape_busy"]  # no forecaster could have been much better
    # all zones, and each class of them
    assert made.card.overall["wape"] < 0.9 * bar.overall["wape"]
    for name in ("HIGH", "MEDIUM"):
        assert made.card.segments[name]["wape"] < 0.85 * bar.segments[name]["wape"]
        assert made.card.segments[name]["mase"] < 0.85
    assert made.card.segments["LOW"]["wape"] < bar.segments["LOW"]["wape"]
    # where next to nobody is picked up, an expected count errs as last week's hour does: twice the mean
    assert made.card.overall["mase"] == pytest.approx(bar.overall["mase"], rel=0.05)
    assert abs(made.card.overall["volume_bias"]) < 0.05
    for name in PROBLEM.segments:
        assert made.card.segments[name]["coverage_80"] == pytest.approx(0.80, abs=0.05), name
        assert made.card.segments[name]["coverage_95"] == pytest.approx(0.95, abs=0.03), name


def test_the_citys_hours_from_eight_origins(real_data: Path) -> None:
    """yellow_hourly_citywide_2024-01_2024-04.csv, 2,904 hours: eight weeks of March and April 2024, each from the days
    before it."""
    source = real_data / "nyc_tlc_taxi" / "yellow_hourly_citywide_2024-01_2024-04.csv"
    rows = conform(PROBLEM, TAXI.clean(TAXI.load(source))[0])
    assert len(rows) == 2_903  # without the hour that the clock skipped
    features = TAXI.featurizer("v1.0", seed=42)
    table = features.fit_transform(rows, rows["pickups"].to_numpy())
    strategy = plugins.load("strategies", "forecaster")
    estimator = strategy.build(PROBLEM, StrategyOptions(), PROBLEM.feature_set("v1.0").features)
    rolled = backtesting.rolling(models.assemble(features, estimator), PROBLEM, rows, table, count=8)
    names = ("wape", "mase", "mape_busy", "volume_bias", "coverage_80", "coverage_95")
    naive, model = (backtest.table(names, [(r.fold.origin, getattr(r, s)) for r in rolled]) for s in ("naive", "model"))
    for a, b in zip(naive, model, strict=True):
        tell(f"{a.origin}, seasonal naive", a.figures)
        tell(f"{b.origin}, forecaster", b.figures)
    assert [line.origin for line in model][::4] == ["2024-03-06", "2024-04-03", "all"]
    assert model[-1].rows == 1_343
    assert model[-1].figures["wape"] < 0.95 * naive[-1].figures["wape"]
    assert model[-1].figures["mase"] < 0.95
    assert model[-1].figures["mape_busy"] <= 0.20  # every hour of the city is busy
    assert model[-1].figures["coverage_80"] >= 0.80
    assert model[-1].figures["coverage_95"] >= 0.95
