"""Every strategy runs this: built from a problem and options, fitted on its features, refusing what makes no sense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import models
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused, UnknownName
from ds_workflow.strategies import segmented_router

NYC = plugins.load("problems", "nyc_sales")
PROBLEM = NYC.PROBLEM
QUICK = {"rounds": 24, "max_depth": 4, "eta": 0.2}
CASES = [("global", "", "v1.0"), ("global", "", "v2.0"), ("segmented_router", "segment_only", "v2.0"),
         ("segmented_router", "segment_plus_tier", "v2.1")]  # fmt: skip


def columns(version: str) -> tuple[str, ...]:
    return tuple(PROBLEM.feature_set(version).features)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    cleaned, _ = NYC.clean(NYC.simulate(rows=2_400, seed=21))
    return cleaned


@pytest.fixture(scope="module")
def tables(rows: pd.DataFrame) -> dict[str, tuple[Any, pd.DataFrame, np.ndarray]]:
    train = rows.iloc[:1_900]
    price = train["sale_price"].to_numpy(dtype=float)
    made = {}
    for version in ("v1.0", "v2.0", "v2.1"):
        featurizer = NYC.featurizer(version, seed=1)
        made[version] = (featurizer, featurizer.fit_transform(train, price), price)
    return made


def build(strategy: str, version: str, **options: Any) -> Any:
    given = StrategyOptions(**{"params": QUICK, **options})
    return plugins.load("strategies", strategy).build(PROBLEM, given, columns(version))


@pytest.mark.parametrize(("strategy", "mode", "version"), CASES)
def test_a_strategy_learns_answers_and_survives_the_disk(
    strategy: str, mode: str, version: str, rows: pd.DataFrame, tables: Any
) -> None:
    from skops import io

    featurizer, X, y = tables[version]
    options = {"min_segment_rows": 300} if mode else {}
    estimator = build(strategy, version, router_mode=mode, **options).fit(X, y)
    model = models.with_history(models.assemble(featurizer, estimator), rows, rows["sale_price"].to_numpy(dtype=float))
    late = rows.iloc[1_900:]
    scored = models.score(model, PROBLEM, late)
    naive = NYC.naive().fit(rows.iloc[:1_900], y).predict(late)
    assert np.median(np.abs(np.log(scored.prediction / scored.truth))) < np.median(np.abs(np.log(naive / scored.truth)))
    assert scored.lower is not None
    assert scored.upper is not None
    assert ((scored.lower < scored.prediction) & (scored.prediction < scored.upper)).all()
    shares = estimator.feature_importances_
    assert shares.sum() == pytest.approx(1)
    assert len(shares) == len(estimator.feature_names_) == len(columns(version))
    assert estimator.contributions(X.iloc[:30]).shape == (30, len(shares))
    data = io.dumps(model)
    assert not set(io.get_untrusted_types(data=data)) - set(models.trusted_types())
    read = io.loads(data, trusted=list(models.trusted_types()))
    request = late[[c.name for c in PROBLEM.inputs]]
    np.testing.assert_array_equal(read.predict(request), scored.prediction)


@pytest.mark.parametrize("strategy", plugins.names("strategies"))
def test_a_leaking_feature_is_refused_by_every_strategy(strategy: str) -> None:
    module = plugins.load("strategies", strategy)
    for leak in ("price_tier", "sale_price"):
        with pytest.raises(LeakageRefused, match=leak):
            module.build(PROBLEM, StrategyOptions(), (*columns("v1.0"), leak))


def test_the_booster_starts_from_the_declared_estimate_where_the_feature_set_has_it() -> None:
    assert build("global", "v2.0").offset == PROBLEM.offset_feature == "comparables_estimate"
    assert build("global", "v1.0").offset == ""


def test_the_global_strategy_refuses_options_of_a_router() -> None:
    with pytest.raises(InvalidInput, match="--router-mode segment_only"):
        build("global", "v2.0", router_mode="segment_only")
    with pytest.raises(InvalidInput, match="--min-segment-rows"):
        build("global", "v2.0", min_segment_rows=10)


def test_strategies_for_prices_refuse_another_task() -> None:
    other = replace(PROBLEM, task="binary")
    with pytest.raises(InvalidInput, match="binary"):
        plugins.load("strategies", "segmented_router").build(other, StrategyOptions(), columns("v1.0"))


# --- routes ----------------------------------------------------------------------------------------------------------


def test_an_unknown_router_mode_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="segment_only, segment_plus_tier"):
        build("segmented_router", "v2.0", router_mode="by_moon")


def test_routing_by_tier_needs_a_feature_set_with_the_proxy() -> None:
    with pytest.raises(InvalidInput, match="price_tier_proxy") as caught:
        build("segmented_router", "v2.0", router_mode="segment_plus_tier")
    assert caught.value.hint.endswith("v2.1, v3.0.")


@pytest.mark.parametrize("key", ["segment", "price_tier_proxy"])
def test_a_routing_key_that_is_cut_from_the_target_is_refused(key: str) -> None:
    leaking = replace(
        PROBLEM,
        forbidden={**PROBLEM.forbidden, key: "cut from the price"},
        feature_sets=PROBLEM.feature_sets[:1],
    )
    options = StrategyOptions(router_mode="segment_plus_tier")
    with pytest.raises(LeakageRefused, match="a routing key: cut from the price"):
        segmented_router.build(leaking, options, columns("v1.0"))


def test_routes_below_the_limit_get_the_general_model(tables: Any) -> None:
    _, X, y = tables["v2.1"]
    counts = X["segment"].value_counts()
    limit = int(counts.iloc[1])  # the two largest segments reach it
    router = build("segmented_router", "v2.1", min_segment_rows=limit).fit(X, y)
    assert {n: r["rows"] for n, r in router.routes_.items()} == counts.to_dict()
    assert {n for n, r in router.routes_.items() if r["submodel"]} == set(counts.index[:2])
    small = X[X["segment"] == counts.index[-1]]
    np.testing.assert_array_equal(router.predict(small), router.general_.predict(small))
    large = X[X["segment"] == counts.index[0]]
    assert not np.array_equal(router.predict(large), router.general_.predict(large))


def test_a_route_never_seen_gets_the_general_model(tables: Any) -> None:
    _, X, y = tables["v2.1"]
    router = build("segmented_router", "v2.1", min_segment_rows=100).fit(X, y)
    strange = X.head(20).assign(segment="HOUSEBOAT")
    np.testing.assert_array_equal(router.predict(strange), router.general_.predict(strange))
    lower, upper = router.predict_interval(strange)
    assert np.isfinite(lower).all()
    assert np.isfinite(upper).all()


def test_a_route_answers_alike_alone_and_in_company(tables: Any) -> None:
    _, X, y = tables["v2.1"]
    router = build("segmented_router", "v2.1", router_mode="segment_plus_tier", min_segment_rows=60).fit(X, y)
    together = router.predict(X.iloc[:60])
    np.testing.assert_array_equal(np.concatenate([router.predict(X.iloc[[i]]) for i in range(60)]), together)
    assert router.routes_of(X.iloc[:1])[0] == f"{X['segment'].iloc[0]}/T{int(X['price_tier_proxy'].iloc[0]) + 1}"


def test_a_router_with_no_large_route_is_the_global_model(tables: Any) -> None:
    _, X, y = tables["v2.0"]
    router = build("segmented_router", "v2.0", min_segment_rows=10**6).fit(X, y)
    np.testing.assert_array_equal(router.predict(X), build("global", "v2.0").fit(X, y).predict(X))


# --- tuning ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "mode"), [("global", ""), ("segmented_router", "segment_only")])
def test_tuning_is_seeded_told_and_gives_what_the_strategy_takes(strategy: str, mode: str, tables: Any) -> None:
    _, X, y = tables["v1.0"]
    X, y = X.iloc[:400], y[:400]
    module = plugins.load("strategies", strategy)
    options = StrategyOptions(router_mode=mode, seed=3)
    found, said = [], []
    for _ in range(2):
        found.append(module.tune(PROBLEM, options, columns("v1.0"), X, y, trials=3, say=said.append))
    assert found[0] == found[1]
    assert len(said) == 2 * 4
    tuned = module.build(PROBLEM, replace(options, params={**found[0], "rounds": 5}), columns("v1.0"))
    assert np.isfinite(tuned.fit(X, y).predict(X)).all()
    with pytest.raises(InvalidInput, match="at least one trial"):
        module.tune(PROBLEM, options, columns("v1.0"), X, y, trials=0, say=said.append)


def test_tuning_judges_by_the_newest_rows_only(tables: Any) -> None:
    """The figures that a trial tells do not change when the rows before the validation part are shuffled targets'
    worth of noise apart: with the newest 15 % replaced by another price level, they do."""
    _, X, y = tables["v1.0"]
    X, y = X.iloc[:400], y[:400].copy()
    told: list[list[str]] = []
    for scale in (1.0, 50.0):
        said: list[str] = []
        changed = y.copy()
        changed[340:] *= scale
        plugins.load("strategies", "global").tune(
            PROBLEM, StrategyOptions(), columns("v1.0"), X, changed, trials=1, say=said.append
        )
        told.append(said)
    before, after = (float(said[0].rsplit(" ", 1)[1]) for said in told)
    assert before < 0.9 < after
