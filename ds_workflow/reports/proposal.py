"""A proposal as JSON, terminal text, Markdown and a page. Pure: the same proposal gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ds_workflow.reports import delivery, proposal_claim, rows_needed, spending
from ds_workflow.reports import proposal_marks as marks
from ds_workflow.reports import proposal_view as view
from ds_workflow.reports.proposal_view import Cell, Context
from ds_workflow.reports.tables import (
    code,
    count,
    finite,
    md,
    md_table,
    measure,
    pair,
    paragraph,
    plain,
    span,
    text_table,
)
from registry.records import Proposal, VersionRef

__all__ = ["Context", "brief", "html", "markdown", "text", "to_json"]


def html(proposal: Proposal, context: Context | None = None) -> str:
    """The self-contained page: no script, nothing fetched."""
    from ds_workflow.reports import proposal_page  # the charts are not for a status line

    return proposal_page.html(proposal, context)


def _ref(ref: VersionRef | None) -> dict[str, Any] | None:
    return {"version": ref.version, "digest": ref.digest} if ref else None


def _ends(interval: Any) -> list[float | None] | None:
    """JSON has no infinity: an open end is null."""
    ends = pair(interval)
    return None if ends is None else [finite(end) for end in ends]


def to_json(proposal: Proposal) -> dict[str, Any]:
    """The proposal as users' scripts read it (docs: 'A proposal'), and a few fields more at the end."""
    p = proposal
    return {
        "id": p.id,
        "kind": p.kind,
        "problem": p.problem,
        "challenger": _ref(p.challenger),
        "champion": _ref(p.champion),
        "verdict": p.verdict,
        "disposition": p.disposition,
        "effect": p.effect,
        "created_at": p.created_at,
        "expires_at": p.expires_at,
        "decided_by": p.decided_by,
        "decided_at": p.decided_at,
        "reason": p.reason,
        "digest": p.digest,
        "hypothesis": None
        if p.hypothesis is None
        else {"id": p.hypothesis.id, "digest": p.hypothesis.digest, "outcome": p.hypothesis.outcome},
        "gates": [
            {
                "name": g.name,
                "status": g.status,
                "observed": finite(g.observed),
                "interval": _ends(g.interval),
                "required": g.required,
                "rows": g.rows,
                "note": g.note,
                "segment": g.segment,
                "p_value": finite(g.p_value),
                "p_adjusted": finite(g.p_adjusted),
                "rows_needed": g.rows_needed,
            }
            for g in p.gates
        ],
        "label": p.label,
        "owner": p.owner,
        "self_approved": p.self_approved,
        "marks": marks.stamps(p),
        "proven": spending.proof(p),
        "rows_needed": rows_needed.in_all(p),
        "round": p.round,
        "summary": dict(p.summary),
    }


def _metric_rows(cells: Sequence[Cell]) -> list[list[str]]:
    return [
        [
            c.name,
            view.value(c, "champion"),
            view.value(c, "challenger"),
            view.value(c, "difference"),
            span(c.interval, c.unit, difference=True) if c.interval else "",
            c.standing,
        ]
        for c in cells
    ]


def _two(cell: Cell | None) -> list[str]:
    if cell is None:
        return ["n/a", "n/a", "n/a", "", ""]
    return [*_metric_rows([cell])[0][1:]]


def text(proposal: Proposal, context: Context | None = None, *, width: int = 100) -> str:
    """The proposal for a terminal: plain characters, aligned tables, running text within `width` columns."""
    context, p = context or Context(), proposal
    old, new = view.labels(p)
    out = [f"Proposal {p.id}   {view.label(p, context).replace('_', ' ').upper()}   verdict {p.verdict}", ""]
    out += paragraph(view.headline(p) + ". " + view.standing_words(p, context), width=width)
    out += [f"*** {stamp} ***" for stamp in marks.stamps(p)]
    out += ["", *_facts(p, context, old, new, width)]
    out += ["", "; ".join(filter(None, (f"Gates: {view.tally(p.gates)}", spending.proof_words(p))))]
    for gate in view.worst_first(p.gates):
        mark = f"{view.STATUS_SIGN[gate.status]} {gate.status if gate.status == 'pass' else gate.status.upper()}"
        seen = f"observed {view.gate_figure(gate.observed, gate.required)}"
        parts = [
            f"{seen} {view.gate_span(gate)}".rstrip(),
            f"required {gate.required or 'n/a'}",
            f"{count(gate.rows)} rows",
        ]
        out += [f"  {mark:<14}  {plain(view.gate_name(gate))}"]
        out += paragraph("; ".join(parts), width=width, indent=" " * 18)
        out += paragraph(view.gate_sentence(gate), width=width, indent=" " * 18)
    if rails := proposal_claim.guardrails(p):
        out += ["", "Guardrails of the hypothesis"]
        out += text_table(list(proposal_claim.HEADS[:4]), [rail[:4] for rail in rails], align="llrr")
    if changes := rows_needed.would_change(p):
        out += ["", "What would decide it"]
        for change in changes:
            out += paragraph(f"- {change}", width=width, indent="  ")
    if overall := view.overall(p):
        out += ["", "Metrics, on the same rows"]
        heads = ["metric", "champion", "challenger", "difference", "interval", ""]
        out += text_table(heads, _metric_rows(overall), align="lrrrrl")
    for title, groups in _parts(p):
        for metric in view.metrics_of(groups, view.headline_metrics(p)):
            out += ["", f"{metric} by {title}"]
            rows = [[g.name + (" *" if g.major else ""), count(g.rows), *_two(g.cell(metric))] for g in groups]
            heads = [title, "rows", "champion", "challenger", "difference", "interval", ""]
            out += text_table(heads, rows, align="lrrrrrl")
            out += ["  * major segment"] if any(g.major for g in groups) else []
    out += _trial_text(p, width)
    if notes := p.summary.get("notes"):
        out += ["", "Notes"]
        for note in notes:
            out += paragraph(f"- {note}", width=width, indent="  ")
    if steps := view.next_commands(p, context):
        out += ["", "Next"]
        for what, command in steps:
            out += [f"  {what}:", f"    {command}"]
    return "\n".join(plain(line).rstrip() for line in out) + "\n"


