"""credit_card_fraud: reading the published table, cleaning, features, the simulator, and the real rows."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import fitting
from ds_workflow.domain import calibration
from ds_workflow.domain.contract import check_rows, parse_rows
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.quality import violations
from ds_workflow.domain.snapshot import conform, digest, holdout_mask
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused, UnknownName
from ds_workflow.problems.credit_card_fraud.source import COLUMNS, COMPONENTS, FRAUDS, ROWS

PLUGIN = plugins.load("problems", "credit_card_fraud")
PROBLEM = PLUGIN.PROBLEM


def published(n: int, *, seed: int = 1) -> pd.DataFrame:
    """Rows with the published columns, in no way like the real ones."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, len(COLUMNS))), columns=list(COLUMNS))
    return frame.assign(
        Time=np.sort(rng.integers(0, 172_000, n)),
        Amount=np.round(rng.gamma(0.5, 100.0, n), 2),
        Class=(rng.random(n) < 0.2).astype(int),
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "creditcard.csv"
    published(40).to_csv(path, index=False, quoting=2)
    return path


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    made: pd.DataFrame = PLUGIN.simulate(rows=20_000, seed=7)
    return made


# --- the loader ------------------------------------------------------------------------------------------------------


def test_the_published_file_is_read_to_the_last_digit(table: Path, tmp_path: Path) -> None:
    raw = PLUGIN.load(table)
    pd.testing.assert_frame_equal(raw[list(COLUMNS)], published(40).astype("float64"))
    assert (raw["weight"] == 1).all()
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(table, "../../creditcard.csv")
    pd.testing.assert_frame_equal(PLUGIN.load(tmp_path / "archive.zip"), raw)
    published(40).to_parquet(tmp_path / "creditcard.parquet")
    pd.testing.assert_frame_equal(PLUGIN.load(tmp_path / "creditcard.parquet"), raw)


def test_a_subset_is_weighed_to_the_published_table(tmp_path: Path) -> None:
    rows = published(1_500).assign(Class=[1] * FRAUDS + [0] * (1_500 - FRAUDS))
    rows["in_random_sample"] = np.arange(1_500) % 2 == 0
    rows.to_parquet(tmp_path / "subset.parquet")
    raw = PLUGIN.load(tmp_path / "subset.parquet")
    assert raw["weight"].sum() == pytest.approx(ROWS)
    assert raw.loc[raw["Class"] == 1, "weight"].sum() == FRAUDS
    assert (raw.loc[(raw["Class"] == 0) & ~rows["in_random_sample"], "weight"] == 0).all()
    kept, dropped = PLUGIN.clean(raw)
    assert dropped["not drawn by chance"] == (1_500 - FRAUDS) // 2
    assert kept["weight"].nunique() == 2
    rows.head(900).to_parquet(tmp_path / "part.parquet")
    rows.iloc[:200].to_parquet(tmp_path / "few.parquet")
    assert PLUGIN.load(tmp_path / "part.parquet")["weight"].sum() == pytest.approx(ROWS)
    with pytest.raises(InvalidInput, match="holds 200 frauds and 0 honest"):
        PLUGIN.load(tmp_path / "few.parquet")
    rows.assign(Class=rows["Class"].replace(1, 2)).to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(
        InvalidInput, match=r"row 1: column 'Class' holds 2 \(492 rows such\). Known: 0 \(honest\) and 1"
    ):
        PLUGIN.load(tmp_path / "labels.parquet")


TEXT = published(3).to_csv(index=False)
BAD = {
    "empty": (b" \n", "is empty"),
    "header only": (TEXT.split("\n", 1)[0].encode(), "a header and no rows"),
    "columns": (b"Time,V1,Class\n1,2,0\n", "lacks the columns V2, V3.*it names Time, V1, Class"),
    "type": (published(3).astype(object).assign(V7=[1, "much", 2]).to_csv(index=False).encode(),
             "row 2: column 'V7' holds 'much', which is no number"),
    "encoding": (published(3).astype(object).assign(V7="Weiß").to_csv(index=False).encode("latin-1"), "not UTF-8 text"),
    "utf-16": (TEXT.encode("utf-16"), "not UTF-8 text"),
    "ragged": ((TEXT + "1,2,3" + ",4" * 60 + "\n").encode(), "no table of commas"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_in_words(kind: str, tmp_path: Path) -> None:
    content, words = BAD[kind]
    (tmp_path / "creditcard.csv").write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as caught:
        PLUGIN.load(tmp_path / "creditcard.csv")
    assert caught.value.hint


def test_what_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no file"):
        PLUGIN.load(tmp_path / "nowhere.csv")
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    with pytest.raises(InvalidInput, match="not a readable zip"):
        PLUGIN.load(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w"):
        pass
    with pytest.raises(InvalidInput, match="holds 0 CSV files"):
        PLUGIN.load(tmp_path / "b.zip")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(InvalidInput, match="not a readable parquet"):
        PLUGIN.load(tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match="no --reference"):
        PLUGIN.load(tmp_path / "a.csv", references=[tmp_path])


# --- cleaning --------------------------------------------------------------------------------------------------------


def test_repeated_rows_stay_once_and_order_does_not_matter(simulated: pd.DataFrame) -> None:
    raw = simulated.head(3_000)
    raw = pd.concat([raw, raw.iloc[[5, 5, 9]]], ignore_index=True)
    rows, dropped = PLUGIN.clean(raw)
    assert dropped["the same row again"] == raw.duplicated(list(COLUMNS)).sum() >= 3
    assert not rows.duplicated([*COMPONENTS, "seconds", "amount"]).any()
    again, _ = PLUGIN.clean(raw.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(rows, again)
    assert rows["seconds"].is_monotonic_increasing, "ids are in the order of time"
    holed = raw.assign(V3=raw["V3"].where(raw.index != 17), Class=raw["Class"].where(raw.index != 18))
    assert PLUGIN.clean(holed)[1]["a value missing"] == 2


def test_bands_and_minutes_are_cut_where_they_say(simulated: pd.DataFrame) -> None:
    rows, _ = PLUGIN.clean(simulated.head(2_000))
    edges = rows.groupby("amount_band")["amount"].agg(["min", "max"])
    assert edges.loc["UNDER_10", "max"] < 10 <= edges.loc["FROM_10_TO_100", "min"]
    assert edges.loc["FROM_10_TO_100", "max"] < 100 <= edges.loc["FROM_100", "min"]
    assert ((rows["seconds"] - 60 * rows["minute"]).between(0, 59)).all()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("Class", 2, r"Column 'Class' holds 2 .*Known: 0"), ("Time", -5, "negative seconds")],
)
def test_what_no_such_table_holds_is_refused(column: str, value: float, words: str, simulated: pd.DataFrame) -> None:
    raw = simulated.head(100).astype("float64")
    raw.loc[3, column] = value
    with pytest.raises(InvalidInput, match=words):
        PLUGIN.clean(raw)
    with pytest.raises(InvalidInput, match="lack weight"):
        PLUGIN.clean(raw.drop(columns="weight"))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_simulators_own_table_is_read_back(suffix: str, tmp_path: Path, simulated: pd.DataFrame) -> None:
    made = simulated.head(2_000)
    path = tmp_path / f"table.{suffix}"
    if suffix == "csv":
        made.to_csv(path, index=False)
    else:
        made.to_parquet(path)
    cleaned = [conform(PROBLEM, PLUGIN.clean(raw)[0]) for raw in (made, PLUGIN.load(path))]
    assert digest(PROBLEM, cleaned[0]) == digest(PROBLEM, cleaned[1])


# --- features --------------------------------------------------------------------------------------------------------


def test_nothing_that_tells_when_or_how_a_row_was_drawn_is_an_input() -> None:
    for name in ("seconds", "minute", "weight"):
        assert name not in {c.name for c in PROBLEM.inputs}
        with pytest.raises(LeakageRefused, match=name):
            PROBLEM.refuse_leak(name)
    assert {c.name for c in PROBLEM.inputs} == {*COMPONENTS, "amount"}


@pytest.mark.parametrize("version", [fs.version for fs in PROBLEM.feature_sets])
def test_features_of_a_request_are_those_of_the_table(version: str, simulated: pd.DataFrame) -> None:
    rows, _ = PLUGIN.clean(simulated.head(1_000))
    featurizer = PLUGIN.featurizer(version, seed=1).fit(rows, rows["is_fraud"])
    table = featurizer.transform(rows)
    assert list(table.columns) == [*PROBLEM.feature_set(version).features, PROBLEM.segment_column]
    sent = rows.iloc[[5]][[c.name for c in PROBLEM.inputs]]
    request, errors = check_rows(PROBLEM, sent.to_dict("records"))
    assert not errors
    pd.testing.assert_frame_equal(featurizer.transform(request), table.iloc[[5]].reset_index(drop=True))
    parsed, _ = parse_rows(PROBLEM, rows.iloc[5:8][[c.name for c in PROBLEM.inputs]].to_dict("records"))
    quick = featurizer.compiled()(parsed)
    np.testing.assert_array_equal(quick.values, table.iloc[5:8, :-1].to_numpy())
    assert list(quick.groups) == table.iloc[5:8, -1].tolist()


def test_features_mean_what_they_say(simulated: pd.DataFrame) -> None:
    rows, _ = PLUGIN.clean(simulated)
    featurizer = PLUGIN.featurizer("v2.0", seed=1).fit(rows, rows["is_fraud"])
    honest = rows[rows["is_fraud"] == 0]
    made = featurizer.transform(honest)
    # by construction the mean square of standardised components is 1 on the rows that they were standardised on
    assert (made["distance"] ** 2).mean() == pytest.approx(1)
    one = honest.head(3).assign(amount=[1.0, 1.5, 200.0])
    made = featurizer.transform(one)
    assert made["tried_out"].tolist() == [1, 0, 0]
    assert made["whole_euros"].tolist() == [1, 0, 1]
    assert made["amount_log"].tolist() == pytest.approx(np.log([2, 2.5, 201]))
    mean = honest[list(COMPONENTS)].mean()
    far = one.assign(**{name: mean[name] for name in COMPONENTS}).assign(v14=mean["v14"] - 10 * honest["v14"].std())
    assert featurizer.transform(far)["far_components"].tolist() == [1, 1, 1]
    assert featurizer.transform(far)["distance"].tolist() == pytest.approx([10 / np.sqrt(28)] * 3, rel=1e-3)
    with pytest.raises(UnknownName, match=r"v1\.0, v2\.0"):
        PLUGIN.featurizer("v9", seed=1)
    with pytest.raises(InvalidInput, match="honest rows"):
        PLUGIN.featurizer("v2.0", seed=1).fit(rows, np.ones(len(rows)))


# --- the simulator ---------------------------------------------------------------------------------------------------


def test_the_simulator_keeps_the_declaration_and_the_base_rate(simulated: pd.DataFrame) -> None:
    rows, dropped = PLUGIN.clean(simulated)
    frame = conform(PROBLEM, rows)
    assert violations(PROBLEM, frame) == []
    assert dropped["the same row again"] == pytest.approx(60, abs=2)
    weight, fraud = simulated["weight"], simulated["Class"] == 1
    assert weight[fraud].sum() / weight.sum() == pytest.approx(FRAUDS / ROWS, rel=0.01)
    naive = PLUGIN.naive().fit(rows, rows["is_fraud"])
    assert naive.predict(rows.head(2)).tolist() == pytest.approx([FRAUDS / ROWS] * 2, rel=0.02)


# of the public table: mean of honest rows, their spread, mean of frauds, their spread
PUBLIC = {
    "V3": (0.0, 1.46, -7.0, 7.1),
    "V4": (0.0, 1.40, 4.5, 2.9),
    "V10": (0.0, 1.04, -5.7, 4.9),
    "V12": (0.0, 0.95, -6.3, 4.7),
    "V14": (0.0, 0.90, -7.0, 4.3),
    "V17": (0.0, 0.75, -6.7, 7.0),
    "V22": (0.0, 0.72, 0.0, 1.5),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_simulator_looks_like_the_public_rows(name: str, simulated: pd.DataFrame) -> None:
    mean, spread, fraud_mean, fraud_spread = PUBLIC[name]
    honest, frauds = (simulated.loc[simulated["Class"] == c, name] for c in (0, 1))
    assert honest.mean() == pytest.approx(mean, abs=0.35)
    assert honest.std() == pytest.approx(spread, rel=0.4)
    assert honest.kurt() > 1, "tails are heavier than normal ones"
    assert frauds.mean() == pytest.approx(fraud_mean, abs=1.2)
    assert frauds.std() == pytest.approx(fraud_spread, rel=0.45)


def test_amounts_and_hours_of_the_simulator(simulated: pd.DataFrame) -> None:
    honest, frauds = (simulated[simulated["Class"] == c] for c in (0, 1))
    assert honest["Amount"].median() == pytest.approx(22, abs=3)
    assert honest["Amount"].mean() == pytest.approx(88, abs=25)
    assert frauds["Amount"].mean() == pytest.approx(122, abs=30)
    assert (frauds["Amount"] <= 1).mean() == pytest.approx(0.37, abs=0.08)
    assert (honest["Amount"] <= 1).mean() == pytest.approx(0.10, abs=0.04)
    night = (simulated["Time"] // 3_600 % 24).isin(range(1, 6))
    assert night[simulated["Class"] == 0].mean() == pytest.approx(0.06, abs=0.02)
    assert night[simulated["Class"] == 1].mean() > 0.15
    assert simulated["Time"].between(0, 172_800).all()
    crowded = frauds.groupby(frauds["Time"] // 60).size()
    assert (crowded > 1).sum() > 30, "frauds come in runs"


# --- the real rows ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def subset(real_data: Path) -> pd.DataFrame:
    """The cleaned rows of the public subset: 14,239 of 284,807, weighed to all of them."""
    raw = PLUGIN.load(real_data / "creditcard_fraud" / "creditcard_genuine_union.parquet")
    assert raw["weight"].sum() == pytest.approx(ROWS)
    assert np.average(raw["Class"], weights=raw["weight"]) == pytest.approx(0.00173, abs=0.00001)
    rows, dropped = PLUGIN.clean(raw)
    assert dropped == {"a value missing": 0, "not drawn by chance": 14_824, "the same row again": 19}
    return rows


@pytest.mark.real_data
@pytest.mark.parametrize(("split", "frauds"), [("ordered", 109), ("stratified", 98)])
def test_on_the_public_subset(split: str, frauds: int, subset: pd.DataFrame) -> None:
    """ROC-AUC of at least 0.98 and at least 60 % of frauds found at 1 % false alarms, on the last fifth in time and on
    a stratified fifth; class weights, put back to the base rate."""
    problem = PROBLEM.split_by(split)
    rows = conform(problem, subset)
    assert violations(problem, rows) == []
    mask = holdout_mask(problem, rows)
    train, holdout = (rows[m].reset_index(drop=True) for m in (~mask, mask))
    recipe = fitting.Recipe("v2.0", "weighted", StrategyOptions(params={"rounds": 250}))
    made = fitting.fit(PLUGIN, recipe, rows=rows, train=train, holdout=holdout, say=lambda _: None)
    figures = {name: METRICS[name](made.scored) for name in PROBLEM.metrics}
    found = calibration.calibration(made.scored, seed=1)
    told = {name: round(value, 5) for name, value in figures.items()}
    sys.stdout.write(
        f"\npublic subset, {split} split, {len(holdout):,} holdout rows, {holdout['is_fraud'].sum():.0f} frauds: "
        f"{told}, slope {found.slope}, threshold {made.model['model'].threshold_:.4f}\n"
    )
    assert holdout["is_fraud"].sum() == pytest.approx(frauds, abs=6)
    assert figures["roc_auc"] >= 0.98
    assert figures["recall_at_1pct_fpr"] >= 0.60
    assert figures["pr_auc"] >= 0.70
    assert found.ece <= 0.001
    assert 0 < made.model["model"].threshold_ < 0.5
