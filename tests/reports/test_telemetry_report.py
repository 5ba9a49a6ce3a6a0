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


def test_a_bin_too_thin_to_tell_does_not_fill_the_picture() -> None:
    meaning = {"from_ms": "lower end", "to_ms": "upper end", "acceptance_rate": "share taken"}
    rows = [
        {"model_version": "one", "from_ms": low, "to_ms": None, "shown": n, "acceptance_rate": 0.3, "low": a, "high": b}
        for low, n, a, b in ((125, 5_000, 0.28, 0.32), (2_000, 400, 0.0, 1.0), (4_000, 3, 0.25, 0.35))
    ]
    shown = telemetry.panel("acceptance_by_latency", "Less of what comes late?", meaning, rows)
    assert "125 ms" in shown.wide
    assert "4,000 ms" not in shown.wide and "2,000 ms" not in shown.wide
    alone = telemetry.panel("acceptance_by_latency", "Less of what comes late?", meaning, rows[2:])
    assert "4,000 ms" in alone.wide, "what is all there is is shown"
