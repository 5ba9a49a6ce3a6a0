"""What is watched of a version, at which limits, and who hears of it."""

from __future__ import annotations

from ds_workflow.reports.cited import MISSING
from ds_workflow.reports.pack_view import View, facts_table, head
from ds_workflow.reports.tables import code, md, md_table


def markdown(view: View) -> str:
    """Thresholds, escalation, cadence, the last looks, and what follows."""
    shelf, known = view.shelf, view.known
    out = [*head(view, "Monitoring plan"), "## Limits", ""]
    limits = _limits(view)
    out += md_table(["What", "Limit"], limits, align="lr") if limits else [f"A monitoring policy: {MISSING}."]
    out += ["", shelf.below("monitoring_policy", "policy"), "", "## Escalation", ""]
    levels = shelf.get("escalation", "levels") or {}
    rows = [
        [
            md(level),
            shelf.text("escalation", "levels", level, "who"),
            shelf.figure("escalation", "levels", level, "hours"),
            shelf.text("escalation", "levels", level, "what"),
        ]
        for level in levels
    ]
    out += [*md_table(["Status", "Who hears of it", "Within hours", "What they do"], rows, align="llrl"), ""]
    out += [shelf.below("escalation"), "", "## The last looks", "", *_looks(view), "", "## Open incidents", ""]
    if known.incidents is None:
        out += [f"{MISSING}."]
    else:
        out += [f"- {md(one)}" for one in known.incidents] or ["None."]
    out += ["", "## Retraining and retirement", ""]
    out += facts_table(
        [
            ("Days after which a candidate is wanted", shelf.figure("policy", "retrain_after_days")),
            ("Registered", shelf.word("version", "created_at")),
            ("Level of the tests", shelf.figure("policy", "alpha")),
        ]
    )
    out += ["", shelf.below("policy", "version"), ""]
    out += ["Retraining, retirement and incidents are described in docs/monitoring of the checkout."]
    return "\n".join(out) + "\n"


def _limits(view: View) -> list[list[str]]:
    """Every number of the monitoring policy by its path, and the two that the gates share with monitoring."""
    rows = []
    for steps in _numbers(view.shelf.get("monitoring_policy")):
        rows.append([code(" ".join(str(s) for s in steps)), view.shelf.figure("monitoring_policy", *steps)])
    for i, gate in enumerate(view.shelf.get("policy", "gates") or []):
        if gate["kind"] in ("no_new_drift_alerts", "servability"):
            for trial in sorted(gate.get("thresholds") or {}):
                what = code(f"{gate['name']} {trial}")
                rows.append([what, view.shelf.figure("policy", "gates", i, "thresholds", trial)])
    return rows


def _numbers(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [path]
    if isinstance(value, dict):
        return [p for k in sorted(value) for p in _numbers(value[k], (*path, k))]
    if isinstance(value, list):
        return [p for i, one in enumerate(value) for p in _numbers(one, (*path, i))]
    return []


def _looks(view: View) -> list[str]:
    shelf = view.shelf
    looks = shelf.get("monitoring", "looks") or []
    rows = [
        [
            md(look["kind"]),
            shelf.word("monitoring", "looks", i, "status"),
            shelf.word("monitoring", "looks", i, "at"),
            shelf.text("monitoring", "looks", i, "said"),
        ]
        for i, look in enumerate(looks)
    ]
    if not rows:
        return [f"{MISSING}: nobody has looked at this version in office yet."]
    return [*md_table(["Look", "Status", "At", "What it found"], rows), "", shelf.below("monitoring")]
