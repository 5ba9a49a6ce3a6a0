"""The odds ratios of a run card: every term in the table, the outstanding ones in the plot, gaps in words."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from ds_workflow.domain.odds import OddsRatios, Term, odds_ratios
from ds_workflow.reports import odds
from ds_workflow.reports.charts_forest import ForestRow, Line, forest_plot
from ds_workflow.reports.svg import Axis


def found(*, clusters: int = 12, count: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(600, count))
    target = (rng.random(600) < 1 / (1 + np.exp(-0.7 * matrix[:, 0]))).astype(float)
    names = [
        Term("wait <ms>", "wait", "per standard deviation, 0.7"),
        *(Term(f"x={i}", "x", "against a") for i in range(1, count)),
    ]
    labels = rng.integers(0, clusters, 600) if clusters else None
    ratios: OddsRatios = odds_ratios(
        np.hstack([matrix, matrix[:, :1]]), target, terms=[*names, Term("again", "x", "")], clusters=labels
    )
    return ratios.to_dict()


def test_the_table_holds_every_term_and_says_why_one_has_no_ratio() -> None:
    content = found()
    text = odds.section(content, units={"wait": "doublings"}, cluster="developer_id")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4
    assert "per standard deviation, 0.7 doublings" in lines[2]
    assert "wait \\<ms\\>" in lines[2]
    assert "| none | the terms above it already say it |" in lines[5]
    assert "developer\\_id" in text
    assert "11 degrees of freedom" in text
    assert "fewer than 40 clusters" in text


def test_weighted_rows_have_one_interval_and_it_is_said_why() -> None:
    rng = np.random.default_rng(2)
    matrix, weight = rng.normal(size=(600, 2)), rng.choice([1.0, 20.0], 600)
    target = (rng.random(600) < 1 / (1 + np.exp(-matrix[:, 0]))).astype(float)
    two = [Term("x", "x", "per step"), Term("y", "y", "per step")]
    content = odds_ratios(matrix, target, terms=two, clusters=rng.integers(0, 30, 600), weights=weight).to_dict()
    text = odds.section(content, units={}, cluster="minute")
    assert "pseudo-likelihood" in text
    assert "29 degrees of freedom" in text
    assert "fewer than 40 clusters" in text
    assert "if rows were independent" not in text
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {6}
    assert "<circle" in odds.chart(content, width=600)


def test_what_the_interval_allows_for_is_said() -> None:
    assert "every row for a fact of its own" in odds.section(found(clusters=0), units={}, cluster="person_id")
    content = {**found(), "clusters": 600}
    assert "a person\\_id of its own" in odds.section(content, units={}, cluster="person_id")


@pytest.mark.parametrize("width", [350, 870])
def test_the_plot_shows_the_outstanding_terms_in_the_order_of_their_ratios(width: int) -> None:
    content = found(count=30)
    picture = odds.chart(content, width=width)
    tree = ET.fromstring(picture)  # noqa: S314  our own text
    marks = [
        e
        for e in tree.iter()
        if e.tag.endswith("circle") or (e.tag.endswith("path") and "h-unsure" in e.get("class", ""))
    ]
    assert len([m for m in marks if m.find("{*}title") is not None]) == odds.SHOWN
    told = tree.findtext("{*}desc") or ""
    assert told.startswith("wait <ms>: ")
    assert "the 20 terms that stand out most" in picture
    ratios = [float(part.split(": ")[1].split(",")[0]) for part in told.split("; ")]
    assert ratios == sorted(ratios, reverse=True)


def test_a_ratio_and_its_reciprocal_lie_equally_far_from_one() -> None:
    axis = Axis.of_ratios([math.log(0.4), math.log(3.0)], left=0, right=400)
    middle = axis.at(0.0)
    assert axis.at(math.log(2)) - middle == pytest.approx(middle - axis.at(math.log(0.5)))
    printed = [axis.label(t) for t in axis.ticks]
    assert "1" in printed
    assert axis.low <= math.log(0.4) < math.log(3.0) <= axis.high
    gaps = np.diff([axis.at(t) for t in axis.ticks])
    assert (gaps >= 62).all()


def test_a_ratio_far_from_one_is_written_as_it_is_and_stands_at_the_edge() -> None:
    term = {"term": "x", "feature": "x", "per": "against a", "log_odds": -25.0, "error": 1.0, "clustered_error": None}
    far = {"ratio": 1.4e-11, "interval": (1.9e-12, 9.8e-11), "wald": (1.9e-12, 9.8e-11), "penalised": 0.3, "note": ""}
    content = {"rows": 9, "clusters": 0, "coverage": 0.95, "terms": [term | far]}
    assert "1.9e-12, 9.8e-11" in odds.section(content, units={}, cluster="c")
    picture = odds.chart(content, width=870)
    assert "[1.9e-12, 9.8e-11]" in picture
    mark = next(e for e in ET.fromstring(picture).iter() if e.tag.endswith("circle"))  # noqa: S314  our own text
    axis = next(e for e in ET.fromstring(picture).iter() if e.get("class") == "axis")  # noqa: S314
    assert mark.get("cx") == axis.get("x1")


def test_an_axis_of_ratios_holds_whatever_comes() -> None:
    for logs in ([], [0.0], [5.0], [-700.0, 700.0], [1e-9]):
        axis = Axis.of_ratios(logs, left=10, right=300)
        assert axis.high > axis.low
        assert all(10 <= axis.at(v) <= 300 for v in logs)


def test_lines_of_a_ratio_plot_stand_at_their_ratio() -> None:
    rows = [ForestRow("a", 2.0, (1.0, 4.0), status="better"), ForestRow("b", None)]
    picture = forest_plot(rows, title="t", unit="odds ratio", ratio=True, lines=[Line(2.0, "twice")])
    tree = ET.fromstring(picture)  # noqa: S314  our own text
    dashed = next(e for e in tree.iter() if e.get("class") == "margin")
    mark = next(e for e in tree.iter() if e.tag.endswith("circle"))
    assert "no figure" in picture
    assert dashed.get("x1") == mark.get("cx")
