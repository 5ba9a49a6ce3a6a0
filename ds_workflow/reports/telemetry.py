"""Answers of the warehouse as pictures and tables, and the report that holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ds_workflow.domain.product_metrics import PRODUCT_METRICS, ProductMetric
from ds_workflow.domain.telemetry.recovery import Rate, Recovery
from ds_workflow.reports.charts import Bar, BarGroup, grouped_bars
from ds_workflow.reports.charts_band import Step, forecast_band
from ds_workflow.reports.page import figure, page, para, pill, section, table
from ds_workflow.reports.tables import count, esc, md, md_table, measure, number, percent, span

WIDE, SLIM = 760, 360
Records = Sequence[Mapping[str, Any]]
Draw = Callable[[int], str]
# the meaning of a column, as the query's heading has it, says whether it is a share
_SHARE = re.compile(r"^(share|the same among|compile rate|lower end|upper end)|as a fraction|rate of its")
FEWEST, WIDEST = 100, 0.5  # suggestions in a bin, and width of its interval, that a picture of bins asks for
ROWS = 24  # of a table on a page; the CSV has all of them


@dataclass(frozen=True)
class Panel:
    """One question on a page: the query's name, a title, a sentence, and a picture in two widths or a table."""

    query: str
    title: str
    question: str
    wide: str = ""
    narrow: str = ""
    table: str = ""


def panel(query: str, question: str, columns: Mapping[str, str], records: Records) -> Panel:
    """The answer to a query as it is shown: drawn where a picture says more, else as a table."""
    title, draw = _SHOWN.get(query, (TABLES.get(query, query.replace("_", " ").capitalize()), None))
    if not records:
        return Panel(query, title, question, table=para("Nothing to show here.", css="soft"))
    if draw is None:
        return Panel(query, title, question, table=rows_table(records, columns))
    return Panel(query, title, question, draw(records, WIDE), draw(records, SLIM))


def rows_table(records: Records, columns: Mapping[str, str], *, limit: int = ROWS) -> str:
    """The records as an HTML table, shares as per cent; `columns` maps each column to its meaning."""
    if not records:
        return para("No rows.", css="soft")
    heads = list(records[0])
    numeric = {h: all(isinstance(r[h], int | float | None) for r in records) for h in heads}
    rows = [[esc(value(r[h], columns.get(h, ""))) for h in heads] for r in records[:limit]]
    more = f"and {len(records) - limit:,} more rows in the CSV" if len(records) > limit else ""
    align = "".join("r" if numeric[h] else "l" for h in heads)
    return table([h.replace("_", " ") for h in heads], rows, align=align) + para(more, css="small soft")


def value(found: Any, meaning: str) -> str:
    """A value by the meaning of its column: shares as per cent, counts with grouped thousands."""
    if found is None:
        return ""
    if isinstance(found, int | float) and _SHARE.search(meaning):
        return percent(found, decimals=2)
    return number(found, digits=4) if isinstance(found, int | float) else str(found)


# --- pictures --------------------------------------------------------------------------------------------------------


def _trend(name: str) -> Callable[[Records, int], str]:
    """Weeks with a band, in per cent."""

    def draw(records: Records, width: int) -> str:
        steps = [
            Step(
                f"{r['week']:%d %b}", 100 * r[name], (100 * r["low"], 100 * r["high"]) if r["low"] is not None else None
            )
            for r in records
            if r[name] is not None
        ]
        return forecast_band(steps, title=_title(name), unit="%", width=width, styled=False)

    return draw


def _ends(r: Mapping[str, Any], factor: float) -> tuple[float, float] | None:
    return (factor * r["low"], factor * r["high"]) if r["low"] is not None else None


def _bars(label: str, name: str) -> Callable[[Records, int], str]:
    """One bar per row, with its interval."""

    def draw(records: Records, width: int) -> str:
        groups = [BarGroup(str(r[label]), (Bar(r[name], _ends(r, 1)),)) for r in records]
        return grouped_bars(groups, title=_title(name), unit="share", labels=(_title(name),), width=width, styled=False)

    return draw


