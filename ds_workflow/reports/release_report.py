"""The release check as terminal text, Markdown and JSON. Unknown and skipped are never green.

The report is a mapping: `{problem, champion: {version, digest} | None, ready, at, gates: [{name, checks: [{name,
status: pass | fail | unknown | skipped, detail, fix}]}], tier, not_required: [{check, why}]}`; the last two may lack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.reports.tables import code, md, md_table, paragraph, plain

SIGNS = {"pass": "+ pass", "fail": "x FAIL", "unknown": "? UNKNOWN", "skipped": "- SKIPPED"}
Report = Mapping[str, Any]


def status_of(check: Mapping[str, Any]) -> str:
    """The check's status; a word that is not one of the four counts as unknown."""
    status = str(check.get("status"))
    return status if status in SIGNS else "unknown"


def ready(report: Report) -> bool:
    """Green only when the report says so and every check of every gate passes, with at least one check in each."""
    gates = report.get("gates") or []
    every = all(g.get("checks") and all(status_of(c) == "pass" for c in g["checks"]) for g in gates)
    return report.get("ready") is True and bool(gates) and every


def gate_status(gate: Mapping[str, Any]) -> str:
    """The worst status among the checks; a gate without checks is unknown."""
    found = {status_of(c) for c in gate.get("checks") or []}
    return next((s for s in ("fail", "unknown", "skipped", "pass") if s in found), "unknown")


def explain(report: Report) -> list[dict[str, Any]]:
    """The smallest set of facts that would turn it green: `[{fix, turns: [gate/check, ...]}]`, empty when ready.

    Checks that one fix mends stand together; a skipped check without a fix of its own follows from the others and is
    listed only when nothing else is left.
    """
    steps: dict[str, list[str]] = {}
    waiting: list[str] = []
    for gate in report.get("gates") or []:
        if not gate.get("checks"):
            steps.setdefault(f"Run the checks of gate {gate.get('name')}: none was run.", []).append(
                str(gate.get("name"))
            )
        for check in gate.get("checks") or []:
            status, where = status_of(check), f"{gate.get('name')}/{check.get('name')}"
            if status == "pass":
                continue
            if status == "skipped" and not check.get("fix"):
                waiting.append(where)
                continue
            words = str(check.get("fix") or check.get("detail") or f"Make {where} pass.")
            steps.setdefault(words, []).append(where)
    if waiting and steps:
        steps.setdefault("Then run the release check again, so that what was skipped is checked.", waiting)
    elif waiting:
        steps["Run what was skipped."] = waiting
    if not steps and not ready(report):
        steps["Run the release check again: the report is not ready, yet names no check that isn't green."] = []
    return [{"fix": fix, "turns": turns} for fix, turns in steps.items()]


def to_json(report: Report, *, report_path: str = "", explained: bool = False) -> dict[str, Any]:
    """The report as users' scripts read it; with `explained` the steps to green are added."""
    champion = report.get("champion")
    out: dict[str, Any] = {
        "ready": ready(report),
        "problem": report.get("problem"),
        "at": report.get("at"),
        "champion": None if champion is None else {"version": champion["version"], "digest": champion["digest"]},
        "gates": [
            {
                "name": g.get("name"),
                "checks": [
                    {
                        "name": c.get("name"),
                        "status": status_of(c),
                        "detail": c.get("detail") or "",
                        "fix": c.get("fix") or "",
                    }
                    for c in g.get("checks") or []
                ],
            }
            for g in report.get("gates") or []
        ],
        "report": report_path,
    }
    if explained:
        out["explain"] = explain(report)
    return out


def _headline(report: Report) -> str:
    champion = report.get("champion")
    who = (
        f"v{champion['version']} of {report.get('problem')}"
        if champion
        else f"{report.get('problem')} without a champion"
    )
    if ready(report):
        return f"READY: {who} may be released"
    bad = sum(gate_status(g) != "pass" for g in report.get("gates") or [])
    return f"NOT READY: {who}; {bad} of {len(report.get('gates') or [])} gates not green"


def text(report: Report, *, explained: bool = False, width: int = 100) -> str:
    """The report for a terminal."""
    out = [plain(_headline(report)), plain(f"Checked {report.get('at')}")]
    if champion := report.get("champion"):
        out.append(plain(f"Artifact digest {champion['digest']}"))
    for gate in report.get("gates") or []:
        out += ["", f"{SIGNS[gate_status(gate)]:<12}{plain(gate.get('name'))}"]
        for check in gate.get("checks") or []:
            head = f"    {SIGNS[status_of(check)]:<12}"
            said = f"{check.get('name')}: {check.get('detail')}" if check.get("detail") else str(check.get("name"))
            first, *rest = paragraph(said, width=width - 16) or [""]
            out += [head + first, *(" " * 16 + line for line in rest)]
            if check.get("fix") and status_of(check) != "pass":
                out += paragraph(f"to mend: {check['fix']}", width=width, indent=" " * 16)
        if not gate.get("checks"):
            out.append("    no check was run")
    if report.get("not_required"):
        out += ["", *paragraph(f"Not asked in {report.get('tier')}:", width=width)]
        for one in report["not_required"]:
            out += paragraph(f"{one['check']}: {one['why']}", width=width, indent="    ")
    if explained:
        out += ["", *explain_text(report, width=width).splitlines()]
    return "\n".join(line.rstrip() for line in out) + "\n"


def explain_text(report: Report, *, width: int = 100) -> str:
    """The steps to green, numbered."""
    steps = explain(report)
    if not steps:
        return "Nothing is missing: every check is green.\n"
    out = ["What would turn it green, and nothing else:"]
    for k, step in enumerate(steps, 1):
        first, *rest = paragraph(step["fix"], width=width - 5) or [""]
        out += [f"{k:>3}. {first}", *(" " * 5 + line for line in rest)]
        if step["turns"]:
            out += paragraph("turns " + ", ".join(step["turns"]), width=width, indent=" " * 5)
    return "\n".join(out) + "\n"


def markdown(report: Report) -> str:
    """The report as a Markdown document."""
    champion = report.get("champion")
    out = [f"# {md(_headline(report))}", "", f"Checked {md(report.get('at'))}."]
    if champion:
        out += ["", f"Artifact digest {code(champion['digest'])}."]
    for gate in report.get("gates") or []:
        out += ["", f"## {md(gate.get('name'))}: {_strong(gate_status(gate))}", ""]
        rows = [
            [
                _strong(status_of(c)),
                md(c.get("name")),
                md(c.get("detail") or ""),
                md(c.get("fix") or "") if status_of(c) != "pass" else "",
            ]
            for c in gate.get("checks") or []
        ]
        out += md_table(["Status", "Check", "Detail", "How to mend"], rows) if rows else ["No check was run."]
    if report.get("not_required"):
        out += ["", f"## Not asked in {md(report.get('tier'))}", ""]
        out += md_table(["Check", "Why"], [[md(one["check"]), md(one["why"])] for one in report["not_required"]])
    if steps := explain(report):
        out += ["", "## What would turn it green", ""]
        out += [
            f"{k}. {md(s['fix'])}" + (f" ({md(', '.join(s['turns']))})" if s["turns"] else "")
            for k, s in enumerate(steps, 1)
        ]
    return "\n".join(out) + "\n"


def _strong(status: str) -> str:
    return "pass" if status == "pass" else f"**{status.upper()}**"
