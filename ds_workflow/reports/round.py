"""A round of several candidates at a glance: what each was judged at, and which may be decided. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ds_workflow.reports import delivery, spending
from ds_workflow.reports import proposal_view as view
from ds_workflow.reports.tables import finite, plain, text_table
from registry.records import Proposal


def passing(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those that may be decided, the one that is best in the problem's first metric first: an order to read in, which
    decides nothing."""
    found = [p for p in proposals if p.verdict == "pass" and p.disposition == "open"]

    def best_first(p: Proposal) -> tuple[bool, float]:
        cells = view.overall(p)
        figure = cells[0].challenger if cells else None
        return figure is None, 0.0 if figure is None else figure * (-1.0 if cells[0].greater_is_better else 1.0)

    return sorted(found, key=best_first)


def to_json(name: str, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """The round's name, the level of each candidate in their order, and which may be decided, best first."""
    told = [finite(spending.of(p).get("level")) for p in proposals]
    return {"round": name, "levels": told, "passing": [p.id for p in passing(proposals)]}


def text(name: str, proposals: Sequence[Proposal]) -> str:
    """For the terminal, before the proposals themselves."""
    rows = []
    for p in proposals:
        claim = p.summary.get("claim") or {}
        shown = delivery.amount(claim.get("observed"), claim.get("interval"), str(claim.get("unit") or "absolute"))
        cells, level = view.overall(p), finite(spending.of(p).get("level"))
        figure = f"{cells[0].name} {view.value(cells[0], 'challenger')}" if cells else "n/a"
        at = "n/a" if level is None else f"{level:.3g}"
        outcome = str(claim.get("outcome") or "none")
        rows.append([view.name_of(p.challenger), at, p.verdict, outcome, shown, figure, p.id])
    heads = ["version", "level", "verdict", "claim", "shown", "all rows", "proposal"]
    may = passing(proposals)
    last = "None of them may be promoted." if not may else f"{view.name_of(may[0].challenger)} may be promoted."
    if len(may) > 1:
        named = ", ".join(view.name_of(p.challenger) for p in may)
        last = f"{named} may be promoted, one of them: approving one supersedes the others."
    head = f"Round {name}: {len(proposals)} candidates, each at its part of the holdout's error rate"
    lines = [head, "", *text_table(heads, rows, align="lrlllll"), "", last]
    return "\n".join(plain(line).rstrip() for line in lines)