def _series(
    label: Callable[[Mapping[str, Any]], str], name: str, unit: str, by: str = "model_version"
) -> Callable[[Records, int], str]:
    """Groups of one bar per level of `by`; beyond two levels every bar is a group of its own, named by both."""

    def draw(records: Records, width: int) -> str:
        levels = tuple(dict.fromkeys(str(r[by]) for r in records))
        cells: dict[str, dict[str, Bar]] = {}
        for r in records:
            cells.setdefault(label(r), {})[str(r[by])] = Bar(r[name], _ends(r, 1) if "low" in r else None)
        if len(levels) > 2:
            groups = [BarGroup(f"{g}, {level}", (bar,)) for g, found in cells.items() for level, bar in found.items()]
            levels = (_title(name),)
        else:
            groups = [BarGroup(g, tuple(found.get(level, Bar(None)) for level in levels)) for g, found in cells.items()]
        return grouped_bars(groups, title=_title(name), unit=unit, labels=levels, width=width, styled=False)

    return draw


def _told(draw: Callable[[Records, int], str]) -> Callable[[Records, int], str]:
    """The picture without the figures of few suggestions or with an interval of half the scale, which would be all that
    one sees of it; the query's table has them."""

    def drawn(records: Records, width: int) -> str:
        clear = [r for r in records if r["shown"] >= FEWEST and r["low"] is not None and r["high"] - r["low"] <= WIDEST]
        return draw(clear or records, width)

    return drawn


def _median_and_tail(records: Records, width: int) -> str:
    """The median, with a band up to the 95th percentile."""
    steps = [Step(f"{r['week']:%d %b}", r["p50"], (r["p50"], r["p95"])) for r in records]
    return forecast_band(steps, title="Median latency, up to the 95th percentile", unit="ms", width=width, styled=False)


