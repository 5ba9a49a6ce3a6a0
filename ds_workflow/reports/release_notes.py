"""What a user of the answers should know of a version: what changed, what is known to be wrong, the way back."""

from __future__ import annotations

from ds_workflow.reports.findings import table
from ds_workflow.reports.metrics_summary import against
from ds_workflow.reports.pack_view import View, facts_table, head
from ds_workflow.reports.tables import md


def markdown(view: View) -> str:
    """The notes."""
    shelf, known = view.shelf, view.known
    base = shelf.get("version", "lineage", "base_champion_version")
    out = [*head(view, "Release notes"), "## What changed", ""]
    out += facts_table(
        [
            ("Change", shelf.text("version", "lineage", "change_summary")),
            ("Kind", shelf.word("version", "lineage", "change_type")),
            ("Hypothesis", shelf.word("version", "lineage", "hypothesis_id")),
            ("Before it", shelf.figure("version", "lineage", "base_champion_version") if base else "no champion"),
            ("Decided by", shelf.word("decision", "decided_by")),
            ("Why", shelf.text("decision", "reason")),
        ]
    )
    out += ["", shelf.below("version", "decision"), "", "## By how much", "", *against(view)]
    out += ["", "## Known limits", "", md(known.problem.limits) or "None declared.", ""]
    missing = shelf.get("scorecard", "missing") or {}
    out += [f"- {md(name)} was not measured: {md(why)}" for name, why in missing.items()]
    out += ["", "## Findings", "", *table(view), "", "## The way back", "", f"{md(view.facts['fallback'].detail)}."]
    return "\n".join(out) + "\n"