def brief(proposal: Proposal, context: Context | None = None, *, width: int = 100) -> str:
    """What a person sees after deciding: what became of it, and what to do next."""
    context, p = context or Context(), proposal
    out = [f"Proposal {p.id}   {view.label(p, context).replace('_', ' ').upper()}   verdict {p.verdict}", ""]
    out += paragraph(view.headline(p) + ". " + view.standing_words(p, context), width=width)
    out += [f"*** {stamp} ***" for stamp in marks.stamps(p)]
    for what, command in view.next_commands(p, context):
        out += [f"  {what}:", f"    {command}"]
    return "\n".join(plain(line).rstrip() for line in out) + "\n"


def _facts(p: Proposal, context: Context, old: str, new: str, width: int) -> list[str]:
    lines = {
        "problem": f"{p.problem}{f' ({context.problem_title})' if context.problem_title else ''}, {p.kind}",
        "challenger": new,
        "compared with": f"{old} ({view.reference(p)})",
        "hypothesis": _hypothesis(p, context),
        "holdout": f"{spending.holdout_words(p) or 'n/a'} {spending.look_words(p)}".strip(),
        "evidence": p.digest,
        "owner": p.owner,
    }
    if asked := marks.override_words(p):
        lines["override"] = asked
    if p.reason:
        lines["reason"] = p.reason
    if context.traffic:
        lines["in traffic"] = context.traffic
    if context.delivery:
        lines["delivery"] = context.delivery
    if context.cited:
        lines["experiments"] = "; ".join(context.cited)
    out: list[str] = []
    for name, said in lines.items():
        first, *rest = paragraph(said, width=width - 15) or [""]
        out += [f"{name:<15}{first}", *(" " * 15 + line for line in rest)]
    if context.delivered:
        body = [list(row) for row in context.delivered]
        out += ["", "Promise against delivery, by segment", *text_table(list(delivery.HEADS), body, align="lrrrrrl")]
    return out


def _hypothesis(p: Proposal, context: Context) -> str:
    if p.hypothesis is None:
        return "none"
    title = f" {context.hypothesis_title}:" if context.hypothesis_title else ":"
    return f"{p.hypothesis.id}{title} {p.hypothesis.outcome or 'no outcome yet'}"


def _parts(p: Proposal) -> list[tuple[str, tuple[view.Group, ...]]]:
    """Segments and slices that have rows to show."""
    parts = [("segment", view.groups(p.summary.get("segments")))]
    parts += [(name, view.groups(part)) for name, part in (p.summary.get("slices") or {}).items()]
    return [(name, groups) for name, groups in parts if groups]


def _trial_text(p: Proposal, width: int) -> list[str]:
    trial = p.summary.get("champion_trial") or {}
    if not trial:
        return []
    out = ["", f"Champion on trial: {'fit to defend its place' if trial.get('fit') is True else 'NOT FIT'}"]
    for check in trial.get("checks") or []:
        status = str(check.get("status") or "unknown")
        mark = f"{view.STATUS_SIGN.get(status, '?')} {status if status == 'pass' else status.upper()}"
        said = f" ({check['note']})" if check.get("note") else ""
        first, *rest = paragraph(f"{check.get('name')}{said}", width=width - 18) or [""]
        out += [f"  {mark:<14}  {first}", *(" " * 18 + line for line in rest)]
    return out


