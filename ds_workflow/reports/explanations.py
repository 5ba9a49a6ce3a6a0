"""Why a model answers as it does: the section of the run card and its charts."""

from __future__ import annotations

from collections.abc import Mapping

from ds_workflow.domain.explanations import QUANTILES, Case, Curve, Explanations
from ds_workflow.reports.charts import BandPoint, SpreadRow, band_curve, spread_bars
from ds_workflow.reports.run_card import SLIM, WIDE
from ds_workflow.reports.tables import code, md, md_table, measure, number

_TOLD = 4
_MEAN = "mean answer"
_SPREAD = f"{100 * QUANTILES[0]:.0f} to {100 * QUANTILES[-1]:.0f} % of rows"
_WORDS = {"worst": "answered worst", "typical": "typical", "best": "answered best"}


def markdown(found: Explanations, *, unit: str) -> str:
    """Single rows and which curves are drawn; `unit` is that of the answers."""
    base = f", starting from {number(found.base)}" if found.base is not None else ""
    out = [
        f"Single rows of the holdout, with the features that moved their answer most ({md(found.unit)}{base}):",
        "",
        *md_table(
            ["Row", "", "Truth", "Answer", "What moved it"],
            [[code(c.row_id), _WORDS[c.role], measure(c.truth, unit), measure(c.prediction, unit), _told(c)]
             for c in found.cases],
            align="llrrl",
        ),
        "",
    ]  # fmt: skip
    if found.curves:
        names = ", ".join(code(c.feature) for c in found.curves)
        out.append(
            f"Partial dependence of {names}: the mean answer of {found.curves[0].rows} rows when the feature is set to "
            f"one value in all of them. The band or bar ({_SPREAD}) holds the middle of the rows' own answers there: "
            "it tells how far rows lie apart by all that differs besides, not how sure the mean is. Rows get values "
            "that they may never have together with the rest: the shape is the model's, not the world's."
        )
        rows = [[code(c.feature), *_ends(c, unit)] for c in found.curves]
        out += [
            "",
            *md_table(["Feature", "Lowest mean answer", "at", "Highest mean answer", "at"], rows, align="lrlrl"),
        ]
    out += [f"* No curve of {code(name)}: {md(why)}." for name, why in found.absent.items()]
    return "\n".join(out) + "\n"


def _told(case: Case) -> str:
    said = []
    for c in case.contributions[:_TOLD]:
        value = f" = {md(_value(c.value))}" if c.value is not None else ""
        said.append(f"{code(c.feature)}{value} {number(c.contribution, digits=3, signed=True)}")
    return ", ".join(said)


def _value(value: float | str | None) -> str:
    return "missing" if value is None else (value[:40] if isinstance(value, str) else number(value))


def _ends(curve: Curve, unit: str) -> list[str]:
    low, high = (pick(curve.points, key=lambda p: p.mean) for pick in (min, max))
    return [measure(low.mean, unit), md(_value(low.value)), measure(high.mean, unit), md(_value(high.value))]


def charts(found: Explanations, *, unit: str, units: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """One curve per feature; `unit` is that of the answers, `units` those of the features."""
    made = []
    for curve in found.curves:
        title = f"Mean answer by {curve.feature}"
        wide, slim = (_chart(curve, title, unit, units.get(curve.feature, ""), width) for width in (WIDE, SLIM))
        made.append((title, wide, slim))
    return tuple(made)


def _chart(curve: Curve, title: str, unit: str, along: str, width: int) -> str:
    if curve.kind == "category":
        rows = [SpreadRow(_value(p.value), p.mean, p.quantiles[0], p.quantiles[2]) for p in curve.points]
        return spread_bars(rows, title=title, figure=_MEAN, spread=_SPREAD, unit=unit, width=width, styled=False)
    points = [
        BandPoint(p.value if isinstance(p.value, float) else None, p.mean, p.quantiles[0], p.quantiles[2])
        for p in curve.points
    ]
    caption = f"{curve.feature}, {along}" if along else curve.feature
    return band_curve(
        points, title=title, figure=_MEAN, spread=_SPREAD, unit=unit, caption=caption, width=width, styled=False
    )
