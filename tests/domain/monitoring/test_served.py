"""What is known at a moment: no label from the future, and old windows seen at the age of young ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ds_workflow.domain.monitoring import served
from ds_workflow.errors import InvalidInput

NOW = pd.Timestamp("2026-03-31 12:00")


def lines(*told: tuple[str, str, float | None, str | None]) -> pd.DataFrame:
    """(row, answered at, label, label came at), in the order of coming."""
    return pd.DataFrame(
        {
            "row_id": [row for row, *_ in told],
            "at": pd.to_datetime([at for _, at, _, _ in told]),
            "version": 1,
            "answer": 0.5,
            "label": [np.nan if label is None else label for *_, label, _ in told],
            "label_at": pd.to_datetime([at for *_, at in told]),
            "place": range(len(told)),
        }
    )


def labels(found: pd.DataFrame) -> dict[str, float | None]:
    return {r: None if np.isnan(v) else v for r, v in zip(found["row_id"], found["label"], strict=True)}


def test_the_newest_label_that_came_in_time_counts() -> None:
    table = lines(
        ("a", "2026-03-01", 0.0, "2026-03-02"),
        ("a", "2026-03-01", 1.0, "2026-03-05"),  # a correction within ten days
        ("a", "2026-03-01", 0.0, "2026-03-20"),  # one that came too late to be comparable
        ("b", "2026-03-01", 1.0, "2026-03-20"),  # its only label came too late
        ("c", "2026-03-01", None, None),
        ("d", "2026-04-02", 1.0, "2026-04-02"),  # not answered yet
    )
    assert labels(served.as_of(table, NOW, mature_after_days=10)) == {"a": 1.0, "b": None, "c": None}
    assert labels(served.as_of(table, pd.Timestamp("2026-03-03"), mature_after_days=10)) == {
        "a": 0.0, "b": None, "c": None,
    }  # fmt: skip
    assert labels(served.as_of(table, NOW, mature_after_days=30))["b"] == 1.0


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 40), st.sampled_from([0.0, 1.0]), st.integers(0, 30)), max_size=40
    ),
    st.integers(0, 15),
    st.integers(0, 60),
)
def test_a_mature_row_never_changes_again_and_nothing_comes_from_the_future(
    told: list[tuple[int, int, float, int]], mature: int, day: int
) -> None:
    first, days = pd.Timestamp("2026-01-01"), pd.Timedelta(days=1)
    answered = {row: at for row, at, _, _ in told}  # a row is answered once
    table = lines(
        *(
            (str(row), str(first + days * answered[row]), label, str(first + days * (answered[row] + late)))
            for row, _, label, late in sorted(told, key=lambda t: t[3])
        )
    )
    moment = first + pd.Timedelta(days=day)
    if not len(table):
        return
    now = served.as_of(table, moment, mature_after_days=mature)
    blind = table[(table["label_at"].isna()) | (table["label_at"] <= moment)]
    seen = {r: v for r, v in labels(served.as_of(blind, moment, mature_after_days=mature)).items() if v is not None}
    assert {r: v for r, v in labels(now).items() if v is not None} == seen
    old = now[now["at"] + pd.Timedelta(days=mature) <= moment]
    later = labels(served.as_of(table, moment + pd.Timedelta(days=90), mature_after_days=mature))
    assert {r: later[r] for r in old["row_id"]} == labels(old)


def test_young_rows_are_in_no_window() -> None:
    table = lines(*((f"r{day}", f"2026-03-{day:02d} 08:00", 1.0, f"2026-03-{day:02d} 09:00") for day in range(1, 32)))
    known = served.as_of(table, NOW, mature_after_days=10)
    found = served.newest_window(known, NOW, days=7, mature_after_days=10)
    assert found is not None
    inside, window = found
    assert (str(window.first), str(window.last)) == ("2026-03-14", "2026-03-20")
    assert (window.rows, window.labelled, window.coverage) == (7, 7, 1.0)
    assert len(served.young(known, NOW, mature_after_days=10)) == 11
    assert inside["day"].max() == pd.Timestamp("2026-03-20")
    assert served.newest_window(known, NOW, days=7, mature_after_days=40) is None
    days = served.rolling(known, NOW, days=3, mature_after_days=10, most=4)
    assert [(str(day.date()), len(part)) for day, part in days] == [
        ("2026-03-17", 3), ("2026-03-18", 3), ("2026-03-19", 3), ("2026-03-20", 3),
    ]  # fmt: skip


def test_a_table_without_the_columns_is_told() -> None:
    with pytest.raises(InvalidInput, match="no column label_at"):
        served.as_of(lines().drop(columns="label_at"), NOW, mature_after_days=1)
