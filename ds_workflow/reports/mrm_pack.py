"""The model risk master document: one version from scope to sign-offs, for a reader who knows nothing of it yet."""

from __future__ import annotations

from ds_workflow.reports import checklist as checklist_report
from ds_workflow.reports import findings as findings_report
from ds_workflow.reports.cited import MISSING, Shelf
from ds_workflow.reports.pack_view import GATE_HEADS, View, day, facts_table, gate_rows, head, metric_rows, picture
from ds_workflow.reports.tables import code, md, md_table


def markdown(view: View) -> str:
    """The document as Markdown."""
    out = head(view, "Model risk document")
    for number, (title, write) in enumerate(PARTS, 1):
        out += [f"## {number}. {title}", "", *write(view), ""]
    return "\n".join(out) + "\n"


def _scope(view: View) -> list[str]:
    problem, shelf = view.known.problem, view.shelf
    out = [
        f"*Intended use.* {md(problem.intended_use) or MISSING}",
        "",
        f"*Limits.* {md(problem.limits) or MISSING}",
    ]
    unit = f" in {md(problem.target_unit)}" if problem.target_unit else ""
    out += ["", f"Predicts {code(problem.target)}{unit}; a {md(problem.task)} problem."]
    rows = [
        ("Tier", shelf.figure("materiality", "tier")),
        ("Exposure", shelf.word("materiality", "exposure")),
        ("Purpose", shelf.word("materiality", "purpose")),
        ("Why", shelf.text("materiality", "reason")),
    ]
    return [*out, "", *facts_table(rows), "", shelf.below("materiality", "declaration")]


def _governance(view: View) -> list[str]:
    shelf = view.shelf
    rows = [
        ("Owner", shelf.word("version", "lineage", "owner")),
        ("Proposal", shelf.word("proposal", "id")),
        ("Kind", shelf.word("proposal", "kind")),
        ("Verdict", shelf.word("proposal", "verdict")),
        ("Disposition", shelf.word("proposal", "disposition")),
        ("Decided by", shelf.word("decision", "decided_by")),
        ("Decided at", shelf.word("decision", "decided_at")),
        ("Reason", shelf.text("decision", "reason")),
        ("Own approval", "**SELF-APPROVED**" if _own(shelf) else "no"),
        ("Override", "**OVERRIDE**" if shelf.get("proposal", "kind") == "override" else "no"),
        *_asked(shelf),
        ("Custody", shelf.word("ledger", "custody")),
        ("Events in the chain", shelf.figure("ledger", "events")),
    ]
    named = shelf.get("materiality", "approvers") or {}
    roles = [
        [md(role), md(named.get(role) or "") or MISSING] for role in dict.fromkeys(g.role for g in view.checklist.gates)
    ]
    out = [*facts_table(rows), "", "Named for the roles of the checklist:", ""]
    return [
        *out,
        *md_table(["Role", "Person"], roles),
        "",
        shelf.below("proposal", "decision", "ledger", "materiality"),
    ]


def _asked(shelf: Shelf) -> list[tuple[str, str]]:
    """Of an override, who asked for it and why: another person than the one who decided."""
    if not shelf.get("proposal", "summary", "override"):
        return []
    where = ("proposal", "summary", "override")
    return [("Override asked by", shelf.word(*where, "by")), ("Asked because", shelf.text(*where, "reason"))]


def _own(shelf: Shelf) -> bool:
    return any(shelf.get(source, "self_approved") for source in ("decision", "proposal"))


def _data(view: View) -> list[str]:
    shelf = view.shelf
    rows = [
        ("Snapshot", shelf.word("snapshot", "dataset_version")),
        ("Source", shelf.text("snapshot", "source")),
        ("Licence", shelf.text("snapshot", "licence")),
        ("Digest", shelf.word("snapshot", "digest")),
        ("Rows", shelf.figure("snapshot", "rows")),
        ("From", day(view, "first")),
        ("To", day(view, "last")),
        ("Rows held out", shelf.figure("snapshot", "holdout_rows")),
        ("Real rows at", shelf.text("data_sources", "address")),
        ("Cadence", shelf.text("data_sources", "cadence")),
        ("Retention", shelf.text("data_sources", "retention")),
        ("Said of persons", shelf.text("data_sources", "personal")),
    ]
    out = [*facts_table(rows), "", shelf.below("snapshot", "data_sources"), ""]
    return [*out, *picture(view, "lineage", "From source to service")]


