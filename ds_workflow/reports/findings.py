"""Findings on a model, for the terminal and for documents."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.domain.findings import Finding
from ds_workflow.reports.pack_view import View
from ds_workflow.reports.tables import code, md, md_table


def text(found: Sequence[Finding], at: str) -> str:
    """One line each, for the terminal."""
    if not found:
        return "No finding is on record.\n"
    lines = [f.line(at) + (f"  closed by {f.closed_by}: {f.resolution}" if not f.open else "") for f in found]
    return "\n".join(lines) + "\n"


def table(view: View) -> list[str]:
    """The findings about this version, open ones first."""
    shelf, known = view.shelf, view.known
    if not known.findings:
        return ["Findings: none is on record.", "", shelf.below("findings")]
    rows = []
    for i, one in enumerate(known.findings):
        if not one.concerns(known.version.version):
            continue
        state = "closed" if not one.open else "**OPEN, OVERDUE**" if one.overdue(known.at) else "**OPEN**"
        rows.append(
            [
                code(one.id),
                md(one.severity),
                state,
                shelf.text("findings", "findings", i, "title"),
                md(one.owner),
                shelf.word("findings", "findings", i, "due"),
                shelf.text("findings", "findings", i, "resolution") if not one.open else "none yet",
            ]
        )
    heads = ["Finding", "Severity", "State", "What", "Owner", "Due", "What was done"]
    return ["Findings:", "", *md_table(heads, rows), "", shelf.below("findings")]
