"""Training against holdout: the section of the run card."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.domain.representativeness import MOVED, Representativeness, Shift
from ds_workflow.reports.tables import code, count, md, md_table, number, span

_SHOWN = 12


def markdown(found: Representativeness) -> str:
    """What moved, what was expected to, and whether rows of the two parts can be told apart."""
    out = [
        f"{count(found.train_rows)} training rows beside {count(found.holdout_rows)} of the holdout. A column moved "
        f"when its population stability index is above {MOVED:g} and that is not chance (adjusted over the columns).",
        "",
        f"* Moved: {_names(found.surprising)}.",
        f"* Expected to move with the calendar or the market: {_names(found.expected)}.",
    ]
    if found.auc is not None and found.interval is not None:
        low, high = found.interval
        said = (
            "so they can't be told apart"
            if low <= 0.5 <= high or found.auc < 0.5
            else "so they can be told apart in part"
        )
        out.append(
            f"* Trees that see all columns but the expected ones tell the two parts apart with an area under the ROC "
            f"curve of {number(found.auc, digits=3)} {md(span(found.interval))} (0.5: not at all), {said}."
        )
    out += [f"* Free text, compared by its length: {', '.join(map(code, found.by_length))}."] if found.by_length else []
    rows = [
        [code(s.name), number(s.psi), number(s.expected), number(s.p_adjusted, digits=2), _word(s)]
        for s in found.shifts[:_SHOWN]
    ]
    if rows:
        heads = ["Column", "Stability index", "By chance", "Adjusted p", "Moved"]
        out += ["", *md_table(heads, rows, align="lrrrl")]
    if len(found.shifts) > _SHOWN:
        out += ["", f"The other {len(found.shifts) - _SHOWN} columns moved less."]
    return "\n".join(out) + "\n"


def _names(shifts: Sequence[Shift]) -> str:
    return ", ".join(f"{code(s.name)} ({number(s.psi, digits=2)})" for s in shifts) or "nothing"


def _word(shift: Shift) -> str:
    return ("as expected" if shift.trending else "yes") if shift.moved else "no"
