"""Numbers in their units, and texts that stay inert."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.reports import tables as t


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234567, "1,234,567"), (0.16372, "0.1637"), (0, "0"), (-0.0213, "-0.0213"), (12.5, "12.5"), (1e-7, "1e-07")],
)
def test_numbers(value: float, shown: str) -> None:
    assert t.number(value) == shown


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, "0.3", True])
def test_what_was_not_measured_is_never_a_number(missing: object) -> None:
    for show in (t.number, t.count, t.percent, t.points, t.money, t.measure):
        assert show(missing) == "n/a"


def test_shares_differences_and_money_carry_their_units() -> None:
    assert t.measure(0.1637, "share") == "16.37 %"
    assert t.measure(-0.0081, "share", difference=True) == "-0.81 pp"
    assert t.measure(1250000, "USD") == "1,250,000 USD"
    assert t.measure(0.5127, "log price") == "0.5127"
    assert t.span((-0.012, -0.0048), "share", difference=True) == "[-1.20, -0.48] pp"
    assert t.span((-0.0120, -0.0036), "log price", difference=True) == "[-0.0120, -0.0036]"
    assert t.span((0.01, math.inf), "share", difference=True) == "[+1.00, no limit] pp"
    assert t.span((math.nan, 1), "share") == "n/a"


def test_nought_has_no_sign() -> None:
    assert t.points(-0.00001) == "0.00 pp"
    assert t.percent(-0.00001) == "0.0 %"
    assert t.points(0.0) == "0.00 pp"


@given(st.floats(-1e12, 1e12))
def test_a_printed_number_reads_back_close_to_itself(value: float) -> None:
    assert float(t.number(value).replace(",", "")) == pytest.approx(value, rel=1e-3, abs=1e-12)


def test_the_true_minus_stands_before_numbers_only() -> None:
    shown = t.typographic("[-1.20, -0.48] pp in 2024-01, v-2, -x, 16 %")
    assert shown == "[\u22121.20, \u22120.48]\u00a0pp in 2024-01, v-2, -x, 16\u00a0%"


@given(st.text(max_size=60))
def test_markdown_cells_stay_one_cell(text: str) -> None:
    for cell in (t.md(text), t.code(text)):
        assert "\n" not in cell
        assert "|" not in cell.replace("\\|", "")
    assert "<" not in t.md(text).replace("\\<", "")


def test_links_images_emphasis_and_headings_are_inert_in_markdown() -> None:
    assert (
        t.md("[x](javascript:1) ![i](u) **b** `c` # h")
        == "\\[x\\](javascript:1) !\\[i\\](u) \\*\\*b\\*\\* \\`c\\` \\# h"
    )
    assert t.md("- item") == "\\- item"


def test_terminal_text_can_not_move_the_cursor_or_turn_around() -> None:
    assert t.plain("a\x1b[2Jb\u202ec\x07") == "a[2Jbc"
    assert t.esc("<b a='\"'>\x00&") == "&lt;b a=&#x27;&quot;&#x27;&gt;&amp;"


def test_a_text_table_is_aligned_and_wraps_long_cells() -> None:
    lines = t.text_table(["name", "n"], [["a", "1"], ["word " * 20, "1,000"]], align="lr", limit=30)
    assert len(lines) > 5
    assert max(map(len, lines)) <= 2 + 30 + 2 + 5
    assert lines[2].endswith("    1")
