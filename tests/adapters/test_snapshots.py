"""Snapshots: immutable, named by their values, cut at a day, checked against the declaration."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem, Split
from ds_workflow.domain.quality import shift, violations
from ds_workflow.domain.snapshot import conform, digest, holdout_mask
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName, WorkflowError
from registry.records import SnapshotRecord

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROBLEM = Problem(
    name="toy",
    title="Toy",
    task="regression",
    target="price",
    target_unit="dollars",
    row_id="id",
    time_column="day",
    cluster_column="house",
    segment_column="kind",
    segments=("A", "B"),
    columns=(
        Column("id", "text", "Id", nullable=False),
        Column("day", "date", "Day", nullable=False),
        Column("price", "number", "Price", nullable=False, minimum=1, maximum=1_000),
        Column("rooms", "integer", "Rooms", minimum=0),
        Column("house", "text", "House", nullable=False),
        Column("kind", "category", "Kind", nullable=False, categories=("A", "B")),
        Column("note", "text", "Note"),
    ),
    features=(Feature("rooms", "Rooms", "request"),),
    feature_sets=(FeatureSet("v1", ("rooms",), "All"),),
    forbidden={},
    sensitive=(),
    metrics=("mdape",),
    primary_metric="mdape",
    strategies=("global",),
    source="made up",
    licence="none",
    intended_use="tests",
    limits="all",
)


def table(n: int = 100, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"r{i:04d}" for i in range(n)],
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // 3, unit="D"),
            "price": rng.uniform(10, 900, n).round(2),
            "rooms": np.where(rng.random(n) < 0.2, np.nan, rng.integers(1, 9, n)),
            "house": [f"h{i % 17}" for i in range(n)],
            "kind": np.where(np.arange(n) % 2, "A", "B"),
            "note": [None if i % 5 == 0 else f"note é {i}" for i in range(n)],
        }
    )


def of(rows: pd.DataFrame) -> str:
    return digest(PROBLEM, conform(PROBLEM, rows))


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "data")


def freeze(
    store: SnapshotStore, rows: pd.DataFrame, name: str = "v1", *, problem: Problem = PROBLEM, at: datetime = AT
) -> SnapshotRecord:
    return store.create(problem, rows, name, source="made up", licence="none", dropped={"too old": 3}, created_at=at)


# --- the digest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        lambda t: t.sample(frac=1, random_state=4),
        lambda t: t[list(reversed(t.columns))],
        lambda t: t.assign(day=t["day"].astype("datetime64[s]")),
        lambda t: t.assign(day=t["day"].astype("datetime64[ns]")),
        lambda t: t.astype({"house": "category", "kind": object, "note": object}),
        lambda t: t.assign(rooms=t["rooms"].astype("Int64")),
        lambda t: t.assign(price=t["price"].astype("float64") + 0.0, note=t["note"].where(t["note"].notna(), np.nan)),
    ],
    ids=["rows reordered", "columns reordered", "seconds", "nanoseconds", "text dtypes", "nullable integers", "NaN"],
)
def test_the_digest_is_of_values_not_of_forms(same: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    assert of(same(table())) == of(table())


def test_the_digest_does_not_depend_on_the_parquet_writer(tmp_path: Path) -> None:
    writers: list[dict[str, Any]] = [{"compression": "zstd"}, {"compression": None, "row_group_size": 7}]
    for i, options in enumerate(writers):
        table().to_parquet(tmp_path / f"{i}.parquet", **options)
        assert of(pd.read_parquet(tmp_path / f"{i}.parquet")) == of(table())


def test_minus_zero_is_zero() -> None:
    zero, minus = table().assign(rooms=0.0), table().assign(rooms=-0.0)
    assert of(zero) == of(minus)


@settings(max_examples=60)
@given(
    row=st.integers(0, 99),
    change=st.sampled_from(
        [("price", 5.0), ("rooms", np.nan), ("rooms", 99.0), ("house", "h"), ("note", None), ("note", ""),
         ("day", pd.Timestamp("2020-01-01")), ("id", "other")]
    ),
)  # fmt: skip
def test_any_other_value_gives_another_digest(row: int, change: tuple[str, Any]) -> None:
    column, value = change
    rows = table()
    before = rows[column].iloc[row]
    if (pd.isna(before) and pd.isna(value)) or before == value:
        return
    rows[column] = rows[column].astype(object)
    rows.loc[row, column] = value
    assert of(rows) != of(table())


def test_text_can_not_slide_from_one_cell_into_the_next() -> None:
    one, two = table(2), table(2)
    one["note"], two["note"] = ["ab", "c"], ["a", "bc"]
    assert of(one) != of(two)
    gone, empty = table(2).assign(note=[None, "x"]), table(2).assign(note=["", "x"])
    assert of(gone) != of(empty)
    swapped = table(2).assign(house=table(2)["note"], note=table(2)["house"])
    assert of(swapped.fillna({"house": "h"})) != of(table(2))


# --- the cut ---------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=60).filter(lambda days: len(set(days)) > 1))
def test_the_cut_is_at_a_day_and_no_day_is_nearer(days: list[int]) -> None:
    rows = table(len(days)).assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"))
    mask = holdout_mask(PROBLEM, conform(PROBLEM, rows))
    ordered = sorted(days)
    shares = [sum(d >= cut for d in days) / len(days) for cut in sorted(set(days))[1:]]
    assert abs(mask.mean() - 0.2) == pytest.approx(min(abs(s - 0.2) for s in shares))
    cut = len(days) - int(mask.sum())
    assert ordered[cut - 1] < ordered[cut]
    assert mask[cut:].all()
    assert not mask[:cut].any()


def test_a_given_split_and_splits_that_leave_nothing(store: SnapshotStore) -> None:
    given_split = replace(
        PROBLEM,
        split=Split("given"),
        columns=(*PROBLEM.columns, Column("split", "category", "Split", categories=("train", "holdout"))),
    )
    rows = table(10).assign(split=["train"] * 6 + ["holdout"] * 4)
    assert freeze(store, rows, problem=given_split).holdout_rows == 4
    with pytest.raises(InvalidInput, match="leaves its holdout part empty"):
        freeze(store, rows.assign(split="train"), "v2", problem=given_split)
    with pytest.raises(InvalidInput, match="declares a given split but no column 'split'"):
        freeze(store, table(), "v2", problem=replace(PROBLEM, split=Split("given")))
    with pytest.raises(InvalidInput, match=r"All rows of toy are of 2024-01-01; a chronological split needs two days"):
        freeze(store, table(3), "v2")


# --- the store -------------------------------------------------------------------------------------------------------


def test_a_snapshot_comes_back_whole(store: SnapshotStore) -> None:
    record = freeze(store, table().sample(frac=1, random_state=1))
    assert (record.rows, record.first, record.last) == (100, "2024-01-01", "2024-02-03")
    assert (record.created_at, record.dropped) == ("2026-01-31T12:00:00.000000Z", {"too old": 3})
    again = store.load(PROBLEM, "v1")
    assert again.record == record == store.record("toy", "v1")
    pd.testing.assert_frame_equal(again.rows, conform(PROBLEM, table()))
    pd.testing.assert_frame_equal(pd.concat([again.train, again.holdout], ignore_index=True), again.rows)
    assert str(again.holdout["day"].min().date()) == record.holdout_from
    assert again.train["day"].max() < again.holdout["day"].min()
    assert len(again.holdout) == record.holdout_rows
    assert digest(PROBLEM, again.holdout) == record.holdout_digest
    assert sorted(p.name for p in store.folder("toy", "v1").iterdir()) == [
        "manifest.json", "quality.json", "quality.md", "rows.parquet", "split.json",
    ]  # fmt: skip
    assert [p.name for p in store.folder("toy", "v1").parent.iterdir()] == ["v1"]  # no leavings


def test_the_same_values_again_change_nothing_and_others_are_refused(store: SnapshotStore) -> None:
    first = freeze(store, table())
    before = {p.name: p.stat().st_mtime_ns for p in store.folder("toy", "v1").iterdir()}
    assert freeze(store, table().sample(frac=1, random_state=2), at=AT + timedelta(days=1)) == first
    assert {p.name: p.stat().st_mtime_ns for p in store.folder("toy", "v1").iterdir()} == before
    other = table().assign(price=table()["price"] + 0.01)
    with pytest.raises(StateConflict, match=r"'v1' of toy already stands for other rows \(100 rows, digest") as raised:
        freeze(store, other)
    assert "choose another --dataset-version" in raised.value.hint
    assert store.load(PROBLEM, "v1").record == first
    with pytest.raises(StateConflict):  # the same rows cut elsewhere are another snapshot too
        freeze(store, table(), problem=replace(PROBLEM, split=Split(holdout_share=0.5)))
    assert [r.dataset_version for r in store.listed("toy")] == ["v1"]
    freeze(store, other, "a-later-one", at=AT + timedelta(days=1))
    assert [r.dataset_version for r in store.listed()] == ["v1", "a-later-one"]


def test_racing_writers_leave_one_snapshot(store: SnapshotStore) -> None:
    tables = [table(), table(), table(seed=1), table(seed=2)]

    def attempt(rows: pd.DataFrame) -> str:
        try:
            return freeze(store, rows).digest
        except StateConflict:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(attempt, tables))
    there = store.load(PROBLEM, "v1").record.digest
    assert set(results) <= {there, "refused"}
    for rows, result in zip(tables, results, strict=True):
        assert (of(rows) == there) == (result == there)
    assert [p.name for p in store.folder("toy", "v1").parent.iterdir()] == ["v1"]


def rewrite(store: SnapshotStore, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = store.folder("toy", "v1") / "rows.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def edit_manifest(store: SnapshotStore, **fields: Any) -> None:
    path = store.folder("toy", "v1") / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda s: rewrite(s, lambda t: t.assign(price=t["price"] + 1)), "rows of snapshot 'v1' of toy changed since"),
        (lambda s: rewrite(s, lambda t: t.iloc[1:]), "changed since frozen"),
        (lambda s: rewrite(s, lambda t: t.drop(columns="note")), "don't fit the declaration any more.*lack note"),
        (lambda s: rewrite(s, lambda t: pd.concat([t, t.tail(1)])), "stands on more than one row"),
        (lambda s: (s.folder("toy", "v1") / "rows.parquet").unlink(), "can't be read"),
        (lambda s: (s.folder("toy", "v1") / "rows.parquet").write_bytes(b"PAR1"), "can't be read"),
        (lambda s: edit_manifest(s, holdout_digest="0" * 64), "holdout of snapshot 'v1' of toy changed since frozen"),
    ],
)
def test_changed_rows_are_found_and_not_handed_out(
    store: SnapshotStore, tamper: Callable[[SnapshotStore], Any], expected: str
) -> None:
    freeze(store, table())
    tamper(store)
    with pytest.raises(StateConflict, match=expected):
        store.load(PROBLEM, "v1")
    checks = {c.name: c for c in store.check(PROBLEM, "v1", now=AT)}
    assert checks["digest"].status == "fail"
    assert {c.status for name, c in checks.items() if name != "digest"} == {"unknown"}


def test_a_rewritten_file_with_the_same_values_is_the_same_snapshot(store: SnapshotStore) -> None:
    record = freeze(store, table())
    rewrite(store, lambda t: t.sample(frac=1, random_state=9))
    assert store.load(PROBLEM, "v1").record == record


def test_names_and_manifests_that_can_not_be(store: SnapshotStore) -> None:
    for name in ("../out", "", "a b", ".hidden", "x" * 65, "a/b"):
        with pytest.raises(InvalidInput, match="can't name a snapshot: allowed are letters"):
            freeze(store, table(), name)
    with pytest.raises(UnknownName, match=r"no snapshot of toy 'v1'. Known: none yet"):
        store.load(PROBLEM, "v1")
    freeze(store, table())
    with pytest.raises(UnknownName, match="Known: v1"):
        store.check(PROBLEM, "v2", now=AT)
    edit_manifest(store, surprise=1)
    with pytest.raises(InvalidInput, match="not the record of a snapshot"):
        store.load(PROBLEM, "v1")
    (store.folder("toy", "v1") / "manifest.json").write_text("{")
    with pytest.raises(WorkflowError, match="is not JSON"):
        store.load(PROBLEM, "v1")
    assert store.listed() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.drop(columns=["note", "house"]), "rows of toy lack house, note. Declared: id, day"),
        (lambda t: t.assign(extra=1), "hold the undeclared extra"),
        (lambda t: t.assign(id="r1"), "'id' 'r1' stands on more than one row"),
        (lambda t: t.assign(id=t["id"].where(t["id"] != "r0003")), "1 rows have no 'id'"),
        (lambda t: t.assign(price="dear"), "column 'price' is not all of kind number"),
        (lambda t: t.assign(day=t["day"].where(t["id"] != "r0003")), "1 rows have no 'day'"),
        (lambda t: t.head(0), "There are no rows of toy to freeze"),
    ],
)
def test_rows_that_break_the_schema_are_not_frozen(
    store: SnapshotStore, change: Callable[[pd.DataFrame], pd.DataFrame], expected: str
) -> None:
    with pytest.raises(InvalidInput, match=expected):
        freeze(store, change(table()))
    assert store.listed() == []


# --- the checks ------------------------------------------------------------------------------------------------------


def test_good_rows_are_green(store: SnapshotStore) -> None:
    freeze(store, table())
    checks = store.check(PROBLEM, "v1", now=AT, max_age_days=800)
    assert [c.name for c in checks] == [
        "digest", "contract", "missingness", "duplicates", "freshness", "representativeness",
    ]  # fmt: skip
    assert {c.status for c in checks} == {"pass"}


@pytest.mark.parametrize(
    ("check", "change", "now", "expected"),
    [
        ("contract", {"price": 0.5}, AT, r"column 'price', row r0003: 0\.5; allowed: a finite number from 1 to 1,000"),
        ("contract", {"price": np.inf}, AT, r"column 'price', row r0003: inf"),
        ("contract", {"price": np.nan}, AT, r"column 'price', row r0003: nothing; allowed: a value in every row"),
        ("contract", {"rooms": 2.5}, AT, r"column 'rooms', row r0003: 2\.5; allowed: a whole number of at least 0"),
        ("contract", {"kind": "C"}, AT, r"column 'kind', row r0003: 'C'; allowed: one of A, B"),
        ("missingness", "note", AT, r"no value at all in note"),
        ("duplicates", "copy", AT, r"1 rows repeat another"),
        ("freshness", {}, datetime(2024, 2, 1, tzinfo=UTC), r"newest row is of 2024-02-03, 2 days ahead of now"),
        ("freshness", {}, datetime(2026, 6, 1, tzinfo=UTC), r"the limit is 800"),
        ("representativeness", "shift", AT, r"A 40\.0% -> 100\.0%, B 60\.0% -> 0\.0%; .*no rows of B"),
    ],
)
def test_each_check_can_fail(store: SnapshotStore, check: str, change: Any, now: datetime, expected: str) -> None:
    rows = table()
    if isinstance(change, dict):
        for column, value in change.items():
            rows.loc[3, column] = value
    elif change == "note":
        rows["note"] = None
    elif change == "copy":
        rows.loc[4] = rows.loc[3].to_dict() | {"id": "r0004"}
    else:
        rows = rows.assign(kind=["A"] * 32 + ["B"] * 48 + ["A"] * 20, day=table()["day"].iloc[0])
        rows.loc[80:, "day"] += pd.Timedelta(days=1)
    freeze(store, rows)
    found = {c.name: c for c in store.check(PROBLEM, "v1", now=now, max_age_days=800)}
    assert found[check].status == "fail"
    assert pd.Series([found[check].detail]).str.contains(expected).all(), found[check].detail
    assert found[check].fix
    also = {"representativeness"} if change == {"kind": "C"} else set()  # a new segment is in one part only
    assert {c.status for name, c in found.items() if name not in {check, *also}} == {"pass"}


def test_violations_count_all_and_show_the_first() -> None:
    rows = conform(PROBLEM, table().assign(price=lambda t: t["price"].where(t["id"] >= "r0010", 5_000)))
    (found,) = violations(PROBLEM, rows)
    assert (found.column, found.rows, found.row_id) == ("price", 10, "r0000")
    assert "row r0000 and 9 more" in str(found)


def test_the_quality_report_counts_what_is_there(store: SnapshotStore) -> None:
    rows = table()
    record = freeze(store, rows)
    content = store.quality("toy", "v1")
    assert content["rows"] == {"all": 100, "train": 100 - record.holdout_rows, "holdout": record.holdout_rows}
    assert content["columns"]["note"]["missing"] == rows["note"].isna().mean()
    assert content["columns"]["price"]["maximum"] == rows["price"].max()
    assert content["columns"]["house"]["distinct"] == 17
    assert content["dropped"] == {"too old": 3}
    assert sum(s["train_rows"] + s["holdout_rows"] for s in content["segments"].values()) == 100
    text = (store.folder("toy", "v1") / "quality.md").read_text("utf-8")
    assert "| too old | 3 |" in text
    assert "| house | 0.00% | 17 |" in text


@given(
    st.lists(st.sampled_from("AB"), min_size=1, max_size=30), st.lists(st.sampled_from("AB"), min_size=1, max_size=30)
)
def test_shift_is_a_distance(one: list[str], two: list[str]) -> None:
    def frame(kinds: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"kind": kinds})

    there, back = shift(PROBLEM, frame(one), frame(two)), shift(PROBLEM, frame(two), frame(one))
    assert there == pytest.approx(back)
    assert 0 <= there <= 1
    assert shift(PROBLEM, frame(one), frame(one)) == 0
