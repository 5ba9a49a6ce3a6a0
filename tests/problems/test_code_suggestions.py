"""code_suggestions: reading logs, refusing others, cleaning, the past before the day, and the simulator's truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from ds_workflow import plugins
from ds_workflow.domain.contract import check_rows
from ds_workflow.domain.odds import maximum_likelihood
from ds_workflow.domain.quality import violations
from ds_workflow.domain.snapshot import conform, digest
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused, UnknownName
from ds_workflow.problems.code_suggestions import effects
from ds_workflow.problems.code_suggestions.features import CAUTION, WINDOW
from ds_workflow.problems.code_suggestions.simulator import bridge
from ds_workflow.problems.code_suggestions.source import COLUMNS, REQUIRED

SUGGESTIONS = plugins.load("problems", "code_suggestions")
PROBLEM = SUGGESTIONS.PROBLEM
PAST = [f.name for f in PROBLEM.features if f.availability == "as_of"]
SHOWCASE = Path("codex_ds_showcase") / "01-developer-telemetry-simulation_telemetry_events.csv"
EVENT = {
    "session_id": "3",
    "suggestion_id": 1,
    "developer_id": "14",
    "developer_segment": "expert",
    "language": "Go",
    "model_version": "assistant-2",
    "shown_at": "2025-03-04T10:11:12+01:00",
    "latency_ms": 791,
    "suggestion_length": 20,
    "accepted": True,
    "tests_passed": None,
}


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    made: pd.DataFrame = SUGGESTIONS.simulate(rows=40_000, seed=7)
    return made


@pytest.fixture(scope="module")
def rows(simulated: pd.DataFrame) -> pd.DataFrame:
    cleaned, _ = SUGGESTIONS.clean(simulated)
    return cleaned


def accepted(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.array(table["accepted"], dtype=float)


# --- the loader ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_written_log_is_read_as_it_was(kind: str, simulated: pd.DataFrame, tmp_path: Path) -> None:
    made, file = simulated.head(2_000), tmp_path / f"events.{kind}"
    if kind == "csv":
        made.to_csv(file, index=False)
    elif kind == "parquet":
        made.to_parquet(file, index=False)
    else:
        made.to_json(file, orient="records", lines=True, date_format="iso")
    read = SUGGESTIONS.load(file)
    assert list(read.columns) == list(COLUMNS)
    one, two = (conform(PROBLEM, SUGGESTIONS.clean(table)[0]) for table in (made, read))
    assert digest(PROBLEM, one) == digest(PROBLEM, two)


def test_other_logs_names_zones_and_gaps_are_understood(tmp_path: Path) -> None:
    other = {"User_Segment": "Expert", "timestamp": "2025-03-04 09:11:12", "compile_success": "FALSE", "ignored": 1}
    plain = {k: v for k, v in EVENT.items() if k not in ("developer_segment", "shown_at", "tests_passed")}
    (tmp_path / "a.jsonl").write_text(json.dumps(EVENT) + "\n\n")
    (tmp_path / "b.csv").write_text("﻿" + pd.DataFrame([{**plain, **other}]).to_csv(index=False), "utf-8")
    first, second = (SUGGESTIONS.load(tmp_path / name).iloc[0] for name in ("a.jsonl", "b.csv"))
    assert str(first["shown_at"]) == str(second["shown_at"]) == "2025-03-04 09:11:12"
    assert (first["language"], second["developer_segment"]) == ("go", "expert")
    assert (first["accepted"], second["compiled"]) == (1.0, 0.0)
    assert pd.isna(first["tests_passed"])
    assert second[["task", "prompt_length", "hallucination"]].isna().all()
    assert "ignored" not in second


def lines(**changed: Any) -> bytes:
    rows = pd.DataFrame([EVENT, {**EVENT, "suggestion_id": 2, **changed}])
    return rows.to_csv(index=False).encode()


BAD = {
    "empty.csv": (b"", "is empty"),
    "header.csv": (",".join(REQUIRED).encode(), "a header and no rows"),
    "columns.csv": (b"session_id,accepted\n1,True\n", "lacks the columns suggestion_id, developer_id"),
    "twice.csv": (lines().replace(b"session_id", b"timestamp"), "lacks the columns session_id"),
    "both.csv": (lines(timestamp="2025-03-04"), "shown_at, timestamp all mean 'shown_at'"),
    "number.csv": (lines(latency_ms="fast"), "row 2: column 'latency_ms' holds 'fast', which is no number"),
    "flag.csv": (lines(accepted="maybe"), "row 2: column 'accepted' holds 'maybe', which is neither true nor false"),
    "count.jsonl": (json.dumps({**EVENT, "accepted": 3}).encode(), "row 1: column 'accepted' holds 3"),
    "time.csv": (lines(shown_at="yesterday"), "row 2: column 'shown_at' holds 'yesterday', which is no time"),
    "latin.csv": (lines(model_version="modèle").decode().encode("latin-1"), "is not UTF-8 text"),
    "latin.jsonl": ('{"session_id": "é"}'.encode("latin-1"), "is not UTF-8 text"),
    "ragged.csv": (lines() + b"1,2,3,4,5,6,7,8,9,10,11,12,13\n", "is not a readable CSV"),
    "broken.jsonl": (json.dumps(EVENT).encode() + b"\n{", "line 2: not JSON"),
    "list.jsonl": (b"[1, 2]\n", "line 1: an object"),
    "bytes.parquet": (b"PAR1 no parquet", "is not a readable parquet"),
    "table.xlsx": (b"PK", "is none of .csv, .parquet"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_words(name: str, tmp_path: Path) -> None:
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as caught:
        SUGGESTIONS.load(tmp_path / name)
    assert caught.value.hint


def test_what_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"):
        SUGGESTIONS.load(tmp_path / "nowhere.csv")
    with pytest.raises(InvalidInput, match="no --reference"):
        SUGGESTIONS.load(tmp_path, references=[tmp_path])


# --- cleaning --------------------------------------------------------------------------------------------------------


def test_rows_that_say_nothing_are_dropped_by_reason(simulated: pd.DataFrame) -> None:
    raw = simulated.head(60).astype({"accepted": "boolean", "developer_id": "Int64"}).reset_index(drop=True)
    raw.loc[0, "developer_id"] = pd.NA
    raw.loc[1:2, "accepted"] = pd.NA
    raw.loc[3, "latency_ms"] = -1
    raw.loc[4, "latency_ms"] = 700_000
    raw.loc[5, "suggestion_length"] = np.nan
    raw.loc[6, "prompt_length"] = -5
    raw.loc[60] = raw.loc[59]
    cleaned, dropped = SUGGESTIONS.clean(raw)
    assert list(dropped.values()) == [1, 2, 2, 2, 1]
    assert len(cleaned) == 61 - 8
    assert violations(PROBLEM, conform(PROBLEM, cleaned)) == []
    assert cleaned["shown_at"].is_monotonic_increasing


@pytest.mark.parametrize(("column", "value"), [("language", "cobol"), ("task", "lunch"), ("developer_segment", "guru")])
def test_a_category_never_seen_is_refused_with_the_known_ones(column: str, value: str, simulated: pd.DataFrame) -> None:
    raw = simulated.head(9).assign(**{column: [value] * 9})
    with pytest.raises(InvalidInput, match=f"Column '{column}' holds '{value}' .9 rows such.*Known: ") as caught:
        SUGGESTIONS.clean(raw)
    assert caught.value.hint


# --- declaration and features ----------------------------------------------------------------------------------------


def test_what_is_known_afterwards_is_no_input() -> None:
    later = {"edited", "edit_distance", "final_length", "compiled", "tests_passed", "error_type", "hallucination"}
    assert later <= set(PROBLEM.forbidden)
    assert not later & {c.name for c in PROBLEM.inputs}
    for name in (*later, "accepted"):
        with pytest.raises(LeakageRefused, match=name):
            PROBLEM.refuse_leak(name)


@pytest.mark.parametrize("version", ["v1.0", "v2.0"])
def test_features_of_a_request_are_those_of_the_table(version: str, rows: pd.DataFrame) -> None:
    featurizer = SUGGESTIONS.featurizer(version, seed=1).fit(rows, accepted(rows))
    table = featurizer.transform(rows.iloc[-50:])
    assert list(table.columns) == list(PROBLEM.feature_set(version).features)
    for place in (3, 40):
        row = rows.iloc[-50 + place]
        sent = {c.name: row[c.name] for c in PROBLEM.inputs} | {"shown_at": str(row["shown_at"].date())}
        request, errors = check_rows(PROBLEM, [sent])
        assert not errors
        alone = featurizer.transform(request)
        pd.testing.assert_frame_equal(alone, table.iloc[[place]].reset_index(drop=True), check_exact=True)


def test_the_past_means_what_it_says(rows: pd.DataFrame) -> None:
    """Counted by hand for a few rows: the developer's suggestions on the days before, the day itself left out."""
    made = SUGGESTIONS.featurizer("v2.0", seed=1).fit_transform(rows, accepted(rows))
    day = rows["shown_at"].dt.normalize()
    for place in (500, 20_000, 39_999):
        row, age = rows.iloc[place], (day.iloc[place] - day).dt.days
        before = rows[(age >= 1) & (age <= WINDOW)]
        own = before[before["developer_id"] == row["developer_id"]]
        narrow = own[own["language"] == row["language"]]
        everybody = (before["accepted"].sum() + 25) / (len(before) + 50)
        share = (own["accepted"].sum() + CAUTION * everybody) / (len(own) + CAUTION)
        there = (narrow["accepted"].sum() + CAUTION * share) / (len(narrow) + CAUTION)
        wanted = [np.log(share / (1 - share)), np.log(there / (1 - there)), *np.log2([1 + len(own), 1 + len(narrow)])]
        assert made.iloc[place][PAST].tolist() == pytest.approx(wanted, rel=1e-12)