def _rolling(records: Records, width: int) -> str:
    steps = [Step(f"{r['day']:%d %b}", 100 * r["last_7_days"]) for r in records[6:] if r["last_7_days"] is not None]
    every = max(1, len(steps) // 60)
    return forecast_band(steps[::every], title="Acceptance over seven days", unit="%", width=width, styled=False)


def _title(name: str) -> str:
    return PRODUCT_METRICS[name].title if name in PRODUCT_METRICS else name.replace("_", " ")


def _bin(r: Mapping[str, Any]) -> str:
    return (
        f"{count(r['from_ms'])} to {count(r['to_ms'])} ms"
        if r["to_ms"] is not None
        else f"{count(r['from_ms'])} ms and more"
    )


def _language(r: Mapping[str, Any]) -> str:
    return str(r["language"])


_SHOWN: Mapping[str, tuple[str, Callable[[Records, int], str]]] = {
    "acceptance_trend": ("Acceptance by week", _trend("acceptance_rate")),
    "acceptance_rolling": ("Acceptance over the last seven days", _rolling),
    "hallucination_trend": ("Hallucinations by week", _trend("hallucination_rate")),
    "compile_trend": ("What compiles, by week", _trend("compile_rate")),
    "test_pass_trend": ("Tests that pass, by week", _trend("test_pass_rate")),
    "acceptance_by_model": ("Acceptance by model version", _bars("model_version", "acceptance_rate")),
    "acceptance_by_segment": ("Acceptance by segment", _bars("developer_segment", "acceptance_rate")),
    "acceptance_by_language": ("Acceptance by language", _bars("language", "acceptance_rate")),
    "acceptance_by_task": ("Acceptance by kind of task", _bars("task", "acceptance_rate")),
    "acceptance_by_latency": (
        "Acceptance by latency, without bins too thin to tell",
        _told(_series(_bin, "acceptance_rate", "share")),
    ),
    "latency_trend": ("Latency by week: the median, shaded up to the 95th percentile", _median_and_tail),
    "funnel": ("From shown to passed", _series(lambda r: str(r["name"]), "of_shown", "share")),
    "error_types": (
        "How accepted code fails",
        _series(lambda r: str(r["error_type"]).replace("_", " "), "of_accepted", "share"),
    ),
    "hallucination_rate": ("Hallucinations by language", _series(_language, "hallucination_rate", "share")),
    "compile_and_test": ("Tests that pass, by language", _series(_language, "test_pass_rate", "share")),
}  # fmt: skip
TABLES: Mapping[str, str] = {
    "latency_percentiles": "Latency in percentiles",
    "session_productivity": "What a session gets out of it",
    "acceptance_week_on_week": "Week on week",
    "time_to_first_pass": "Time to the first passing test",
    "error_types_by_language": "Errors that a language brings",
    "failing_tasks": "Tasks that fail most",
    "refusal_streaks": "Refusals in a row",
    "event_quality": "Do the events fit together",
    "active_developers": "Active developers",
}


def tiles(figures: Mapping[str, Rate]) -> str:
    """The product metrics as tiles: figure and interval."""
    made = []
    for name, rate in figures.items():
        m = PRODUCT_METRICS[name]
        half = 1.959964 * rate.error
        ends = span((rate.value - half, rate.value + half), m.unit)
        made.append(
            f'<div class="tile"><div class="name">{esc(m.title)}</div><b>{esc(_figure(m, rate.value))}</b>'
            f'<div class="was">{esc(ends)}{"" if m.unit == "share" else f" {esc(m.unit)}"}</div></div>'
        )
    return f'<div class="tiles">{"".join(made)}</div>'


def _figure(metric: ProductMetric, found: float) -> str:
    return measure(found, metric.unit) if metric.unit == "share" else f"{number(found, digits=3)} {metric.unit}"


# --- the report ------------------------------------------------------------------------------------------------------


def recovery_section(found: Recovery) -> str:
    """What is true beside what was found, overall and by level."""
    ok = not found.missed
    said = (
        f"{len(found.figures)} figures whose truth is known. {percent(found.covered)} of their 95 % intervals hold it "
        f"(about 95 % should); {len(found.missed)} are further off than chance allows (|z| above {found.limit:.1f})."
    )
    heads = ["Metric", "Of", "True", "Found", "95 % interval", "z"]
    rows = [
        [
            esc(PRODUCT_METRICS[f.metric].title),
            esc(f"{f.level}" if f.dimension else "all"),
            esc(_figure(PRODUCT_METRICS[f.metric], f.truth)),
            esc(_figure(PRODUCT_METRICS[f.metric], f.found.value)),
            esc(span(f.interval, PRODUCT_METRICS[f.metric].unit)),
            f"{f.z:+.1f}",
        ]
        for f in found.figures
        if f.dimension in ("", "model_version") or f.metric == "acceptance_rate"
    ]
    badge = pill("pass" if ok else "fail", "recovered" if ok else "not recovered")
    return section("Known effects", f"<p>{badge} {esc(said)}</p>", table(heads, rows, align="llrrrr"), id="truth")


def html(title: str, words: str, figures: Mapping[str, Rate], panels: Iterable[Panel], found: Recovery | None) -> str:
    """The whole report."""
    named = f'<div class="eyebrow">Telemetry</div><h1>{esc(title)}</h1><p>{esc(words)}</p>'
    head = f'<div class="head">{named}{tiles(figures)}</div>'
    return page(title, "\n".join([head, *([recovery_section(found)] if found else []), *map(panel_section, panels)]))


def panel_section(shown: Panel) -> str:
    """A panel as a block of a self-contained page."""
    inner = figure(shown.query, "", shown.wide, shown.narrow) if shown.wide else shown.table
    return section(shown.title, para(shown.question), inner, id=shown.query)


def metrics_markdown(queries_of: Mapping[str, Sequence[str]]) -> str:
    """The page docs/reference/product_metrics.md; `queries_of` lists the named queries that read each metric."""
    heads = ["Metric", "Question", "Formula", "Unit", "Better", "Owner", "Guardrail", "Read by"]
    rows = [
        [
            f"`{m.name}`",
            md(m.question),
            md(m.formula),
            md(m.unit),
            "more" if m.greater_is_better else "less",
            md(m.owner),
            f"may lose at most {m.margin:g} {m.unit}" if m.margin is not None else "no",
            ", ".join(f"`{q}`" for q in queries_of[m.name]) or "experiments",
        ]
        for m in PRODUCT_METRICS.values()
    ]
    lines = [
        "# Product metrics",
        "",
        "What the code assistant is measured by. This page is written from `ds_workflow/domain/product_metrics.py`, "
        "which SQL, experiments and pages read too; "
        "`ds-workflow telemetry-metrics --out docs/reference/product_metrics.md` writes it anew.",
        "",
        *md_table(heads, rows),
        "",
        "## In SQL",
        "",
        "Sums over one row per suggestion shown (`suggestions`) or per session (`sessions`); the metric is the first "
        "over the second, and null where the second is 0.",
        "",
        *md_table(
            ["Metric", "View", "Numerator of one row", "Denominator of one row"],
            [[f"`{m.name}`", m.grain, f"`{m.numerator}`", f"`{m.denominator}`"] for m in PRODUCT_METRICS.values()],
        ),
    ]
    return "\n".join(lines) + "\n"
