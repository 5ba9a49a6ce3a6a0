"""What a verdict rests on, in words and a picture: the holdout's spending, and the mutants that the gates caught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.domain.holdout_spending import Spending
from ds_workflow.reports.page import figure
from ds_workflow.reports.svg import Canvas
from ds_workflow.reports.tables import count, finite
from registry.records import Proposal

PROOF = "gates_proven"
_WIDTHS = (870, 350)


def of(proposal: Proposal) -> Mapping[str, Any]:
    """The spending that a proposal's summary holds; empty for proposals of before it was counted."""
    found: Mapping[str, Any] = (proposal.summary.get("holdout") or {}).get("spending") or {}
    return found


def words(spending: Mapping[str, Any]) -> str:
    """Looks taken and what is left, in a sentence or two; empty without figures."""
    if not spending:
        return ""
    alpha, spent, after = (finite(spending.get(key)) for key in ("alpha", "spent", "next"))
    if alpha is None or spent is None:
        return ""
    said = f"{spending['taken']} of {spending['looks']} looks taken: {spent:.3g} of the error rate {alpha:g} is spent"
    if spending.get("exhausted") or after is None:
        return f"{said}, and no look is left. Freeze a new window with 'holdout-freeze'."
    return f"{said}; the next look is judged at {after:.3g}."


def holdout_words(proposal: Proposal) -> str:
    """The holdout in a sentence, with the number of looks it has had; empty when unknown."""
    part: Mapping[str, Any] = proposal.summary.get("holdout") or {}
    if not part:
        return ""
    dates = f", {part['from']} to {part['to']}" if part.get("from") and part.get("to") else ""
    uses = finite(part.get("uses"))
    looks = (
        "an unknown number of comparisons" if uses is None else f"{count(uses)} comparison{'' if uses == 1 else 's'}"
    )
    return f"{count(part.get('rows'))} rows{dates}; {looks} counted on this holdout, this one included."


def look_words(proposal: Proposal) -> str:
    """At which level this proposal was judged, and what is left after it; empty for proposals of before."""
    spending = of(proposal)
    level = finite(spending.get("level"))
    if not spending or level is None:
        return ""
    if not spending.get("number"):
        return f"The trial of a first champion is no look at these rows; judged at level {level:.3g}. {words(spending)}"
    shared = f", shared by {spending['among']} candidates" if int(spending.get("among") or 1) > 1 else ""
    again = " The question was asked before, so it spends nothing more." if spending.get("again") else ""
    return f"Look {spending['number']} at these rows, judged at level {level:.3g}{shared}.{again} {words(spending)}"


def proof_words(proposal: Proposal) -> str:
    """`proven on 44 mutants`, or that a gate is blind; empty for proposals of before."""
    found = next((g for g in proposal.gates if g.name == PROOF), None)
    if found is None or found.observed is None:
        return ""
    return f"proven on {found.observed:.0f} mutants" if found.status == "pass" else "NOT PROVEN: a gate is blind"


def bar(spending: Mapping[str, Any]) -> str:
    """One block per look, as wide as its part of the error rate: taken, and left. Empty without figures."""
    if not words(spending):
        return ""
    title = "Error rate of this holdout: spent and left"
    drawn = (_drawn(spending, width, title) for width in _WIDTHS)
    caption = "One block per look, as wide as its part of the error rate; filled ones are spent."
    return figure("Spending of the holdout", caption, *drawn)


def _drawn(spending: Mapping[str, Any], width: int, title: str) -> str:
    plan = Spending(float(spending["alpha"]), spending["scheme"], int(spending["looks"]))
    canvas = Canvas(width, 62, title, words(spending))
    taken, room = int(spending["taken"]), width - 4.0
    x = 2.0
    for number in range(1, plan.looks + 1):
        wide = room * plan.level(number) / plan.alpha
        state = "spent" if number <= taken else "left"
        css = "f-challenger" if number <= taken else "h-champion"
        hint = f"Look {number}: level {plan.level(number):.3g}, {state}"
        canvas.rect(x + 1, 6, max(wide - 2, 1), 26, css, hint=hint, radius=2)
        if wide > 22:
            canvas.text(x + wide / 2, 50, str(number), "s", anchor="middle")
        x += wide
    if room - (x - 2) > 60:
        canvas.text(width - 2, 50, "beyond: no look", "s", anchor="end")
    return canvas.render(styled=False)


def amount(value: Any, interval: Any, unit: str) -> str:
    """`22.3 % better [19.4 %, 24.9 %]` for a relative gain, plain numbers for an absolute one; `not known` without."""
    figure = finite(value)
    if figure is None:
        return "not known"

    def shown(number: float) -> str:
        return f"{100 * number:.1f} %" if unit == "relative" else f"{number:.4g}"

    ends = [finite(end) for end in interval or ()]
    known = [end for end in ends if end is not None]
    span = f" [{shown(known[0])}, {shown(known[1])}]" if len(known) == 2 else ""
    return f"{shown(figure)} better{span}"


def delivery_words(claim: Mapping[str, Any], delivery: Mapping[str, Any], at: str) -> str:
    """Promise, holdout and live difference in one sentence; empty while nobody has asked."""
    if not delivery:
        return ""
    unit = str(claim.get("unit") or "absolute")
    promised = f"Promised: {claim['words']}. " if claim.get("words") else ""
    held = f"Holdout: {amount(claim.get('observed'), claim.get('interval'), unit)}. " if claim else ""
    live = f"Live: {amount(delivery.get('observed'), delivery.get('interval'), unit)} "
    rows = f"({delivery.get('source')}, {int(delivery.get('rows') or 0):,} labelled rows). "
    return (
        f"{promised}{held}{live}{rows}{str(delivery.get('verdict')).capitalize()}: {delivery.get('note')} As of {at}."
    )
