"""Laws of the pictures: well-formed, inert, inside their frame, the same each time, honest about what is missing."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ds_workflow.reports import charts
from ds_workflow.reports.charts import Bar, BarGroup, ForestRow, Line, Month
from ds_workflow.reports.svg import Axis, fit, nice_step, text_width

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('x')</script>\"&\x1b[31m\x00"
LONG = "a segment whose name goes on " * 20

ROWS = [
    ForestRow("SINGLE_FAMILY", -0.0087, (-0.0118, -0.0056), "better", "21,340 rows"),
    ForestRow("ELEVATOR", 0.0011, (-0.0038, 0.006), "unclear"),
    ForestRow("SMALL_MULTI", 0.02, (0.003, 0.037), "worse"),
]
DRAWERS: dict[str, Callable[[str, int], str]] = {
    "forest": lambda text, width: charts.forest_plot(
        [*ROWS, ForestRow(text, 0.01, (0.0, 0.02), text, text), ForestRow(text, None)],
        title=text,
        sides=(text, text),
        lines=[Line(0.02, text)],
        width=width,
    ),
    "forest, no rows": lambda text, width: charts.forest_plot([], title=text, width=width),
    "coverage": lambda text, width: charts.coverage_chart([ForestRow(text, 0.79)], title=text, width=width),
    "bars": lambda text, width: charts.grouped_bars(
        [BarGroup(text, (Bar(0.2, (0.1, 0.3)), Bar(None)), text), BarGroup("b", (Bar(-0.1), Bar(0.0)))],
        title=text,
        labels=(text, text),
        width=width,
    ),
    "bars, no groups": lambda text, width: charts.grouped_bars([], title=text, width=width),
    "ranked": lambda text, width: charts.horizontal_bars(
        {text: 0.3, "b": None, "c": -0.2, "d": 0.0}, title=text, caption=text, top_n=3, width=width
    ),
    "ranked, none": lambda text, width: charts.horizontal_bars({}, title=text, width=width),
    "months": lambda text, width: charts.residual_series(
        [Month(text, 0.01, None, 10), Month("2024-02", None, 0.02, 0), Month("2024-03", 0.0, math.nan, 5)],
        title=text,
        labels=(text, text),
        width=width,
    ),
    "one month": lambda text, width: charts.residual_series([Month("2024-01", 0.0, 0.0)], title=text, width=width),
    "no month": lambda text, width: charts.residual_series([], title=text, width=width),
    "curve": lambda text, width: charts.band_curve(
        [charts.BandPoint(1.0, 2e9, -1e9, 3e9), charts.BandPoint(5.0, 1.0, 0.0, 2.0), charts.BandPoint(None, 1, 0, 9)],
        title=text,
        unit=text,
        caption=text,
        width=width,
    ),
    "spread": lambda text, width: charts.spread_bars(
        [charts.SpreadRow(text, 2e9, -1e9, 3e9), charts.SpreadRow("b", 1.0, 1.0, 1.0)],
        title=text,
        figure="mean",
        spread="rows",
        unit=text,
        width=width,
    ),
    "spread, none": lambda text, width: charts.spread_bars([], title=text, figure="m", spread="r", width=width),
    "curve, none": lambda text, width: charts.band_curve([], title=text, width=width),
    "reliability": lambda text, width: charts.reliability_curve(
        [(0.1, 0.2, 9), (0.8, 0.7, 0)], title=text, width=width
    ),
    "reliability, none": lambda text, width: charts.reliability_curve([], title=text, width=width),
    "spark": lambda text, width: charts.sparkline([1, None, 3], label=text, width=width),
    "spark, none": lambda text, width: charts.sparkline([], label=text, width=width),
}


def parsed(picture: str) -> ET.Element:
    """The picture as XML."""
    return ET.fromstring(picture)  # noqa: S314  our own text


def coordinates(picture: str) -> list[tuple[float, float]]:
    """Every point that the picture draws (text by its anchor)."""
    found = []
    for node in parsed(picture).iter():
        for x, y in (("x", "y"), ("x1", "y1"), ("x2", "y2"), ("cx", "cy")):
            if x in node.attrib:
                found.append((float(node.attrib[x]), float(node.attrib[y])))
        if node.tag == f"{SVG}rect":
            found.append(
                (
                    float(node.attrib["x"]) + float(node.attrib["width"]),
                    float(node.attrib["y"]) + float(node.attrib["height"]),
                )
            )
        if "d" in node.attrib:
            found += [(float(a), float(b)) for a, b in re.findall(r"(-?[\d.]+) (-?[\d.]+)", node.attrib["d"])]
    return found


def inside(picture: str) -> bool:
    """Whether every point is finite and lies in the view box."""
    _, _, width, height = map(float, parsed(picture).attrib["viewBox"].split())
    points = coordinates(picture)
    return all(math.isfinite(x + y) and -0.1 <= x <= width + 0.1 and -0.1 <= y <= height + 0.1 for x, y in points)


@pytest.mark.parametrize("width", [350, 870])
@pytest.mark.parametrize("name", DRAWERS)
@pytest.mark.parametrize("text", ["plain", EVIL, LONG, ""])
def test_every_picture_is_well_formed_named_and_inside_its_frame(name: str, text: str, width: int) -> None:
    picture = DRAWERS[name](text, width)
    root = parsed(picture)
    assert root.attrib["role"] == "img"
    assert "aria-label" in root.attrib
    assert root[0].tag == f"{SVG}title"
    assert root[1].tag == f"{SVG}desc"
    assert "<script" not in picture
    assert not re.search(r"[\x00-\x08\x1b]", picture)
    assert "nan" not in re.sub(r">[^<]*<", "><", picture).lower()
    assert inside(picture)
    assert picture == DRAWERS[name](text, width)


@pytest.mark.parametrize("name", DRAWERS)
def test_no_style_attribute_and_no_script_so_that_a_strict_page_may_serve_it(name: str) -> None:
    assert " style=" not in DRAWERS[name]("x", 870)
    assert not re.search(r"\son\w+=|href=", DRAWERS[name]("x", 870))


finite = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(finite, finite, finite), max_size=6), st.sampled_from([350, 870]), st.booleans())
def test_intervals_are_drawn_inside_the_axis_whatever_they_are(
    rows: list[tuple[float, float, float]], width: int, difference: bool
) -> None:
    built = [ForestRow(f"r{k}", m, (min(a, b), max(a, b)), "pass") for k, (a, m, b) in enumerate(rows)]
    assert inside(charts.forest_plot(built, title="t", difference=difference, width=width))
    bars = [BarGroup(f"r{k}", (Bar(m, (a, b)), Bar(a))) for k, (a, m, b) in enumerate(rows)]
    assert inside(charts.grouped_bars(bars, title="t", width=width))
    months = [Month(f"2024-{k + 1:02d}", a, b, int(abs(m))) for k, (a, m, b) in enumerate(rows)]
    assert inside(charts.residual_series(months, title="t", width=width))


def test_an_endless_interval_ends_in_an_arrow_and_is_said_in_words() -> None:
    row = ForestRow("one-sided", 0.01, (0.002, math.inf), "better")
    picture = charts.forest_plot([*ROWS, row], title="t")
    assert inside(picture)
    assert "no limit" in picture
    assert picture.count("whisker") > charts.forest_plot(ROWS, title="t").count("whisker")


def test_one_wide_interval_does_not_squeeze_the_others_flat() -> None:
    def drawn(rows: list[ForestRow]) -> float:
        """Pixels that the first row's interval takes."""
        for node in parsed(charts.forest_plot(rows, title="t", width=870)).iter(f"{SVG}line"):
            if node.attrib["class"] == "whisker":
                return float(node.attrib["x2"]) - float(node.attrib["x1"])
        raise AssertionError

    wide = ForestRow("tiny", 0.0, (-5.0, 5.0), "unclear", "9 rows")
    assert drawn([*ROWS, wide]) > drawn(ROWS) / 6


