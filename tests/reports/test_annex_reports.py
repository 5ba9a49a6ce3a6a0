"""The annexes' sections and curves: whole, inert, and plain about what was not measured."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ds_workflow.domain.explanations import Case, Contribution, Curve, Explanations, Point
from ds_workflow.domain.representativeness import Representativeness, Shift
from ds_workflow.domain.stability import Part, Spread, Stability
from ds_workflow.reports import explanations, representativeness, stability
from ds_workflow.reports.charts import BandPoint, SpreadRow, band_curve, spread_bars

EVIL = "<script>|`"


def texts(picture: str) -> list[str]:
    root = ET.fromstring(picture)  # noqa: S314  our own text
    return [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("width", [350, 870])
def test_a_band_curve_is_well_formed_and_says_its_figures(width: int) -> None:
    points = [BandPoint(k, 1e6 * k, 0.9e6 * k, 1.2e6 * k) for k in (1.0, 2.0, 4.0)]
    made = band_curve([*points, BandPoint(None, 2e6, 1e6, 3e6)], title="x", unit="dollars", caption=EVIL, width=width)
    assert {"missing", "dollars", "5,000,000"} <= set(texts(made))
    assert "<script" not in made
    assert made.count("<circle") == 3 and "2: 2,000,000 [1,800,000, 2,400,000]" in made
    left = min(float(x) for x in re.findall(r'<line x1="([\d.]+)"', made))
    assert left > 60, "the longest label has room before the axis"


@pytest.mark.parametrize("width", [350, 870])
def test_where_rows_spread_is_no_interval_and_says_so(width: int) -> None:
    rows = [SpreadRow("Private", 0.25, 0.02, 0.6), SpreadRow(EVIL, 0.1, 0.0, 1.0)]
    options = {"title": "x", "figure": "mean answer", "spread": "10 to 90 % of rows", "width": width, "styled": False}
    points = [BandPoint(20.0, 0.25, 0.0, 0.6), BandPoint(40.0, 0.1, 0.0, 1.0), BandPoint(None, 0.2, 0.1, 0.3)]
    for made in (spread_bars(rows, unit="probability", **options), band_curve(points, unit="probability", **options)):
        assert {"mean answer", "10 to 90 % of rows"} <= set(texts(made))
        assert "whisker" not in made and "<script" not in made and "[" not in made
        said = set(texts(made))
        assert said & {"0.0", "0.00"} and said & {"1.0", "1.00"}
        assert not any(text.startswith(("-", "\u2212", "1.1", "1.2", "1.5")) for text in said), "no axis beyond [0, 1]"
    assert "0.02 to 0.6" in " ".join(texts(spread_bars(rows, **options)))
    assert "no figures" in texts(spread_bars([], **options))


def test_a_curve_of_nothing_says_so() -> None:
    assert "no figures" in texts(band_curve([], title="x"))
    only = band_curve([BandPoint(None, 0.5, 0.4, 0.6)], title="x", unit="share")
    assert "missing" in texts(only) and "no figures" not in texts(only)


def test_the_section_on_stability_tells_chance_from_difference() -> None:
    parts = (
        Part("segment", "HOUSE", 4000, 0.12, (0.11, 0.13)),
        Part("segment", EVIL, 60, None, None),
        Part("segment", "FLAT", 2000, 0.20, (0.18, 0.22)),
    )
    spreads = (
        Spread("segment", 2, 0.08, 0.01, "FLAT", 0.05, (0.03, 0.07), "cut from the target"),
        Spread("borough", 3, 0.01, 0.012, "QUEENS", -0.004, (-0.01, 0.002)),
    )
    found = Stability("mdape", 6060, 300, 0.15, (0.14, 0.16), parts, spreads)
    text = stability.markdown(found)
    assert (
        "(built in: cut from the target): 2 parts lie 8.00 pp apart, equal ones would lie about 1.00 pp apart" in text
    )
    assert "FLAT, by +5.00 pp \\[+3.00, +7.00\\] pp, which is more than chance." in text
    assert "QUEENS, by -0.40 pp \\[-1.00, +0.20\\] pp, which chance alone may show." in text
    assert "not measured" in text and "<script>|" not in text
    ((title, wide, slim), *rest) = stability.charts(found)
    assert title == "Median absolute percentage error, by segment"
    assert "no figure" in texts(wide) and "all rows" in texts(slim)
    assert len(rest) == 1


def test_the_section_on_representativeness_parts_the_surprising_from_the_expected() -> None:
    shifts = (
        Shift("day", 3.2, 0.001, 0.0, trending=True, moved=True),
        Shift("area", 0.3, 0.001, 0.0, trending=False, moved=True),
        Shift(EVIL, 0.05, 0.001, 0.2, trending=False, moved=False),
    )
    found = Representativeness(900, 300, shifts, 0.61, (0.57, 0.65), ("text",))
    text = representativeness.markdown(found)
    assert "* Moved: `area` (0.3)." in text
    assert "with the calendar or the market: `day` (3.2)." in text
    assert "so they can be told apart in part" in text and "| as expected |" in text
    assert "* Free text, compared by its length: `text`." in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count(" | ") == 4 for line in rows)
    none = representativeness.markdown(Representativeness(9, 9, (), None, None))
    assert "Moved: nothing." in none and "ROC" not in none


def test_the_section_on_explanations_names_rows_features_and_what_has_no_curve() -> None:
    told = (
        Contribution(EVIL, "long text " * 20, -0.4),
        Contribution("age", 33.0, 0.25),
        Contribution("tfidf", None, 0.1),
    )
    case = Case("worst", EVIL, 1.0, 0.02, 0.98, told, 0.0)
    points = (Point("a", 0.2, (0.1, 0.2, 0.3)), Point(None, 0.4, (0.3, 0.4, 0.5)))
    curves = (
        Curve("kind", "category", 300, points),
        Curve("age", "number", 300, (Point(20.0, 0.1, (0.0, 0.1, 0.2)), *points[1:])),
    )
    found = Explanations("log odds", None, {"kind": 0.4}, (case,), curves, {"words": "free text has no grid of values"})
    text = explanations.markdown(found, unit="probability")
    assert "answered worst" in text and "`age` = 33 +0.25" in text and "starting from" not in text
    assert "* No curve of `words`: free text has no grid of values." in text
    assert "| `kind` | 0.2 | a | 0.4 | missing |" in text
    made = explanations.charts(found, unit="probability", units={"age": "years"})
    assert [title for title, *_ in made] == ["Mean answer by kind", "Mean answer by age"]
    assert "age, years" in texts(made[1][1])
    assert all("10 to 90 % of rows" in texts(picture) for _, *both in made for picture in both)
    assert "not how sure the mean is" in text