def markdown(proposal: Proposal, context: Context | None = None) -> str:
    """The proposal as a Markdown document for reviews and archives."""
    context, p = context or Context(), proposal
    old, new = view.labels(p)
    out = [
        f"# {md(view.headline(p))}",
        "",
        f"**{md(view.standing_words(p, context))}** Proposal {code(p.id)}, verdict {p.verdict}.",
    ]
    for stamp in marks.stamps(p):
        out += ["", f"> **{md(stamp)}**"]
    out += [
        "",
        f"Problem {code(p.problem)}; {md(new)} against {md(old)} ({md(view.reference(p))}); owner {md(p.owner)}.",
    ]
    if asked := marks.override_words(p):
        out += ["", md(asked)]
    if p.reason:
        out += ["", f"Reason given: {md(p.reason)}"]
    if context.traffic:
        out += ["", f"In traffic: {md(context.traffic)}"]
    out += _delivery_md(context)
    for cited in context.cited:
        out += ["", f"Experiment {md(cited)}"]
    if changes := rows_needed.would_change(p):
        out += ["", "## What would decide it", "", *(f"- {md(c)}" for c in changes)]
    out += ["", "## What an approval binds", ""]
    out += md_table(["What", "Name", "SHA-256"], [[a, md(b), code(c)] for a, b, c in view.bound(p)])
    out += ["", f"## Gates: {view.tally(p.gates)}", ""]
    if proof := spending.proof_words(p):
        out += [f"{proof[0].upper()}{proof[1:]}.", ""]
    rows = [
        [
            g.status if g.status == "pass" else f"**{g.status.upper()}**",
            code(view.gate_name(g)),
            view.gate_figure(g.observed, g.required),
            md(view.gate_span(g)),
            md(g.required),
            count(g.rows),
            md(view.gate_sentence(g)),
        ]
        for g in view.worst_first(p.gates)
    ]
    out += md_table(["Status", "Gate", "Observed", "Interval", "Required", "Rows", "In words"], rows, align="llrrlrl")
    if overall := view.overall(p):
        out += ["", "## Metrics", ""]
        out += md_table(
            ["Metric", md(old), md(new), "Difference", "Interval", ""],
            [[md(c.title), *map(md, row[1:])] for c, row in zip(overall, _metric_rows(overall), strict=True)],
            align="lrrrrl",
        )
    for title, groups in _parts(p):
        for metric in view.metrics_of(groups, view.headline_metrics(p)):
            out += ["", f"## {md(metric)} by {md(title)}", ""]
            table = [[md(g.name) + " (major)" * g.major, count(g.rows), *map(md, _two(g.cell(metric)))] for g in groups]
            out += md_table([md(title), "Rows", md(old), md(new), "Difference", "Interval", ""], table, align="lrrrrrl")
    out += _months_md(p, old, new)
    out += ["", "## Hypothesis", "", md(_hypothesis(p, context))]
    if context.hypothesis_claim:
        out += ["", f"Claim: {md(context.hypothesis_claim)}"]
    if rails := proposal_claim.guardrails(p):
        heads = [head.capitalize() for head in proposal_claim.HEADS]
        out += ["", *md_table(heads, [[md(cell) for cell in rail] for rail in rails], align="llrrl")]
    out += _rest_md(p, context)
    return "\n".join(out) + "\n"


def _delivery_md(context: Context) -> list[str]:
    out = ["", f"Promise against delivery: {md(context.delivery)}"] if context.delivery else []
    if context.delivered:
        out += ["", *md_table([*delivery.HEADS], [[md(c) for c in row] for row in context.delivered], align="lrrrrrl")]
    return out


def _months_md(p: Proposal, old: str, new: str) -> list[str]:
    months = p.summary.get("residuals") or []
    if not months:
        return []
    cells = [
        [
            md(m.get("month")),
            count(m.get("rows")),
            measure(m.get("champion"), "share"),
            measure(m.get("challenger"), "share"),
        ]
        for m in months
    ]
    heads = ["Month", "Rows", md(old), md(new)]
    called = p.summary.get("residuals_title") or view.RESIDUALS
    return ["", f"## {called} over time", "", *md_table(heads, cells, align="lrrr")]


def _rest_md(p: Proposal, context: Context) -> list[str]:
    out: list[str] = []
    if trial := p.summary.get("champion_trial") or {}:
        out += [
            "",
            "## Champion on trial",
            "",
            "Fit to defend its place." if trial.get("fit") is True else "**NOT FIT.**",
        ]
        checks = [
            [md(c.get("status") or "unknown"), md(c.get("name")), md(c.get("note") or "")]
            for c in trial.get("checks") or []
        ]
        out += ["", *md_table(["Status", "Check", "In words"], checks)] if checks else []
    out += ["", "## Holdout", "", md(spending.holdout_words(p) or "n/a")]
    if looked := spending.look_words(p):
        out += ["", md(looked)]
    out += ["", "## History", ""]
    out += [f"- {md(line)}" for line in view.history(p, context)]
    if notes := p.summary.get("notes"):
        out += ["", "## Notes", "", *(f"- {md(note)}" for note in notes)]
    if steps := view.next_commands(p, context):
        out += ["", "## Next", ""]
        for what, command in steps:
            out += [f"{what[0].upper()}{what[1:]}:", "", f"    {plain(command)}", ""]
        out.pop()
    return out
