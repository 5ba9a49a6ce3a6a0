"""The run card: what one training run did, on what, and what its figures are. Markdown and a self-contained page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.problem import Problem, Split
from ds_workflow.domain.scorecard import Scorecard
from ds_workflow.domain.snapshot import dates, held_out
from ds_workflow.reports import markup
from ds_workflow.reports.annex import Annex
from ds_workflow.reports.charts import Bar, BarGroup, grouped_bars, horizontal_bars
from ds_workflow.reports.page import bullets, figure, page, section, table
from ds_workflow.reports.tables import (
    NOT_PROVIDED,
    Interval,
    code,
    count,
    esc,
    md,
    md_table,
    measure,
    metric_title,
    metric_unit,
    number,
    plain,
    span,
    text_table,
    typographic,
)
from registry.records import Lineage, SnapshotRecord

WIDE, SLIM = 870, 350
_BARE = frozenset({"r2"})  # a share that nobody speaks of in per cent


@dataclass(frozen=True)
class RunCard:
    """One training run. `metrics` are overall, `segments` by segment, both on the holdout; `facts` and `data` are shown
    in order. `importances` are of the kind that `importance_kind` says; `seconds` is wall time of the training."""

    title: str
    run_id: str
    facts: Mapping[str, Any]  # version, digest, strategy, owner, seed, commit, hypothesis, change ...
    data: Mapping[str, Any]  # dataset version and digest, rows, dates, source, licence, holdout ...
    feature_set: str
    features: Sequence[str]
    params: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    segments: Mapping[str, Mapping[str, float | None]]
    segment_rows: Mapping[str, int] = field(default_factory=dict)
    importances: Mapping[str, float | None] = field(default_factory=dict)
    importance_kind: str = "as the estimator measures them"
    shap: Mapping[str, float | None] = field(default_factory=dict)  # mean |SHAP| per feature
    shap_unit: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    seconds: float | None = None
    primary: str = ""  # the metric that charts show first
    intervals: Mapping[str, Interval] = field(default_factory=dict)  # of overall metrics
    segment_intervals: Mapping[str, Interval] = field(default_factory=dict)  # of the primary metric
    interval_words: str = ""  # how they were made
    annexes: Sequence[Annex] = ()  # further sections


def of(
    problem: Problem,
    lineage: Lineage,
    card: Scorecard,
    *,
    record: SnapshotRecord | None,
    params: Mapping[str, Any],
    importances: Mapping[str, float | None],
    importance_kind: str = "as the estimator measures them",
    shap: Mapping[str, float | None],
    environment: Mapping[str, str],
    run_id: str = "",
    version: int | None = None,
    digest: str = "",
    seconds: float | None = None,
    shap_unit: str = "",
    split: Split | None = None,
) -> RunCard:
    """The card of one training run, from what the run knows; `split` is the one that the rows of `record` were frozen
    with (default: the declared one). What could not be measured becomes a caveat."""
    # a card written before the version is registered leaves its number and digest to the registry
    numbered = {"Version": version, "Digest": digest} if version is not None else {}
    facts = {
        "Problem": problem.name,
        **numbered,
        "Strategy": lineage.strategy,
        "Hypothesis": lineage.hypothesis_id,
        "Hypothesis digest": lineage.hypothesis_digest,
        "Parent hypothesis": lineage.parent_hypothesis_id or "none",
        "Change": lineage.change_type,
        "What changed": lineage.change_summary,
        "Base champion": lineage.base_champion_version or "none",
        "Owner": lineage.owner,
        "Seed": lineage.seed,
        "Commit": lineage.git_commit,
    }
    data: dict[str, Any] = {"Dataset version": lineage.dataset_version, "Digest": lineage.dataset_digest}
    if record is not None:
        data["Rows"] = count(record.rows)
        data["Dates"] = dates(record)
        data["Dropped"] = ", ".join(f"{k} {count(n)}" for k, n in record.dropped.items()) or "nothing"
        data["Holdout"] = held_out(problem, record, split)
    data |= {"Holdout digest": lineage.holdout_digest}
    data |= {"Source": record.source, "Licence": record.licence} if record else {}
    unmeasured = [f"{name} was not measured: {why}" for name, why in card.missing.items()]
    return RunCard(
        title=f"{problem.title}: {lineage.hypothesis_id}, {lineage.strategy} on {lineage.feature_set_version}",
        run_id=run_id,
        facts=facts,
        data=data,
        feature_set=lineage.feature_set_version,
        features=problem.feature_set(lineage.feature_set_version).features,
        params=params,
        metrics={name: card.overall.get(name) for name in dict.fromkeys([*problem.metrics, *card.overall])},
        segments={s: _of_parts(f) for s, f in card.segments.items()},
        segment_rows={s: int(f["rows"]) for s, f in card.segments.items() if "rows" in f},
        importances=importances,
        importance_kind=importance_kind,
        shap=shap,
        shap_unit=shap_unit,
        environment=environment,
        caveats=[problem.limits, *unmeasured] if problem.limits else unmeasured,
        seconds=seconds,
        primary=problem.primary_metric,
        intervals=card.intervals.overall if card.intervals else {},
        segment_intervals=card.intervals.segments if card.intervals else {},
        interval_words=card.intervals.words if card.intervals else "",
    )


def _of_parts(figures: Mapping[str, float]) -> dict[str, float]:
    """A segment's figures but its rows and those that compare groups: within a segment a gap is mostly chance, and has
    no interval to tell by."""
    return {k: v for k, v in figures.items() if k != "rows" and not (k in METRICS and METRICS[k].compares)}


def documents(card: RunCard) -> dict[str, str]:
    """File name to text: what a run keeps of its card."""
    return {"run_card.md": markdown(card), "run_card.html": html(card)}


def summary(
    *,
    problem: str,
    version: int,
    digest: str,
    run_id: str,
    card: Scorecard,
    rows: Mapping[str, int],
    seconds: float,
) -> str:
    """The few lines a terminal shows after training: the version, its figures overall and by segment."""
    names = list(card.overall)
    table_rows = [["all rows", count(card.rows), *(metric_text(n, card.overall[n]) for n in names)]]
    made = card.intervals
    for end, word in enumerate(("from", "to")) if made else ():
        ends = [metric_text(n, made.overall[n][end]) if made and n in made.overall else "" for n in names]
        table_rows.append([f"  {word}", "", *ends])
    table_rows += [
        [s, count(f.get("rows")), *(metric_text(n, f[n]) if n in f else "" for n in names)]
        for s, f in ((s, {**_of_parts(figures), "rows": figures.get("rows")}) for s, figures in card.segments.items())
    ]
    used = ", ".join(f"{count(n)} {name}" for name, n in rows.items())
    out = [
        f"Trained v{version} of {plain(problem)} in {seconds:.1f} s ({used} rows)",
        f"  run {plain(run_id)}",
        f"  digest {digest}",
        "",
        *text_table(["holdout", "rows", *names], table_rows, align="l" + "r" * (len(names) + 1)),
        *([f"  from, to: {plain(made.words)}"] if made else []),
        *(f"  {plain(name)} was not measured: {plain(why)}" for name, why in card.missing.items()),
    ]
    return "\n".join(out)


def metric_text(name: str, value: Any) -> str:
    """A metric's figure in its unit; NOT PROVIDED when it was not measured."""
    text = measure(value, "" if name in _BARE else metric_unit(name))
    return NOT_PROVIDED if text == "n/a" else text


