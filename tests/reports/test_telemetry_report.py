"""Answers as pictures and tables: nothing is left out in silence, and texts of a log stay texts."""

from __future__ import annotations

from typing import Any

from ds_workflow.reports import telemetry

FUNNEL = {"model_version": "version", "name": "stage", "of_shown": "share of those shown"}


def stages(*versions: str) -> list[dict[str, Any]]:
    return [
        {"model_version": v, "name": name, "of_shown": share}
        for v in versions
        for name, share in (("shown", 1.0), ("accepted", 0.3))
    ]


def test_a_third_version_is_drawn_too() -> None:
    shown = telemetry.panel("funnel", "How much?", FUNNEL, stages("one", "two", "three"))
    assert all(f"accepted, {v}" in shown.wide and f"accepted, {v}" in shown.narrow for v in ("one", "two", "three"))


def test_a_question_without_an_answer_says_so() -> None:
    assert "Nothing to show" in telemetry.panel("funnel", "How much?", FUNNEL, []).table


def test_a_table_says_what_it_leaves_out_and_escapes_what_it_shows() -> None:
    rows = [{"name": "<b>", "part": 0.25, "n": 1234, "left": None}] * 30
    made = telemetry.rows_table(rows, {"part": "share of all", "n": "a number"})
    assert "&lt;b&gt;" in made and "<b>" not in made
    assert "25.00 %" in made and "1,234" in made
    assert "and 6 more rows in the CSV" in made


def test_a_share_is_known_by_its_meaning() -> None:
    assert telemetry.value(0.5, "share taken") == "50.00 %"
    assert telemetry.value(0.5, "that share over the same share of all") == "0.5"
    assert telemetry.value(-0.01, "difference to the week before, as a fraction") == "-1.00 %"