def _method(view: View) -> list[str]:
    problem, shelf = view.known.problem, view.shelf
    rows = [
        ("Strategy", shelf.word("version", "lineage", "strategy")),
        ("Feature set", shelf.word("version", "lineage", "feature_set_version")),
        ("Features", shelf.figure("declaration", "feature_count")),
        ("Hypothesis", shelf.word("version", "lineage", "hypothesis_id")),
        ("Kind of change", shelf.word("version", "lineage", "change_type")),
        ("Change", shelf.text("version", "lineage", "change_summary")),
        ("Seed", shelf.figure("version", "lineage", "seed")),
        ("Commit", shelf.word("version", "lineage", "git_commit")),
    ]
    never = {problem.target: "it is the target", **problem.forbidden}
    never.update(dict.fromkeys(problem.sensitive, "sensitive, kept for the report only"))
    out = [*facts_table(rows), "", "Never an input:", ""]
    out += [f"- {code(name)}: {md(reason)}" for name, reason in never.items()]
    return [*out, "", shelf.below("version", "declaration")]


def _performance(view: View) -> list[str]:
    out = md_table(["Metric", "Figure on the holdout", "Interval"], metric_rows(view), align="lrr")
    rows = gate_rows(view)
    out += ["", "The gates of the policy, as the verdict saw them:", ""]
    out += md_table(GATE_HEADS, rows, align="lllrrr") if rows else [f"Gate results: {MISSING}."]
    return [*out, "", view.shelf.below("scorecard", "bundle"), "", "The validation report has all the rest."]


def _implementation(view: View) -> list[str]:
    shelf = view.shelf
    place = ("checks", "challenger", "servability")
    rows = [
        ("Artifact digest", shelf.word("version", "digest")),
        ("Run", shelf.word("version", "run_id")),
        ("Answers as in one batch", {True: "yes", False: "**NO**"}.get(shelf.get("bundle", *place, "equal"), MISSING)),
        ("Slow answer (ninety-fifth percentile), ms", shelf.figure("bundle", *place, "p95_ms")),
        ("Python", shelf.word("environment", "python")),
        *((name, shelf.word("environment", name)) for name in ("scikit-learn", "xgboost-cpu", "numpy", "pandas")),
        ("Tests on record", shelf.figure("tests", "passed")),
    ]
    return [*facts_table(rows), "", shelf.below("version", "bundle", "environment", "tests")]


def _monitoring(view: View) -> list[str]:
    shelf, known = view.shelf, view.known
    status = f"{md(known.monitoring[0])}: {md(known.monitoring[1])}" if known.monitoring else MISSING
    out = [f"Last looks: {status}.", ""]
    rows = [("Days after which a candidate is wanted", shelf.figure("policy", "retrain_after_days"))]
    return [
        *out,
        *facts_table(rows),
        "",
        shelf.below("policy", "monitoring"),
        "",
        "The monitoring plan has the limits.",
    ]


def _change(view: View) -> list[str]:
    moves = view.shelf.get("ledger", "moves") or []
    rows = [
        [
            view.shelf.word("ledger", "moves", i, "at"),
            view.shelf.figure("ledger", "moves", i, "to_ref", "version"),
            view.shelf.word("ledger", "moves", i, "by"),
            view.shelf.word("ledger", "moves", i, "proposal_id"),
        ]
        for i in range(len(moves))
    ]
    out = ["Who held office, and by which decision:", ""]
    out += (
        md_table(["At", "Version", "By", "Proposal"], rows, align="lrll") if rows else [f"The pointer log: {MISSING}."]
    )
    out += ["", view.shelf.below("ledger"), "", "A change is a new name: docs/change\\_process.md says which."]
    return [*out, "", *findings_report.table(view)]


def _signoffs(view: View) -> list[str]:
    return checklist_report.signoffs(view)


def _guidance(view: View) -> list[str]:
    shelf, out = view.shelf, []
    for i, entry in enumerate(shelf.get("guidance", "guidance") or []):
        rows = [
            [shelf.text("guidance", "guidance", i, "says", j, "point"), md(one["here"])]
            for j, one in enumerate(entry["says"])
        ]
        out += [f"*{md(entry['name'])}*, issued {md(entry['issued'])}: <{entry['page']}>", ""]
        out += [*md_table(["It says", "Here"], rows), ""]
    said = "This is a map for readers, not a claim of compliance; whether the guidance applies depends on the firm."
    return [*out, said, "", shelf.below("guidance")]


PARTS = (
    ("Scope", _scope),
    ("Governance", _governance),
    ("Data", _data),
    ("Method", _method),
    ("Performance", _performance),
    ("Implementation", _implementation),
    ("Monitoring", _monitoring),
    ("Change", _change),
    ("Sign-offs", _signoffs),
    ("Where current guidance is answered", _guidance),
)