@settings(max_examples=10)
@given(cut=st.floats(0.1, 0.95), kind=st.sampled_from(["flip", "delete", "triple"]), seed=st.integers(0, 999))
def test_nothing_that_happens_on_a_day_or_later_reaches_its_rows(
    rows: pd.DataFrame, cut: float, kind: str, seed: int
) -> None:
    some = rows.iloc[::8]
    fitted = SUGGESTIONS.featurizer("v2.0", seed=1).fit(some, accepted(some))
    day = some["shown_at"].dt.normalize()
    first = day.iloc[int(len(some) * cut)]
    later, changed, truth = (day >= first).to_numpy(), some, accepted(some)
    if kind == "delete":
        keep = ~later | (np.random.default_rng(seed).random(len(some)) < 0.3)
        changed, truth = some[keep], truth[keep]
    else:
        truth = np.where(later, 1 - truth if kind == "flip" else 3 * truth, truth)
    asked = some[(day <= first).to_numpy()]
    pd.testing.assert_frame_equal(
        fitted.with_history(changed, truth).transform(asked), fitted.transform(asked), check_exact=True
    )


def test_what_happened_before_does_reach_a_row_and_who_is_new_has_no_past(rows: pd.DataFrame) -> None:
    fitted = SUGGESTIONS.featurizer("v2.0", seed=1).fit(rows, accepted(rows))
    last = rows.iloc[-2_000:]
    flipped = fitted.with_history(rows, 1 - accepted(rows)).transform(last)
    assert (flipped["developer_log_odds"] != fitted.transform(last)["developer_log_odds"]).mean() > 0.95
    new = fitted.transform(last.assign(developer_id="nobody"))
    assert new["developer_doublings"].eq(0).all()
    assert new.groupby(last["shown_at"].dt.date)["developer_log_odds"].nunique().eq(1).all()
    with pytest.raises(InvalidInput, match="whether it was accepted"):
        SUGGESTIONS.featurizer("v2.0", seed=1).fit(rows)
    with pytest.raises(UnknownName, match=r"v1\.0, v2\.0"):
        SUGGESTIONS.featurizer("v9", seed=1)


