"""A promise beside what came of it, in words and as a table of segments. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ds_workflow.reports.tables import count, finite

HEADS = ("segment", "claimed", "holdout", "live", "labelled rows", "units", "in words")


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


def words(claim: Mapping[str, Any], delivery: Mapping[str, Any], at: str) -> str:
    """Promise, holdout and live difference in one paragraph; empty while nobody has asked."""
    if not delivery:
        return ""
    unit = str(claim.get("unit") or "absolute")
    promised = f"Promised: {claim['words']}. " if claim.get("words") else ""
    held = f"Holdout: {amount(claim.get('observed'), claim.get('interval'), unit)}. " if claim else ""
    about = f" on {delivery['slice']}" if delivery.get("slice") else ""
    live = f"Live{about}: {amount(delivery.get('observed'), delivery.get('interval'), unit)} "
    rows = f"({delivery.get('source')}, {int(delivery.get('rows') or 0):,} labelled rows). "
    family = f" Segments: {delivery['family']}." if delivery.get("family") else ""
    said = f"{str(delivery.get('verdict')).capitalize()}: {delivery.get('note')} As of {at}.{family}"
    return f"{promised}{held}{live}{rows}{said}"


def rows(unit: str, segments: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """One line of HEADS for each segment; a segment that the claim is not about says so with a dash."""
    return tuple(
        (
            str(s["segment"]),
            amount(s["claimed"], None, unit) if s.get("claimed") is not None else "-",
            amount(s.get("holdout"), None, unit),
            amount(s.get("observed"), s.get("interval"), unit),
            count(s.get("rows")),
            count(s.get("units")),
            str(s.get("note") or ""),
        )
        for s in segments
    )