def interval_text(name: str, interval: Any) -> str:
    """A metric's interval in its unit; empty without one."""
    return span(interval, "" if name in _BARE else metric_unit(name)) if interval else ""


def _said(value: Any) -> str:
    if value is None or value == "":
        return NOT_PROVIDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    return number(value) if isinstance(value, float) else str(value)


def _segment_heads(card: RunCard) -> list[str]:
    return list(dict.fromkeys(name for figures in card.segments.values() for name in figures))


def markdown(card: RunCard) -> str:
    """The card as Markdown."""
    # a card that is written before the run is registered has no run id to tell
    run = [f"Run {code(card.run_id)}.", ""] if card.run_id else []
    out = [f"# Run card: {md(card.title)}", "", *run, "## What was run", ""]
    out += md_table(["", ""], [[md(k), md(_said(v))] for k, v in {**card.facts, "seconds": card.seconds}.items()])
    out += ["", "## Data", "", *md_table(["", ""], [[md(k), md(_said(v))] for k, v in card.data.items()])]
    out += ["", f"## Features: set {md(card.feature_set)}, {len(card.features)} columns", ""]
    out += [", ".join(code(f) for f in card.features) or NOT_PROVIDED]
    out += ["", "## Metrics on the holdout", ""]
    figures = [[md(metric_title(n)), metric_text(n, v), *_interval(card, n, md)] for n, v in card.metrics.items()]
    ends = ["Interval"] if card.intervals else []
    out += md_table(["Metric", "Figure", *ends], figures, align="lrr")
    out += ["", md(card.interval_words)] if card.interval_words else []
    if card.segments:
        heads = _segment_heads(card)
        rows = [
            [md(s), count(card.segment_rows.get(s)), *(_of_segment(card, s, h, md) for h in heads)]
            for s in card.segments
        ]
        out += ["", "## By segment", "", *md_table(["Segment", "Rows", *map(md, heads)], rows, align="l" + "r" * 9)]
    for title, unit, values in _ranked(card):
        top = sorted(values.items(), key=lambda kv: (-abs(kv[1] or 0.0), kv[0]))[:20]
        out += ["", f"## {md(title)}", ""]
        out += md_table(["Feature", "Figure"], [[code(n), measure(v, unit)] for n, v in top], align="lr")
    for annex in card.annexes:
        out += ["", f"## {md(annex.title)}", "", annex.markdown.rstrip("\n")]
        if annex.files:
            out += ["", f"Stored with the run: {', '.join(code(name) for name in sorted(annex.files))}."]
    out += [
        "",
        "## Parameters",
        "",
        *md_table(["Parameter", "Value"], [[code(k), md(_said(v))] for k, v in card.params.items()]),
    ]
    if card.environment:
        out += ["", "## Environment", "", *md_table(["", ""], [[md(k), md(v)] for k, v in card.environment.items()])]
    out += ["", "## Caveats", "", *([f"- {md(c)}" for c in card.caveats] or [NOT_PROVIDED])]
    return "\n".join(out) + "\n"


