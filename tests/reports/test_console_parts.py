"""What only pages show: curves over a threshold, a forecast with its band, a text with marked words."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.reports import highlight, markup
from ds_workflow.reports.charts_band import Step, forecast_band
from ds_workflow.reports.charts_curve import threshold_curves

NASTY = "<script>alert(1)</script>\u202e\"&'"
SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - our own text


@pytest.mark.parametrize("width", [870, 350])
def test_curves_mark_the_threshold_and_leave_gaps_open(width: int) -> None:
    at = [0.0, 0.25, 0.5, 0.75, 1.0]
    figures = {f"precision {NASTY}": [0.1, 0.2, 0.4, None, None], "recall": [1.0, 0.9, 0.6, 0.2, 0.0]}
    drawn = threshold_curves(at, figures, title=NASTY, at=0.5, width=width, styled=False)
    root = parsed(drawn)
    assert "<script" not in drawn and " style=" not in drawn and "\u202e" not in drawn
    lines = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("class", "").startswith("l-")]
    assert [line.count("L") for line in lines if line] == [2, 4], "what was not measured is not drawn as 0"
    assert "recall at 0.5: 60.00\u00a0%" in root.findtext(f"{SVG}desc", "")


def test_on_a_logarithmic_scale_equal_ratios_are_equally_high() -> None:
    at = [0.0, 0.25, 0.5, 0.75, 1.0]
    for low in (3e-4, 1.0, 70.0):
        for ratio in (1.3, 2.0, 10.0):
            values = [low * ratio**k for k in range(5)]
            drawn = threshold_curves(at, {"cost": values}, title="x", at=0.5, unit="", logarithmic=True, styled=False)
            (line,) = (p.get("d", "") for p in parsed(drawn).iter(f"{SVG}path") if p.get("class", "").startswith("l-"))
            ys = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", line)]
            steps = [a - b for a, b in pairwise(ys)]
            assert steps == pytest.approx([steps[0]] * 4, abs=0.25) and steps[0] > 5  # coordinates have one decimal


def test_a_band_holds_its_line_and_says_what_was_asked() -> None:
    steps = [Step(str(k), 10.0 + k, (8.0 + k, 13.0 + k), asked=k == 3) for k in range(24)]
    root = parsed(forecast_band(steps, title=NASTY, unit="trips", styled=False))
    (band,) = (p.get("d", "") for p in root.iter(f"{SVG}path") if p.get("class") == "rows")
    assert band.count("L") == 47 and band.endswith("Z")
    assert root.findtext(f"{SVG}desc") == "3: 13 [11.0, 16.0] trips"
    ys = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", band)]
    high, low = ys[:24], ys[:23:-1]
    line = next(p.get("d", "") for p in root.iter(f"{SVG}path") if p.get("class") == "l-challenger")
    middle = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", line)]
    assert all(h < m < o for h, m, o in zip(high, middle, low, strict=True)), "downwards on a screen is less"


def test_a_band_without_intervals_or_steps_is_still_a_picture() -> None:
    for steps in ([], [Step("0", 0.0)], [Step("0", 1.0), Step("1", 2.0, (1.0, 3.0)), Step("2", 1.0)]):
        parsed(forecast_band(steps, title="x", styled=False))


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"))),
    st.dictionaries(st.sampled_from(["a", "not", "not good", "good", "!", "<b>"]), st.floats(-2, 2)),
)
def test_marking_changes_nothing_but_marks(text: str, runs: dict[str, float]) -> None:
    marked = highlight.marked(text, runs)
    bare = re.sub(r'<mark class="(?:up|down)[123]" title="[+-][\d.]+">|</mark>', "", marked)
    assert html.unescape(bare) == text
    assert "<" not in bare


def test_a_word_takes_the_strongest_run_it_stands_in() -> None:
    marked = highlight.marked("Not good, <b>good!", {"good": 1.0, "not good": -3.0})
    assert re.findall(r'<mark class="(\w+)" title="([^"]+)">([^<]+)<', marked) == [
        ("down3", "-3.00", "Not"),
        ("down3", "-3.00", "good"),
        ("up2", "+1.00", "good"),
    ]
    assert "&lt;b&gt;" in marked


def test_markdown_brings_no_style_no_html_and_scrolls_its_tables() -> None:
    found = markup.boxed("| a | b |\n|---|---:|\n| <i>x</i> | 2 |\n\n[x](javascript:alert(1))")
    assert "style=" not in found and "<i>" not in found and "href" not in found
    assert '<th class="r">b</th>' in found
    assert found.count('<div class="scroll" tabindex="0"><table>') == found.count("</table></div>") == 1