# --- the simulator's truth -------------------------------------------------------------------------------------------


def test_the_simulator_draws_what_its_constants_say(simulated: pd.DataFrame) -> None:
    assert simulated["accepted"].mean() == pytest.approx(1 / 3, abs=0.03)
    for column, shares in (("language", effects.LANGUAGE_SHARES), ("model_version", effects.MODEL_SHARES)):
        found = simulated[column].value_counts(normalize=True)
        assert found.to_dict() == pytest.approx(shares, abs=0.05)
    by_model = simulated.groupby("model_version", observed=True)["latency_ms"].median()
    assert by_model.to_dict() == pytest.approx(effects.LATENCY, rel=0.05)
    sessions = simulated.groupby("session_id")
    assert sessions[["developer_id", "language", "task", "model_version"]].nunique().eq(1).all(axis=None)
    assert sessions.size().agg(["min", "max"]).between(1, effects.SESSION[1]).all()
    assert sessions["shown_at"].is_monotonic_increasing.all()
    assert simulated["developer_id"].nunique() > 0.9 * len(simulated) / effects.PER_DEVELOPER
    weekday = simulated["shown_at"].dt.day_of_week.value_counts()
    assert weekday[[5, 6]].mean() / weekday[:5].mean() == pytest.approx(effects.WEEKEND, abs=0.15)
    refused = simulated[~simulated["accepted"]]
    assert refused[["compiled", "tests_passed", "error_type", "edit_distance"]].isna().all(axis=None)
    kept = simulated[simulated["accepted"]]
    assert (kept["tests_passed"].astype(bool) == kept["error_type"].eq("none")).all()
    assert not (kept["tests_passed"] & ~kept["compiled"]).any()
    assert kept["edit_distance"].gt(0).eq(kept["edited"]).all()


