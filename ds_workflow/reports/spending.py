"""What a verdict rests on, in words and a picture: the holdout's spending, and the mutants that the gates caught."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ds_workflow.domain.holdout_spending import NOTHING, Spending
from ds_workflow.reports.page import figure
from ds_workflow.reports.svg import Canvas
from ds_workflow.reports.tables import count, finite
from registry.records import Proposal

PROOF = "gates_proven"
_WIDTHS = (870, 350)
_NAMED = 5  # candidates that are told by their version
SPENT, KEPT, LEFT = "spent", "kept for a candidate that was scored", "left"
_FILLS = {SPENT: "f-challenger", KEPT: "h-challenger", LEFT: "h-champion"}


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
    taken = min(int(spending["taken"]), int(spending["looks"]))
    said = f"{taken} of {spending['looks']} looks taken: {spent:.3g} of the error rate {alpha:g} is spent"
    if spending.get("exhausted", after is None):
        return f"{said}, and no look is left. Freeze a new window with 'holdout-freeze'."
    if after is None:
        kept = sum(one["level"] > NOTHING for one in spending.get("unjudged") or [])
        keep = (
            f"the {kept} scored and not judged keep theirs" if kept > 1 else "the one scored and not judged keeps its"
        )
        return f"{said}; no level is left for another candidate, and {keep}."
    scored = int(spending.get("scored") or 0)
    who = f"the next candidate, number {scored + 1} scored on these rows," if scored else "the next look"
    return f"{said}; {who} is judged at {after:.3g}."


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
        which = f"trial {spending['place']}" if spending.get("place") else "the trial"
        return (
            f"{which[0].upper()}{which[1:]} of a first champion is no look of a challenger at these rows; judged at "
            f"level {level:.3g}."
        )
    shared = f", one of {spending['among']} proposed together" if int(spending.get("among") or 1) > 1 else ""
    chosen = f" ({spending['chosen']})" if spending.get("chosen") and level > NOTHING else ""
    again = " The question was asked before, so it spends nothing more." if spending.get("again") else ""
    at = f"judged at level {level:.3g}{chosen}" if level > NOTHING else "for which no level was left"
    return f"Look {spending['number']} at these rows, {at}{shared}.{again} {words(spending)}"


def proof_words(proposal: Proposal) -> str:
    """`proven on 44 mutants`, whatever the verdict, or that a gate is blind; empty for proposals of before."""
    found = next((g for g in proposal.gates if g.name == PROOF), None)
    if found is None or found.observed is None:
        return "nothing is compared, so there is nothing to prove" if proposal.kind == "rollback" else ""
    many = f"proven on {found.observed:.0f} mutants"
    if found.status == "pass":
        return many
    return f"{many}: the rows can't be compared" if not found.observed else f"NOT PROVEN: a gate is blind; {many}"


def proof_status(proposal: Proposal) -> str:
    """The status of the proof; "" where there is none."""
    return next((g.status for g in proposal.gates if g.name == PROOF), "")


def proof(proposal: Proposal) -> dict[str, Any] | None:
    """The proof as JSON; None for a rollback and for proposals of before."""
    found = next((g for g in proposal.gates if g.name == PROOF), None)
    return None if found is None else {"mutants": int(found.observed or 0), "status": found.status, "note": found.note}


def bar(spending: Mapping[str, Any]) -> str:
    """One block per level, as wide as its part of the error rate: spent, kept for a candidate that was scored and not
    judged, and left. Empty without figures."""
    if not words(spending):
        return ""
    title = "Error rate of this holdout: spent, kept and left"
    drawn = (_drawn(spending, width, title) for width in _WIDTHS)
    caption = "One block per level, as wide as its part of the error rate; filled ones are spent, those outlined in "
    caption += "their colour are kept for candidates that were scored and not judged."
    return figure("Spending of the holdout", caption, *drawn)


def _blocks(spending: Mapping[str, Any], plan: Spending) -> list[tuple[int, float, str]]:
    """Place, level and state of each block, in the order of the places."""
    waiting = {int(one["place"]): float(one["level"]) for one in spending.get("unjudged") or []}
    told = spending.get("levels")  # proposals of before levels were told have those of the series
    spent = [float(one) for one in told] if told is not None else [plan.level(k + 1) for k in range(spending["taken"])]
    free = (place for place in itertools.count(1) if place not in waiting)  # proposals of before places were told
    places = spending.get("places") or list(itertools.islice(free, len(spent)))
    found = [(int(place), level, SPENT) for place, level in zip(places, spent, strict=True)]
    if not spending.get("exhausted"):
        found += [(place, level, KEPT) for place, level in waiting.items() if level > NOTHING]
    if spending.get("next") is not None:
        last = max([*places, *waiting], default=0)
        found += [(place, plan.level(place), LEFT) for place in range(last + 1, max(plan.looks, last + 1) + 1)]
    return sorted(found)


def _drawn(spending: Mapping[str, Any], width: int, title: str) -> str:
    plan = Spending(float(spending["alpha"]), spending["scheme"], int(spending["looks"]))
    canvas = Canvas(width, 62, title, words(spending))
    room = width - 4.0
    x = 2.0
    for place, level, state in _blocks(spending, plan):
        wide = room * min(level, plan.alpha) / plan.alpha
        if x - 2 + wide > room + 0.5:
            break
        canvas.rect(
            x + 1, 6, max(wide - 2, 1), 26, _FILLS[state], hint=f"Level {place}: {level:.3g}, {state}", radius=2
        )
        if wide > 22:
            canvas.text(x + wide / 2, 50, str(place), "s", anchor="middle")
        x += wide
    if room - (x - 2) > 60:
        canvas.text(width - 2, 50, "beyond: no look", "s", anchor="end")
    return canvas.render(styled=False)


def scored_words(told: Mapping[str, Any]) -> str:
    """What is to be known where candidates were scored and not judged; "" where there are none."""
    scored, waiting = int(told.get("scored") or 0), list(told.get("unjudged") or [])
    if not waiting:
        return ""
    said = (
        f"{scored} candidate{' was' if scored == 1 else 's were'} scored on these rows when trained, {len(waiting)} of "
    )
    levels = [] if told.get("exhausted") else [one for one in waiting if one["level"] > NOTHING]
    if not levels:
        return f"{said}them not judged, and no level is left for any."
    each = [f"version {one['version']} would be judged at {one['level']:.3g}" for one in levels[:_NAMED]]
    more = f" and {len(levels) - _NAMED} more at no higher level" if len(levels) > _NAMED else ""
    none = f"; no level is left for {len(waiting) - len(levels)} of them" if len(levels) < len(waiting) else ""
    said += f"them not judged: {', '.join(each)}{more}{none}."
    return f"{said} Each keeps its place in the series of levels, proposed or not."


def plan_words(told: Mapping[str, Any]) -> str:
    """What is to be known where the policy has another plan than the one that the holdout is kept by; "" otherwise."""
    other, bound = Spending.of(told.get("policy") or {}), Spending.of(told)
    if other is None or bound is None:
        return ""
    return (
        f"The policy now says {other.words}, and this holdout is kept by the plan of its first look: {bound.words}. "
        "The policy's holds for the next window that is frozen."
    )
