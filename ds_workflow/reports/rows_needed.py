"""What would decide a proposal that its rows leave open: gate by gate, and the holdout that would do for all. Pure."""

from __future__ import annotations

from math import ceil

from ds_workflow.reports.proposal_view import gate_name, gate_sentence
from ds_workflow.reports.tables import count, finite
from registry.records import GateResult, Proposal


def _open(proposal: Proposal) -> list[GateResult]:
    return [g for g in proposal.gates if g.status == "inconclusive"]


def in_all(proposal: Proposal) -> int | None:
    """Rows of a holdout that would decide every undecided gate that says how many it needs, when segments and clusters
    keep their shares; None where none is undecided, none says, or the holdout's rows are not known."""
    have = finite((proposal.summary.get("holdout") or {}).get("rows"))
    times = [g.rows_needed / g.rows for g in _open(proposal) if g.rows and g.rows_needed]
    return ceil(have * max(times)) if have and times else None


def would_change(proposal: Proposal) -> list[str]:
    """The holdout that would do, then for each undecided gate the rows at hand and the rows that would decide it."""
    found = []
    if (needed := in_all(proposal)) is not None:
        have = int(proposal.summary["holdout"]["rows"])
        silent = sum(g.rows_needed is None for g in _open(proposal))
        rest = f"; {silent} of the undecided gates can't say" if silent else ""
        found.append(
            f"In all: a holdout of about {count(needed)} rows, where this one has {count(have)} ({needed / have:.1f} "
            f"times as many), segments keeping their shares{rest}"
        )
    for g in _open(proposal):
        have_rows = f"has {count(g.rows)} rows" if g.rows is not None else "has an unknown number of rows"
        if g.rows_needed is None:
            found.append(f"{gate_name(g)}: {have_rows}; how many would decide it is not known. {gate_sentence(g)}")
            continue
        times = f", {g.rows_needed / g.rows:.1f} times as many" if g.rows and g.rows_needed > g.rows else ""
        if g.observed is None:  # too few rows to look at all: not a matter of what they show
            found.append(f"{gate_name(g)}: {have_rows}, needs at least {count(g.rows_needed)}{times}")
            continue
        found.append(
            f"{gate_name(g)}: {have_rows}, needs about {count(g.rows_needed)}{times}, if the effect stays as observed"
        )
    return found