def test_a_status_is_a_word_and_a_shape_beside_its_colour() -> None:
    shapes = {charts.STATUS_MARKS[s][1:] for s in ("better", "worse", "unclear", "invalid")}
    assert len(shapes) == 4
    picture = charts.forest_plot(ROWS, title="t")
    assert all(f">{row.status}<" in picture for row in ROWS)


def test_an_unknown_status_never_looks_like_a_pass() -> None:
    passed = charts.forest_plot([ForestRow("a", 0.1, (0.0, 0.2), "pass")], title="t", styled=False)
    for word in ("unknown", "skipped", "", "PASS?"):
        picture = charts.forest_plot([ForestRow("a", 0.1, (0.0, 0.2), word)], title="t", styled=False)
        assert "good" in passed
        assert "good" not in picture


def test_what_was_not_measured_is_said_and_not_drawn_as_nought() -> None:
    picture = charts.forest_plot([ForestRow("a", None), ForestRow("b", math.nan)], title="t", styled=False)
    assert picture.count("no figure") == 2
    assert "<path" not in picture
    bars = charts.grouped_bars([BarGroup("a", (Bar(None), Bar(math.nan)))], title="t", styled=False)
    assert bars.count("no figure") == 2
    assert 'rect x="' not in bars.replace('class="h-', "")


