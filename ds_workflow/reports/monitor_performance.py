"""The page of one look at a champion's performance: findings, segments, calibration, and every figure over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ds_workflow.domain.monitoring.looks import Finding, Look
from ds_workflow.domain.problem import Problem
from ds_workflow.reports.charts import reliability_curve
from ds_workflow.reports.charts_history import history_line
from ds_workflow.reports.page import figure, page, para, pill, section, table, tone
from ds_workflow.reports.tables import count, esc, measure, metric_title, metric_unit, number, percent, span

WIDE, SLIM = 870, 350
SHOWN = {"healthy": "pass", "warn": "inconclusive", "critical": "fail", "unknown": "unclear"}
TITLES = {
    "latency_p95_ms": ("95th percentile of the time to answer", "milliseconds"),
    "requests": ("Requests answered", "requests"),
    "rows": ("Labelled rows in the window", "rows"),
    "ece_by_chance": ("Calibration error that chance explains", "share"),
}


def html(look: Look, points: Sequence[Mapping[str, Any]], problem: Problem) -> str:
    """The whole page."""
    window = look.detail.get("window")
    seen = f"{window['first']} to {window['last']}, {count(window['labelled'])} labelled rows" if window else ""
    body = [
        f'<div class="head {tone(SHOWN[look.status])}"><div class="eyebrow">Performance as of {esc(look.at)}</div>'
        f"<h1>{esc(problem.title)}: {esc(look.status)}</h1>{para(look.sentence())}"
        f"{para(f'Champion v{look.version}. {seen}', css='soft')}</div>",
        section("What was seen", findings_table(look.findings)),
        section("Figures against the holdout", _figures(look)),
        section("Segments", _segments(look)),
        section("Can the probabilities be read as such?", _reliability(look)),
        section("Over time", *charts(points, problem)),
        section(
            "How to read it",
            para(
                f"Labels count when they came within {look.detail.get('mature_after_days')} days of the answer, so "
                "that every window is seen at the same age; younger rows are not compared. A worsening is told "
                "only when its interval, from a bootstrap over clusters of both windows and corrected over segments "
                "(Holm), lies beyond the limit."
            ),
            para(str(look.detail.get("note") or "")),
        ),
    ]
    return page(f"Performance of {problem.name}", "\n".join(part for part in body if part))


def findings_table(found: Sequence[Finding]) -> str:
    """Findings, each with its status, its words and what to do."""
    rows = [[esc(f.name), pill(SHOWN[f.status], f.status), esc(f.detail) + _step(f.next)] for f in found]
    return table(["Check", "Status", "What was seen"], rows, caption="Findings")


def _step(text: str) -> str:
    return f'<span class="soft">{esc(text)}</span>' if text else ""


def charts(
    points: Sequence[Mapping[str, Any]], problem: Problem, *, limits: Mapping[str, float] | None = None
) -> list[str]:
    """A chart per figure that two days at least have; the primary metric first."""
    named = [name for point in points for name in point if name not in ("date", "version", "rows", "ece_by_chance")]
    order = {problem.primary_metric: -1}
    names = sorted(dict.fromkeys(named), key=lambda n: (order.get(n, 0), named.index(n)))
    made = []
    for name in names:
        series = [(str(p["date"]), p.get(name)) for p in points]
        if sum(value is not None for _, value in series) < 2:
            continue
        title, unit = _title(name)
        limit = (limits or {}).get(name)

        def draw(
            width: int, *, series: Any = series, title: str = title, unit: str = unit, limit: float | None = limit
        ) -> str:
            return history_line(series, title=title, unit=unit, limit=limit, width=width, styled=False)

        made.append(figure(title, "", draw(WIDE), draw(SLIM)))
    return made


def _title(name: str) -> tuple[str, str]:
    if name in TITLES:
        return TITLES[name]
    if name.startswith("fairness."):
        _, column, metric = name.split(".", 2)
        return f"Widest difference between groups of {column}: {metric_title(metric)}", metric_unit(metric)
    return metric_title(name), metric_unit(name)


def _figures(look: Look) -> str:
    held = look.detail.get("holdout", {})
    rows = [
        [
            esc(metric_title(name)),
            measure(value, metric_unit(name)),
            measure(held[name], metric_unit(name)) if name in held else "",
        ]
        for name, value in look.figures.items()
        if not name.startswith("fairness.") and name not in TITLES
    ]
    return table(["Figure", "Now", "On the holdout"], rows, align="lrr") if rows else ""


def _segments(look: Look) -> str:
    rows = [
        [
            esc(str(c["place"])),
            pill(SHOWN[c["status"]], c["status"]),
            count(c["rows"]),
            number(c["now"]),
            number(c["then"]),
            percent(c["change"], signed=True),
            span(c["interval"], "share") if c["interval"] else esc(str(c["why"])),
        ]
        for c in look.detail.get("changes", [])
    ]
    heads = ["Segment", "Status", "Rows", "Now", "Holdout", "Worse by", "90 % interval"]
    return table(heads, rows, align="llrrrrl") if rows else ""


def _reliability(look: Look) -> str:
    bins = look.detail.get("reliability", [])
    if not bins:
        return ""

    def draw(width: int) -> str:
        return reliability_curve(
            [(b["predicted"], b["observed"], b["rows"]) for b in bins],
            title="Observed share of class 1 by probability",
            intervals=[tuple(b["interval"]) for b in bins],
            width=width,
            styled=False,
        )

    return figure(
        "Reliability", "Observed share by answered probability; the dashed line is perfect.", draw(440), draw(SLIM)
    )
