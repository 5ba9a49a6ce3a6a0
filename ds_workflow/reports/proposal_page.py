"""A proposal as a self-contained page: what a reviewer reads before deciding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ds_workflow.reports import delivery, proposal_claim, rows_needed, spending
from ds_workflow.reports import proposal_marks as marks
from ds_workflow.reports import proposal_view as view
from ds_workflow.reports.charts import (
    Bar,
    BarGroup,
    ForestRow,
    Month,
    coverage_chart,
    forest_plot,
    grouped_bars,
    residual_series,
)
from ds_workflow.reports.page import bullets, figure, page, para, pill, section, table, tone
from ds_workflow.reports.proposal_view import Cell, Context, Group
from ds_workflow.reports.tables import count, esc, finite, measure, metric_title, percent, span, typographic
from registry.records import GateResult, Proposal

WIDE, SLIM = 870, 350
NOMINAL = 0.8  # the coverage that prediction intervals are asked for


def html(proposal: Proposal, context: Context | None = None) -> str:
    """The whole page: no script, nothing fetched."""
    title = f"{view.headline(proposal)} ({proposal.id})"
    return page(title, body(proposal, context))


def body(proposal: Proposal, context: Context | None = None) -> str:
    """The page without its frame, for a site that has its own (it must serve PAGE_CSS and CHART_CSS)."""
    context, p = context or Context(), proposal
    parts = [
        _head(p, context),
        section("What would decide it", _decide(p), id="decide") if rows_needed.would_change(p) else "",
        section("What an approval binds", _binds(p), id="binds"),
        section(f"Gates: {view.tally(p.gates)}", _gates(p), id="gates"),
        section("Segments: where it is better and where it is worse", *_forests(p), id="segments"),
        section("Metrics, both models on the same rows", _metrics(p), id="metrics"),
        section("Error by group", *_errors(p), id="errors"),
        section("Residuals over time", _residuals(p), id="residuals"),
        section("Hypothesis", _hypothesis(p, context), id="hypothesis"),
        section("Promise against delivery", para(context.delivery), _delivered(context), id="delivery"),
        section("Champion on trial", _trial(p), id="trial"),
        section(
            "Holdout",
            para(spending.holdout_words(p)),
            para(spending.look_words(p)),
            spending.bar(spending.of(p)),
            id="holdout",
        ),
        section("History", bullets(view.history(p, context)), id="history"),
        section("Notes", bullets(str(note) for note in p.summary.get("notes") or ()), id="notes"),
        f"<footer>Proposal {esc(p.id)}, evidence {esc(p.digest)}. pp: percentage points.</footer>",
    ]
    return "\n".join(part for part in parts if part)


def _delivered(context: Context) -> str:
    rows = [[esc(cell) for cell in row] for row in context.delivered]
    return table(list(delivery.HEADS), rows, align="lrrrrrl") if rows else ""


def _both(draw: Callable[[int], str], title: str, caption: str) -> str:
    return figure(title, caption, draw(WIDE), draw(SLIM))


def _head(p: Proposal, context: Context) -> str:
    old, new = view.labels(p)
    kind = "" if p.kind == "promotion" else f" · {p.kind}"
    steps = "".join(
        f'<p class="small soft">{esc(what[0].upper() + what[1:])}:</p><pre>{esc(command)}</pre>'
        for what, command in view.next_commands(p, context)
    )
    reason = para(marks.override_words(p))
    reason += para(f"Reason given: {p.reason}") if p.reason else ""
    reason += para(f"In traffic: {context.traffic}") if context.traffic else ""
    reason += "".join(para(f"Experiment {cited}") for cited in context.cited)
    return "\n".join(
        [
            f'<div class="head {tone(p.verdict)}">',
            f'<div class="eyebrow">{esc(context.problem_title or p.problem)}{esc(kind)} · {esc(p.id)}</div>',
            f"<h1>{esc(view.headline(p))}</h1>",
            f"<div>{pill(p.verdict, f'verdict {p.verdict}')} {pill(view.label(p, context))} {_proof(p)}"
            f'<span class="soft small">{esc(view.standing_words(p, context))}</span></div>',
            *(f'<p class="stamp" role="note">{esc(stamp)}</p>' for stamp in marks.stamps(p)),
            reason,
            f'<p class="soft">{esc(new)} against {esc(old)} ({esc(view.reference(p))}). '
            f"{'Asked for by' if p.kind == 'override' else 'Owner'}: {esc(p.owner)}.</p>",
            _tiles(p),
            f'<div class="next">{steps}</div>' if steps else "",
            "</div>",
        ]
    )


def _proof(p: Proposal) -> str:
    said = spending.proof_words(p)
    return f"{pill(spending.proof_status(p), said)} " if said else ""


def _tiles(p: Proposal) -> str:
    chosen = view.overall(p)[:4]
    tiles = []
    for c in chosen:
        was = f"against {view.value(c, 'champion')}" if c.champion is not None else "nothing to compare with"
        if c.difference is not None:
            was = f"{view.value(c, 'difference')} {was}"
        badge = pill(c.standing) if c.standing else ""
        tiles.append(
            f'<div class="tile"><div class="name">{esc(typographic(c.title))}</div>'
            f"<b>{esc(typographic(view.value(c, 'challenger')))}</b>"
            f'<div class="was">{esc(typographic(was))}</div>{badge}</div>'
        )
    return f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _decide(p: Proposal) -> str:
    words = "Not a loss and not a win: with these rows the intervals straddle what the policy asks for."
    more = (
        "More labelled rows (a later, longer holdout) or a larger effect would decide it; "
        "running it again on the same rows would not."
    )
    return para(words) + bullets(map(typographic, rows_needed.would_change(p))) + para(more, css="soft small")


def _binds(p: Proposal) -> str:
    old, new = view.name_of(p.champion), view.name_of(p.challenger)
    act = (
        f"moves the champion of {p.problem} from {old} to {new}"
        if p.champion
        else f"makes {new} the first champion of {p.problem}"
    )
    words = (
        f"Approving {act}, on exactly the evidence below. The digests are computed again at approval, when it is "
        "applied and at release check; if one differs, the proposal is invalidated."
    )
    rows = [
        [esc(what), esc(name), f'<code class="digest">{esc(digest)}</code>' if digest else ""]
        for what, name, digest in view.bound(p)
    ]
    return para(words) + table(["What", "Name", "SHA-256"], rows)


def _gates(p: Proposal) -> str:
    rows = [_gate(g) for g in view.worst_first(p.gates)]
    heads = ["Gate", "Status", "Observed", "Required", "Rows"]
    if not rows:
        return para("No gate was evaluated.")
    lost = any("Above 0 is worse" in g.note for g in p.gates)
    sign = para("Where above 0 is worse, a minus is a gain. The plots below show challenger minus champion.")
    return (sign if lost else "") + table(heads, rows, align="llrlr", caption="Gates")


def _gate(g: GateResult) -> list[str]:
    ends = view.gate_span(g)
    p_value = f"adjusted p {g.p_adjusted:.3g}" if finite(g.p_adjusted) is not None and g.p_adjusted is not None else ""
    under = "".join(f'<span class="soft">{esc(typographic(t))}</span>' for t in (ends, p_value) if t)
    return [
        f'{esc(view.gate_name(g))}<span class="soft">{esc(typographic(view.gate_sentence(g)))}</span>',
        pill(g.status),
        f"<span>{esc(typographic(view.gate_figure(g.observed, g.required)))}{under}</span>",
        esc(typographic(g.required or "n/a")),
        esc(count(g.rows)),
    ]


def _row(group: Group, cell: Cell | None) -> ForestRow:
    if cell is None:
        return ForestRow(group.name, None, None, "invalid", group.note)
    return ForestRow(group.name, cell.difference, cell.interval, cell.standing, group.note)


def _forests(p: Proposal) -> list[str]:
    groups = view.groups(p.summary.get("segments"))
    out = []
    for metric in view.forest_metrics(p):
        found = [g.cell(metric) for g in groups]
        first = next(c for c in found if c is not None)
        rows = [_row(g, c) for g, c in zip(groups, found, strict=True)]
        overall = next((c for c in view.overall(p) if c.name == metric), None)
        if overall is not None and overall.interval is not None:
            rows.append(ForestRow("All rows", overall.difference, overall.interval, overall.standing, ""))
        sides = ("lower", "higher")
        if first.name not in ("bias", "interval_coverage", "interval_width"):
            sides = (
                ("champion better", "challenger better")
                if first.greater_is_better
                else ("challenger better", "champion better")
            )

        def draw(
            width: int, rows: Sequence[ForestRow] = rows, cell: Cell = first, sides: tuple[str, str] = sides
        ) -> str:
            title = f"{cell.title}: challenger minus champion, by segment"
            return forest_plot(rows, title=title, unit=cell.unit, sides=sides, width=width, styled=False)

        caption = (
            "Challenger minus champion with its interval; an interval that crosses the solid line settles nothing."
        )
        out.append(_both(draw, first.title, caption))
    return out


def _metrics(p: Proposal) -> str:
    reference = view.reference(p).capitalize()
    overall = view.overall(p)
    rows = [
        [
            esc(typographic(c.title)),
            *(esc(typographic(view.value(c, which))) for which in ("champion", "challenger", "difference")),
            esc(typographic(span(c.interval, c.unit, difference=True))) if c.interval else "",
            pill(c.standing) if c.standing else "",
        ]
        for c in overall
    ]
    return (
        table(["Metric", reference, "Challenger", "Difference", "Interval", "Reading"], rows, align="lrrrr")
        if rows
        else ""
    )


def _errors(p: Proposal) -> list[str]:
    old_new = view.labels(p)
    parts = [("segment", view.groups(p.summary.get("segments")))]
    parts += [(str(name), view.groups(part)) for name, part in (p.summary.get("slices") or {}).items()]
    out = []
    for name, groups in parts:
        for metric in view.metrics_of(groups, view.headline_metrics(p)):
            first = next(c for g in groups if (c := g.cell(metric)) is not None)
            bars = [
                BarGroup(g.name, (Bar(c.champion if c else None), Bar(c.challenger if c else None)), g.note)
                for g in groups
                for c in [g.cell(metric)]
            ]
            title = f"{metric_title(metric) if first.title == metric else first.title}, by {name.replace('_', ' ')}"

            def draw(width: int, bars: Sequence[BarGroup] = bars, unit: str = first.unit, title: str = title) -> str:
                return grouped_bars(bars, title=title, unit=unit, labels=old_new, width=width, styled=False)

            caption = "Longer is better." if first.greater_is_better else "Shorter is better."
            out.append(_both(draw, title, caption))
        if any(g.cell("interval_coverage") for g in groups):
            out.append(_coverage(name, groups))
    return out


def _coverage(name: str, groups: Sequence[Group]) -> str:
    found = [(g, g.cell("interval_coverage")) for g in groups]
    rows = [ForestRow(g.name, c.challenger if c else None, None, "", g.note) for g, c in found]
    title = f"Prices inside the challenger's prediction interval, by {name.replace('_', ' ')}"
    caption = f"The intervals are asked to hold {percent(NOMINAL, decimals=0)} of prices."
    return _both(lambda w: coverage_chart(rows, title=title, nominal=NOMINAL, width=w, styled=False), title, caption)


def _residuals(p: Proposal) -> str:
    months = [
        Month(str(m.get("month")), finite(m.get("champion")), finite(m.get("challenger")), int(m.get("rows") or 0))
        for m in p.summary.get("residuals") or ()
    ]
    if not months:
        return ""
    old_new = view.labels(p)
    called = str(p.summary.get("residuals_title") or view.RESIDUALS)

    def draw(width: int) -> str:
        title = f"{called} by month, both models"
        return residual_series(months, title=title, labels=old_new, width=width, styled=False)

    worst = max((abs(m.challenger) for m in months if m.challenger is not None), default=None)
    words = f" The challenger's largest is {measure(worst, 'share')}." if worst is not None else ""
    return _both(draw, f"{called} by month", f"Above 0: predicted too high. A slope is a model that ages.{words}")


def _hypothesis(p: Proposal, context: Context) -> str:
    h = p.hypothesis
    if h is None:
        return para("No hypothesis stands behind this proposal.")
    title = f"{h.id}: {context.hypothesis_title}" if context.hypothesis_title else h.id
    outcome = pill(h.outcome) if h.outcome else pill("unknown", "no outcome yet")
    claim = para(f"Claim: {context.hypothesis_claim}") if context.hypothesis_claim else ""
    locked = para(f"Locked before training as {h.digest}.", css="digest")
    rows = [
        [f'{esc(name)}<span class="soft">{esc(typographic(said))}</span>', pill(status), esc(limit), esc(observed)]
        for name, status, limit, observed, said in proposal_claim.guardrails(p)
    ]
    heads = ["Guardrail", "Status", "Declared limit", "Observed"]
    shown = table(heads, rows, align="llrr", caption="Guardrails of the hypothesis") if rows else ""
    return f"<p><b>{esc(title)}</b> {outcome}</p>{claim}{locked}{shown}"


def _trial(p: Proposal) -> str:
    trial = p.summary.get("champion_trial") or {}
    if not trial:
        return ""
    fit = trial.get("fit") is True
    words = "The champion went through the same checks as the challenger."
    note = (
        ""
        if fit
        else " It may not defend its place: the comparison went to the reference named above, and release is blocked."
    )
    rows = [
        [
            f'{esc(c.get("name"))}<span class="soft">{esc(c.get("note") or "")}</span>',
            pill(str(c.get("status") or "unknown")),
        ]
        for c in trial.get("checks") or ()
    ]
    return f"<p>{pill('fit' if fit else 'not fit')} {esc(words + note)}</p>" + (
        table(["Check", "Status"], rows) if rows else ""
    )