def test_bars_start_at_nought_and_are_as_long_as_their_figures() -> None:
    picture = charts.grouped_bars([BarGroup("a", (Bar(0.1), Bar(0.3)))], title="t", styled=False)
    lengths = [float(n.attrib["width"]) for n in parsed(picture).iter(f"{SVG}rect")]
    assert lengths[1] == pytest.approx(3 * lengths[0], abs=0.2)


def test_the_longest_bars_come_first_and_the_rest_is_counted() -> None:
    picture = charts.horizontal_bars({f"f{k}": float(k) for k in range(30)}, title="t", top_n=5)
    assert re.findall(r">(f\d+)<", picture) == ["f29", "f28", "f27", "f26", "f25"]
    assert "and 25 more" in picture


def test_a_gap_in_time_is_a_gap_in_the_line() -> None:
    figures = [0.01, 0.02, None, 0.01, 0.0]
    months = [Month(f"2024-{k + 1:02d}", v, v, 10) for k, v in enumerate(figures)]
    picture = charts.residual_series(months, title="t", styled=False)
    assert picture.count('class="l-challenger"') == 2


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=8), st.floats(120, 900))
def test_ticks_are_even_nice_distinct_and_cover_the_data(values: list[float], width: float) -> None:
    axis = Axis.over(values, left=0, right=width)
    unseen = 1e-7 * (axis.high - axis.low)  # far below a tenth of a pixel
    assert axis.low - unseen <= min(values)
    assert axis.high + unseen >= max(values)
    steps = [b - a for a, b in pairwise(axis.ticks)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)
    lead = min(steps) / 10 ** math.floor(math.log10(min(steps) * 1.0000001))
    assert min(abs(lead - nice) for nice in (1, 2, 2.5, 5, 10)) < 1e-2
    shown = [axis.label(t) for t in axis.ticks]
    assert len(set(shown)) == len(shown)
    assert len(axis.ticks) <= width / 62 + 4


@pytest.mark.parametrize(("width", "wanted", "step"), [(1, 5, 0.2), (10, 4, 2.5), (97, 5, 20), (0.003, 3, 0.001)])
def test_steps_are_those_a_person_would_choose(width: float, wanted: int, step: float) -> None:
    assert nice_step(width, wanted) == pytest.approx(step)


@given(st.text(min_size=1, max_size=200), st.floats(20, 400))
def test_cut_text_fits_its_room(text: str, room: float) -> None:
    assert text_width(fit(text, room)) <= max(room, text_width("\u2026"))
