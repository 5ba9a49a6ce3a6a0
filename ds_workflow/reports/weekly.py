"""The weekly summary as Markdown: one line per problem, then what happened in each."""

from __future__ import annotations

from ds_workflow.domain.monitoring.looks import Look
from ds_workflow.domain.monitoring.week import ProblemWeek, Week
from ds_workflow.reports import markup
from ds_workflow.reports.page import page
from ds_workflow.reports.tables import count, md, md_table, number, percent


def markdown(week: Week) -> str:
    """The whole report."""
    out = [f"# Week {week.first} to {week.last}", ""]
    if not week.problems:
        return "\n".join([*out, "No problem has a version yet.", ""])
    rows = [
        [
            md(p.problem),
            f"v{p.champion}" if p.champion else "none",
            p.status,
            p.worst,
            count(len(p.looks)),
            f"{len(p.opened)} opened, {len(p.still_open)} open",
            count(p.requests),
            number(p.p95_ms, digits=3) if p.p95_ms is not None else "",
        ]
        for p in week.problems
    ]
    heads = ["Problem", "Champion", "Now", "Worst", "Looks", "Incidents", "Requests", "p95, ms"]
    out += md_table(heads, rows, align="llllrlrr")
    for p in week.problems:
        out += ["", f"## {md(p.problem)}", "", *_of(p)]
    return "\n".join(out) + "\n"


def _of(p: ProblemWeek) -> list[str]:
    lines = [f"* {_look(look)}" for look in _newest(p.looks)]
    if not p.looks:
        lines.append("* Nobody looked at it this week: `monitor-performance`, `monitor-inputs`.")
    for what, said in (
        ("Champion moved", p.moves),
        ("Proposals", p.verdicts),
        ("Incidents opened", p.opened),
        ("Incidents closed", p.closed),
        ("Still open", p.still_open),
        ("Work proposed and not taken on", p.work),
    ):
        if said:
            lines.append(f"* {what}: {'; '.join(map(md, said))}.")
    if p.held:
        lines.append(f"* {md(p.held)}")
    if p.requests:
        lines.append(f"* {count(p.requests)} requests answered, {percent(p.error_rate, decimals=2)} failed.")
    return lines


def _newest(looks: tuple[Look, ...]) -> list[Look]:
    return list({look.kind: look for look in looks}.values())


def _look(look: Look) -> str:
    return f"{look.kind.capitalize()} on {look.at[:10]}: **{look.status}**. {md(look.sentence())}"


def html(week: Week) -> str:
    """The same as a page."""
    body = f"<section>{markup.boxed(markdown(week))}</section>"
    return page(f"Week {week.first} to {week.last}", body)