@pytest.mark.parametrize("scale", [0.5, effects.BRIDGE])
def test_the_mean_over_developers_is_logistic_again_with_every_effect_scaled(scale: float) -> None:
    """What the bridge distribution is for (Wang and Louis 2003), and its variance, by quadrature over its quantiles."""
    at = (np.arange(400_000) + 0.5) / 400_000
    b = bridge(at, scale)
    for odds in (-2.0, -0.5, 0.0, 1.3):
        share = float(np.mean(1 / (1 + np.exp(-odds - b))))
        assert np.log(share / (1 - share)) == pytest.approx(scale * odds, abs=1e-4)
    assert np.var(b) == pytest.approx(np.pi**2 / 3 * (scale**-2 - 1), rel=1e-3)
    if scale == effects.BRIDGE:
        assert effects.developer_variance() == pytest.approx(np.var(b), rel=1e-3)


def test_a_regression_that_knows_the_developer_finds_the_effects_within_developers() -> None:
    """Developer and language together as terms of their own, the busiest of a large log: then the effects are those
    within developers, and not those over developers, which are 15 % smaller. Nine effects, one chi-squared test."""
    cleaned, _ = SUGGESTIONS.clean(SUGGESTIONS.simulate(rows=200_000, seed=6))
    cell = cleaned["developer_id"].str.cat(cleaned["language"], sep="|")
    busy = cleaned[cell.map(cell.value_counts()) >= 200]
    own = pd.get_dummies(cell[busy.index], dtype=float)
    assert 60 <= own.shape[1] <= 150
    made = SUGGESTIONS.featurizer("v1.0", seed=1).fit(busy).transform(busy)
    columns = made[["latency_doublings", "suggestion_doublings", "prompt_doublings"]]
    columns = columns.assign(**{"assistant-2": made["model_version"].eq("assistant-2").astype(float)})
    columns = pd.concat([columns, pd.get_dummies(made["task"], dtype=float).drop(columns="feature")], axis=1)
    fit = maximum_likelihood(np.column_stack([own, columns]), accepted(busy))
    found, covariance = fit.coefficients[own.shape[1] :], fit.inverse[own.shape[1] :, own.shape[1] :]
    truths = {e.level or e.feature: e for e in effects.true_effects()}

    def chance(kind: str) -> float:
        off = found - np.array([getattr(truths[name], kind) for name in columns])
        return float(stats.chi2.sf(off @ np.linalg.solve(covariance, off), len(off)))

    assert chance("log_odds") > 0.01
    assert chance("marginal") < 1e-3


