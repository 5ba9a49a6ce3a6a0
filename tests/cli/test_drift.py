"""The drift command through the shell script."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow import Flow

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def flow(house: Path, tmp_path: Path) -> Flow:
    return Flow(house, tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    old = pd.DataFrame({"x": rng.normal(size=900), "kind": rng.choice(["a", "b"], 900)})
    old.to_parquet(tmp_path / "old.parquet")
    old.sample(400, random_state=1).assign(kind="c").to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "old.parquet", tmp_path / "new.csv"


def test_a_verdict_a_page_and_an_exit_code(flow: Flow, files: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = files
    out = tmp_path / "artifacts" / "drift_report.json"
    words = ["drift", "--ref", str(old), "--new", str(new), "--out", str(out)]
    found = flow(*words, "--json", code=1).json
    assert found == json.loads(out.read_text("utf-8"))
    assert found["threshold"] == 0.2
    assert found["overall_drift"] is True
    assert set(found["features"]) == {"x", "kind"}
    page = out.with_suffix(".html").read_text("utf-8")
    assert "1 of 2 columns drift: kind" in page
    assert page.count("<svg") >= 2
    assert flow(*words, "--column", "x").out.startswith("None of 1 columns drifts")


def test_bad_input_is_told_and_nothing_is_written(flow: Flow, files: tuple[Path, Path], tmp_path: Path) -> None:
    _, new = files
    out = tmp_path / "artifacts" / "d.json"
    answer = flow("drift", "--ref", str(tmp_path / "nowhere.csv"), "--new", str(new), "--out", str(out), code=2)
    assert "There is no file" in answer.err
    assert not out.parent.exists()
