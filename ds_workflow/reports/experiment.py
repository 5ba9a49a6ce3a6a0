"""What an experiment showed: a few lines for the terminal, a page with the forest of its contrasts."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.domain.ab_test.analysis import OVERALL, Analysis, Row
from ds_workflow.reports.charts import ForestRow, forest_plot
from ds_workflow.reports.page import bullets, figure, page, para, pill, section, table
from ds_workflow.reports.tables import count, esc, measure, number, percent, span, text_table

WIDE, SLIM = 870, 350
_TONE = {"ship": "pass", "keep": "fail", "continue": "inconclusive"}


def unit_of(row: Row) -> str:
    """Shares are shown in per cent, everything else as numbers."""
    return "share" if row.contrast.test == "two-proportion z" else ""


def text(found: Analysis) -> str:
    """For the terminal."""
    rows = [
        [
            _name(r),
            r.contrast.test,
            measure(r.contrast.control, unit_of(r)),
            measure(r.contrast.treatment, unit_of(r)),
            measure(r.contrast.estimate, unit_of(r), difference=True),
            span(r.contrast.interval, unit_of(r), difference=True),
            f"{r.contrast.p_value:.2g}",
            "" if r.measure.guardrail else f"{r.corrected:.2g}",
            _said(r),
            measure(r.contrast.detectable, unit_of(r), difference=True).lstrip("+"),
        ]
        for r in found.rows
    ]
    level = f"{100 * found.primary.contrast.level:g} % interval"
    heads = [
        "metric",
        "test",
        "control",
        "treatment",
        "difference",
        level,
        "p",
        f"p ({found.correction})",
        "practical",
        "detectable",
    ]
    arms = ", ".join(f"{arm} {count(n)}" for arm, n in found.units.items())
    lines = [
        f"{found.recommendation.verdict.upper()}: {found.recommendation.why}",
        *([f"About {count(found.recommendation.units_per_arm)} units per arm would tell."] if _wanted(found) else []),
        f"What would change it: {found.recommendation.changes}",
        "",
        f"Units: {arms}; planned split p = {found.sample_ratio:.2g}",
        "",
        *text_table(heads, rows, align="llrrrlrrlr"),
        *_below(found),
    ]
    return "\n".join([*lines, *(f"  ! {w}" for w in found.warnings)])


def _below(found: Analysis) -> list[str]:
    said = ["", "  detectable: the effect that as many units show with power 0.8; an observed power would only say the "
            "p-value again."]  # fmt: skip
    if found.together and len(found.units) > 2:
        t = found.together
        said.append(f"  all arms at once: chi-square {t.statistic:.4g}, df {t.df}, p = {t.p_value:.2g}")
    return said


def _wanted(found: Analysis) -> bool:
    return found.recommendation.units_per_arm is not None


def _name(r: Row) -> str:
    place = "" if r.segment == OVERALL else f", {r.segment}"
    return f"{_named(r)}, {r.arm}{place}"


def _named(r: Row) -> str:
    m = r.measure
    return m.name + (guarded(m.practical, unit_of(r), greater=m.greater_is_better) if m.guardrail else "")


def _said(r: Row) -> str:
    return f"guardrail {r.practical}" if r.measure.guardrail else r.practical


def guarded(margin: float, unit: str, *, greater: bool) -> str:
    """What tells a guardrail from a metric: its margin, and in which direction."""
    allowed = measure(margin, unit, difference=True).lstrip("+")
    return f" (guardrail: may {'fall' if greater else 'rise'} by {allowed})"


def html(found: Analysis, *, title: str, sql: str = "") -> str:
    """The page: recommendation, forest, table, warnings, and the SQL that added the figures up."""
    first = found.primary
    verdict = found.recommendation.verdict
    tiles = [
        ("Difference", measure(first.contrast.estimate, unit_of(first), difference=True)),
        ("Interval", span(first.contrast.interval, unit_of(first), difference=True)),
        ("Relative", percent(first.contrast.relative, signed=True) if first.contrast.relative is not None else "n/a"),
        ("p, corrected", f"{first.corrected:.2g}"),
        ("Units", " : ".join(count(n) for n in found.units.values())),
        ("Split, p", f"{found.sample_ratio:.2g}"),
    ]
    shown = "".join(f'<div class="tile"><div class="name">{esc(k)}</div><b>{esc(v)}</b></div>' for k, v in tiles)
    rows = [
        [
            esc(_name(r)),
            esc(r.contrast.test),
            esc(measure(r.contrast.control, unit_of(r))),
            esc(measure(r.contrast.treatment, unit_of(r))),
            esc(measure(r.contrast.estimate, unit_of(r), difference=True)),
            esc(span(r.contrast.interval, unit_of(r), difference=True)),
            f"{r.contrast.p_value:.2g}",
            "" if r.measure.guardrail else f"{r.corrected:.2g}",
            number(r.contrast.effect_size) if r.contrast.effect_size is not None else "",
            esc(_said(r)),
            esc(measure(r.contrast.detectable, unit_of(r), difference=True).lstrip("+")),
        ]
        for r in found.rows
    ]
    heads = ["Metric", "Test", "Control", "Treatment", "Difference", "Interval", "p", "Corrected", "Effect size",
             "Practical", "Detectable"]  # fmt: skip
    body = [
        f'<div class="head"><div class="eyebrow">Experiment</div><h1>{esc(title)}</h1>'
        f"<p>{pill(_TONE[verdict], verdict)} {esc(found.recommendation.why)}</p>"
        f"{para(f'What would change it: {found.recommendation.changes}', css='small')}"
        f'<div class="tiles">{shown}</div></div>',
        section("Contrasts", *_forests(found.rows), table(heads, rows, align="llrrrlrrrlr")),
        section("Warnings", bullets(found.warnings)),
        section(
            "How to read it",
            para(
                "Treatment minus control, two-sided. The effect size is Cohen's h for shares and d for means. p-values "
                f"are corrected over metrics, arms and segments ({found.correction}). 'Practical' compares the "
                "interval with the difference worth having, or with a guardrail's margin. 'Detectable' is the effect "
                "that as many units show with power 0.8; no observed power is given, since it only says the p-value "
                "again."
            ),
        ),
        statements(sql),
    ]
    return page(f"Experiment: {title}", "\n".join(part for part in body if part))


def statements(sql: str) -> str:
    """The SQL behind a page's figures, to be run again; empty where nothing was added up in SQL."""
    return section("SQL", f"<pre>{esc(sql)}</pre>" if sql else "", id="sql")


def _forests(rows: Sequence[Row]) -> list[str]:
    """One forest per metric, since metrics differ in unit."""
    out = []
    for name in dict.fromkeys(_named(r) for r in rows):
        mine = [r for r in rows if _named(r) == name]
        lines = [ForestRow(f"{r.arm}, {r.segment}", r.contrast.estimate, r.contrast.interval, _status(r)) for r in mine]

        def draw(width: int, lines: Sequence[ForestRow] = lines, mine: Sequence[Row] = mine, name: str = name) -> str:
            return forest_plot(lines, title=name, unit=unit_of(mine[0]), width=width, styled=False)

        out.append(figure(name, "Treatment minus control, with intervals.", draw(WIDE), draw(SLIM)))
    return out


def _status(r: Row) -> str:
    low, high = r.contrast.interval
    if low <= 0 <= high:
        return "unclear"
    return "better" if (low > 0) == r.measure.greater_is_better else "worse"