def test_the_true_effects_are_told_against_any_reference() -> None:
    told = {(e.feature, e.level): e for e in effects.true_effects({"language": "go"})}
    assert told["language", "python"].log_odds == pytest.approx(-effects.LEVEL_EFFECTS["language"]["go"])
    assert ("language", "go") not in told
    assert told["latency_doublings", ""].marginal == pytest.approx(
        effects.BRIDGE * told["latency_doublings", ""].log_odds
    )
    assert len(effects.true_effects()) == sum(len(v) - 1 for v in effects.LEVEL_EFFECTS.values()) + 3


def test_the_past_tells_developers_apart_and_the_request_alone_does_not(rows: pd.DataFrame) -> None:
    cut = int(0.8 * len(rows))
    train, later = rows.iloc[:cut], rows.iloc[cut:]
    found = {}
    for version in ("v1.0", "v2.0"):
        featurizer = SUGGESTIONS.featurizer(version, seed=1)
        X = featurizer.fit_transform(train, accepted(train))
        features = PROBLEM.feature_set(version).features
        estimator = plugins.load("strategies", "logistic").build(PROBLEM, StrategyOptions(), features)
        estimator.fit(X, accepted(train))
        known = featurizer.with_history(rows, accepted(rows))
        found[version] = roc_auc_score(accepted(later), estimator.predict(known.transform(later)))
    naive = roc_auc_score(accepted(later), SUGGESTIONS.naive().fit(train, accepted(train)).predict(later))
    assert 0.55 < naive + 0.02 < found["v1.0"] < found["v2.0"] - 0.05


# --- another's log ---------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_the_showcase_log_is_read_by_its_own_header_names(real_data: Path) -> None:
    """11,106 events, simulated by their authors too: no kind of task, no length of the prompt."""
    cleaned, dropped = SUGGESTIONS.clean(SUGGESTIONS.load(real_data / SHOWCASE))
    assert (len(cleaned), sum(dropped.values())) == (11_106, 0)
    assert violations(PROBLEM, conform(PROBLEM, cleaned)) == []
    assert cleaned["accepted"].sum() == 5_787
    assert cleaned[["task", "prompt_length", "edit_distance"]].isna().all(axis=None)
    X = SUGGESTIONS.featurizer("v1.0", seed=1).fit_transform(cleaned, accepted(cleaned))
    estimator = plugins.load("strategies", "logistic").build(PROBLEM, StrategyOptions(), tuple(X.columns))
    found = estimator.fit(X, accepted(cleaned)).odds_ratios(
        X, accepted(cleaned), clusters=cleaned["developer_id"].to_numpy()
    )
    assert found.clusters == 144
    versions = pd.crosstab(cleaned["model_version"], cleaned["accepted"])
    crude = np.log(versions.loc["model_v2", 1.0] * versions.loc["model_v1", 0.0] / versions.loc["model_v2", 0.0])
    crude -= np.log(versions.loc["model_v1", 1.0])
    model = next(t for t in found.terms if t.feature == "model_version")
    assert model.term == "model_version=model_v2"
    assert model.log_odds == pytest.approx(crude, abs=0.03)  # versions were dealt at random, so little is adjusted
    assert {t.note for t in found.terms if t.feature == "prompt_doublings"} == {"it is the same in all rows"}
