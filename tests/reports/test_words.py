"""The annex of top words: what stands in its table is what the rows say."""

from __future__ import annotations

import csv
import io

import pytest

from ds_workflow.reports.words import Told, markdown, strongest, table

ROWS = (
    Told("r1", 1.0, 0.98, (("superb", 2.0), ("not | bad", 0.5)), "best"),
    Told("r2", 0.0, 0.10, (("waste of time", -3.0), ("superb", 1.0))),
    Told("r3", 1.0, 0.20, (("waste of time", -1.0), ("`tick`", -0.25)), "worst"),
)


def test_the_strongest_runs_are_means_over_all_rows() -> None:
    found = strongest(ROWS)
    assert found["class 1"] == [("superb", 1.0, 2), ("not | bad", pytest.approx(0.5 / 3), 1)]
    assert found["class 0"] == [("waste of time", pytest.approx(-4 / 3), 2), ("`tick`", pytest.approx(-0.25 / 3), 1)]


def test_the_section_shows_the_runs_and_the_rows_that_have_a_role() -> None:
    text = markdown(ROWS, unit="log odds", target="positive")
    assert "| `superb` | +1 | 2 |" in text
    assert "`not \\| bad`" in text and "`'tick'`" in text, "a word can't break the table"
    assert "| best | `r1` | 1 | 98.0 % |" in text
    assert "| worst | `r3` | 1 | 20.0 % |" in text
    assert "`r2`" not in text


def test_the_file_holds_every_run_with_its_rank() -> None:
    lines = list(csv.reader(io.StringIO(table(ROWS, unit="log odds"))))
    assert lines[0] == ["row_id", "truth", "prediction", "rank", "words", "log_odds"]
    assert lines[1] == ["r1", "1", "0.980000", "1", "superb", "2.000000"]
    assert len(lines) == 1 + sum(len(row.words) for row in ROWS)
