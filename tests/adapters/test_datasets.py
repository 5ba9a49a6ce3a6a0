"""From an input or the simulator to a snapshot, through a plug-in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ds_workflow import plugins
from ds_workflow.adapters.datasets import freeze, prepare
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.errors import InvalidInput

AT = datetime(2026, 1, 31, tzinfo=UTC)
NYC = plugins.load("problems", "nyc_sales")


def test_simulated_rows_are_prepared_and_frozen(tmp_path: Path) -> None:
    said: list[str] = []
    store = SnapshotStore(tmp_path)
    record = freeze(store, NYC, "sim", created_at=AT, simulate=True, rows=600, seed=7, say=said.append)
    assert record.rows == pytest.approx(600, rel=0.05)
    assert record.licence == "simulated, no real rows"
    assert "seed 7" in record.source
    assert record.dropped["other_category"] > 0
    assert said[0] == "Simulating 600 rows with seed 7"
    assert said[-1].startswith(f"Frozen as sim: {record.rows:,} rows")
    assert store.load(NYC.PROBLEM, "sim").record == record
    assert freeze(store, NYC, "sim", created_at=AT, simulate=True, rows=600, seed=7) == record


def test_a_file_is_read_with_its_references_and_named_as_source(tmp_path: Path) -> None:
    raw = NYC.simulate(rows=600, seed=3)
    raw.drop(columns=["latitude", "longitude"]).to_csv(tmp_path / "sales.csv", index=False)
    places = raw[["borough", "block", "latitude", "longitude"]].dropna().drop_duplicates(["borough", "block"])
    places.to_csv(tmp_path / "blocks.csv", index=False)
    ready = prepare(NYC, source=tmp_path / "sales.csv", references=[tmp_path / "blocks.csv"])
    assert ready.raw_rows == len(raw)
    assert ready.raw_rows == len(ready.rows) + sum(ready.dropped.values())
    assert ready.source.endswith(": sales.csv")
    assert ready.licence == NYC.PROBLEM.licence
    assert ready.rows["latitude"].notna().mean() > 0.9
    assert "% block" in ready.notes[0]
    known, _ = NYC.clean(raw)
    assert ready.rows["sale_id"].tolist() == known["sale_id"].tolist()


def test_exactly_one_origin(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="neither was asked for") as raised:
        prepare(NYC)
    assert raised.value.hint == "Give --input PATH, or --simulate."
    with pytest.raises(InvalidInput, match="both were asked for"):
        prepare(NYC, source=tmp_path, simulate=True)
    with pytest.raises(InvalidInput, match="References belong to rows of a file"):
        prepare(NYC, simulate=True, references=[tmp_path])
