"""The hypothesis behind a proposal: the mark of a claim that did not hold, and its guardrails. Pure."""

from __future__ import annotations

from ds_workflow.reports.tables import finite, measure
from registry.records import Proposal

HEADS = ("guardrail", "status", "declared limit", "observed", "in words")


def outcome(proposal: Proposal) -> str:
    """What these rows made of the hypothesis; "" where none was tested."""
    return (proposal.hypothesis.outcome or "") if proposal.hypothesis is not None else ""


def mark(proposal: Proposal) -> str:
    """In a word, for a cell: CLAIM REFUTED, CLAIM INCONCLUSIVE, or "" for one that holds or was not tested."""
    found = outcome(proposal)
    return f"CLAIM {found.upper()}" if found and found != "supported" else ""


def stamp(proposal: Proposal) -> str:
    """The same in a sentence; "" for a claim that holds or was not tested."""
    if not (found := mark(proposal)) or proposal.hypothesis is None:
        return ""
    violated = [_name(g) for g in _guardrails(proposal) if g.get("status") == "fail"]
    why = f" (guardrail violated: {', '.join(violated)})" if violated else ""
    needs = "; approving it needs a reason" if proposal.disposition == "open" else ""
    if outcome(proposal) == "refuted":
        return f"{found}: these rows show that {proposal.hypothesis.id} does not hold{why}{needs}"
    return f"{found}: these rows do not show whether {proposal.hypothesis.id} holds"


def guardrails(proposal: Proposal) -> list[list[str]]:
    """One line of HEADS for each guardrail and segment, what does not hold first; empty for earlier proposals."""
    order = {"fail": 0, "invalid": 1, "inconclusive": 2, "pass": 3}
    found = sorted(_guardrails(proposal), key=lambda g: order.get(str(g.get("status")), 1))
    return [[_name(g), str(g.get("status") or "unknown"), *_figures(g), str(g.get("said") or "")] for g in found]


def _figures(guardrail: dict[str, object]) -> tuple[str, str]:
    """Limit and observed figure. A limit of 0 alerts is no limit of the figure that the alarm watches."""
    if str(guardrail.get("required") or "").startswith("no "):
        return "no new alert", "n/a"
    seen = guardrail.get("observed")
    limit = f"{measure(guardrail.get('limit'), 'score')} {guardrail.get('unit')}"
    return limit, "n/a" if finite(seen) is None else measure(seen, "score")


def _guardrails(proposal: Proposal) -> list[dict[str, object]]:
    return list((proposal.summary.get("claim") or {}).get("guardrails") or ())


def _name(guardrail: dict[str, object]) -> str:
    where = f" on {guardrail['segment']}" if guardrail.get("segment") else ""
    return f"{guardrail.get('name')}{where}"