def _interval(card: RunCard, name: str, safe: Callable[[object], str]) -> list[str]:
    """The cell of a metric's interval, where the card has a column of them."""
    return [safe(interval_text(name, card.intervals.get(name)))] if card.intervals else []


def _of_segment(card: RunCard, segment: str, name: str, safe: Callable[[object], str]) -> str:
    """A segment's figure, the primary metric's with its interval."""
    ends = interval_text(name, card.segment_intervals.get(segment)) if name == card.primary else ""
    return f"{metric_text(name, card.segments[segment].get(name))} {safe(ends)}".rstrip()


def _ranked(card: RunCard) -> list[tuple[str, str, Mapping[str, float | None]]]:
    parts = [(f"Feature importances, shares ({card.importance_kind})", "share", card.importances)]
    parts.append(("Mean absolute SHAP value", card.shap_unit, card.shap))
    return [part for part in parts if part[2]]


def _pairs(values: Mapping[str, Any]) -> str:
    rows = [[esc(k), f"<span>{esc(_said(v))}</span>"] for k, v in values.items()]
    return table(["Name", "Value"], rows) if rows else ""


def html(card: RunCard) -> str:
    """The card as a page: no script, nothing fetched."""
    heads = _segment_heads(card)
    segments = [
        [esc(s), count(card.segment_rows.get(s)), *(typographic(_of_segment(card, s, h, esc)) for h in heads)]
        for s in card.segments
    ]
    tiles = "".join(_tile(card, n, v) for n, v in list(card.metrics.items())[:8])
    words = f'<p class="soft small">{esc(card.interval_words)}</p>' if card.interval_words else ""
    eyebrow = f"Run card · {esc(card.run_id)}" if card.run_id else "Run card"
    body = [
        f'<div class="head wait"><div class="eyebrow">{eyebrow}</div><h1>{esc(card.title)}</h1>'
        f'<div class="tiles">{tiles}</div>{words}</div>',
        section("What was run", _pairs({**card.facts, "seconds": card.seconds})),
        section("Data", _pairs(card.data)),
        section(
            "By segment",
            table(["Segment", "Rows", *heads], segments, align="l" + "r" * 20) if segments else "",
            *_segment_charts(card, heads),
        ),
        section("What the model leans on", *(_chart(title, unit, values) for title, unit, values in _ranked(card))),
        section(
            f"Features: set {card.feature_set}, {len(card.features)} columns",
            f"<p>{', '.join(f'<code>{esc(f)}</code>' for f in card.features) or NOT_PROVIDED}</p>",
        ),
        *(_annex(annex) for annex in card.annexes),
        section("Parameters", _pairs(card.params)),
        section("Environment", _pairs(card.environment)),
        section("Caveats", bullets(card.caveats) or f"<p>{NOT_PROVIDED}</p>"),
    ]
    return page(f"Run card: {card.title}", "\n".join(part for part in body if part))


def _tile(card: RunCard, name: str, value: float | None) -> str:
    ends = "".join(f'<div class="was">{typographic(e)}</div>' for e in _interval(card, name, esc) if e)
    title, figure = esc(typographic(metric_title(name))), esc(typographic(metric_text(name, value)))
    return f'<div class="tile"><div class="name">{title}</div><b>{figure}</b>{ends}</div>'


def _annex(annex: Annex) -> str:
    charts = (figure(title, "", wide, slim) for title, wide, slim in annex.charts)
    stored = f"<p>Stored with the run: {', '.join(f'<code>{esc(name)}</code>' for name in sorted(annex.files))}.</p>"
    return section(annex.title, *charts, markup.boxed(annex.markdown), stored if annex.files else "")


def _segment_charts(card: RunCard, heads: Sequence[str]) -> list[str]:
    out = []
    for metric in ([card.primary] if card.primary in heads else []) + [h for h in heads if h != card.primary][:1]:
        sure = card.segment_intervals if metric == card.primary else {}
        groups = [
            BarGroup(
                s,
                (Bar(f.get(metric), sure.get(s)),),
                f"{count(card.segment_rows[s])} rows" if s in card.segment_rows else "",
            )
            for s, f in card.segments.items()
        ]
        title = f"{metric_title(metric)}, by segment"

        def draw(width: int, groups: Sequence[BarGroup] = groups, title: str = title, name: str = metric) -> str:
            unit = metric_unit(name)
            return grouped_bars(groups, title=title, unit=unit, labels=("this run",), width=width, styled=False)

        out.append(figure(title, "On the holdout.", draw(WIDE), draw(SLIM)))
    return out


def _chart(title: str, unit: str, values: Mapping[str, float | None]) -> str:
    def draw(width: int) -> str:
        return horizontal_bars(values, title=title, unit=unit, top_n=15, width=width, styled=False)

    return figure(title, "The longest bars first.", draw(WIDE), draw(SLIM))
