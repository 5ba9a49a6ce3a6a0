"""Pictures as SVG text: no JavaScript, no files, the same bytes for the same figures.

Every chart takes `width` in pixels and re-lays itself below 520 (labels move above the marks), so a page can carry a
wide and a narrow one. Colour is never the only sign: a status has a shape and a word, a series a shape and a name. What
was not measured is written as `no figure` and never drawn as 0. All texts are escaped. With `styled=False` the
embedding page serves `CHART_CSS` itself.
"""

from __future__ import annotations

from ds_workflow.reports.charts_bars import Bar, BarGroup, grouped_bars, horizontal_bars
from ds_workflow.reports.charts_curves import BandPoint, band_curve
from ds_workflow.reports.charts_forest import STATUS_MARKS, ForestRow, Line, coverage_chart, forest_plot
from ds_workflow.reports.charts_lines import Month, reliability_curve, residual_series, sparkline
from ds_workflow.reports.charts_spread import SpreadRow, spread_bars
from ds_workflow.reports.svg import CHART_CSS

__all__ = [
    "CHART_CSS",
    "STATUS_MARKS",
    "BandPoint",
    "Bar",
    "BarGroup",
    "ForestRow",
    "Line",
    "Month",
    "SpreadRow",
    "band_curve",
    "coverage_chart",
    "forest_plot",
    "grouped_bars",
    "horizontal_bars",
    "reliability_curve",
    "residual_series",
    "sparkline",
    "spread_bars",
]
