"""The model card of a registered version, after Mitchell et al., 'Model Cards for Model Reporting' (2019).

What was not measured says NOT PROVIDED: an empty place would read as nothing to report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ds_workflow.domain.problem import Problem, Split
from ds_workflow.domain.scorecard import Intervals
from ds_workflow.domain.snapshot import dates, held_out
from ds_workflow.reports import pack_view, spending
from ds_workflow.reports.data_sources import FIELDS
from ds_workflow.reports.pack_view import View, day, facts_table, head, metric_rows, segment_rows
from ds_workflow.reports.proposal_marks import marks
from ds_workflow.reports.run_card import interval_text, metric_text
from ds_workflow.reports.tables import NOT_PROVIDED, code, count, md, md_table, measure, metric_title, metric_unit, span
from registry.records import Lineage, ModelVersion, Proposal, SnapshotRecord


def markdown(
    problem: Problem,
    version: ModelVersion,
    *,
    metrics: Mapping[str, float | None],
    segments: Mapping[str, Mapping[str, float | None]] | None = None,
    segment_rows: Mapping[str, int] | None = None,
    dataset: SnapshotRecord | None = None,
    proposal: Proposal | None = None,
    caveats: Sequence[str] = (),
    intervals: Intervals | None = None,
    split: Split | None = None,
    fairness: Mapping[str, Any] | None = None,
) -> str:
    """The card as Markdown. All metrics and segments of the problem are listed, measured or not.

    `metrics` are on the holdout, in the metric's own unit; `proposal` is the one that decided on this version;
    `split` is the one that `dataset` was frozen with (default: the declared one); `fairness` the content of the run's
    fairness.json.
    """
    line = version.lineage
    out = [f"# Model card: {md(problem.title)}, version {version.version}", ""]
    out += [md(version.description) or NOT_PROVIDED, "", "## Model", ""]
    facts: dict[str, Any] = {
        "Version": version.version,
        "Digest": version.digest,
        "Status": version.status,
        "Registered": version.created_at,
        "Strategy": line.strategy,
        "Feature set": line.feature_set_version,
        "Owner": line.owner,
        "Hypothesis": line.hypothesis_id,
        "Change": f"{line.change_type}: {line.change_summary}" if line.change_summary else line.change_type,
        "Base champion": line.base_champion_version,
        "Run": version.run_id,
        "Commit": line.git_commit,
        "Seed": line.seed,
    }
    out += md_table(["", ""], [[k, md(_or_missing(v))] for k, v in facts.items()])
    out += ["", "## Intended use", "", md(problem.intended_use) or NOT_PROVIDED]
    out += ["", "## Limits", "", md(problem.limits) or NOT_PROVIDED]
    out += ["", f"Predicts {code(problem.target)}{f' in {md(problem.target_unit)}' if problem.target_unit else ''}."]
    out += ["", "Never an input:", ""]
    never = {problem.target: "it is the target", **problem.forbidden}
    never.update(dict.fromkeys(problem.sensitive, "sensitive, kept for the report only"))
    out += [f"- {code(name)}: {md(reason)}" for name, reason in never.items()]
    out += ["", "## Data", "", *_data(problem, line, dataset, split)]
    source, licence = (dataset.source, dataset.licence) if dataset else ("", "")
    out += ["", f"Source: {md(source) or NOT_PROVIDED}. Licence: {md(licence) or NOT_PROVIDED}."]
    out += ["", "## Metrics on the holdout", ""]
    ends = intervals.overall if intervals else {}
    figures = [
        [md(metric_title(n)), metric_text(n, metrics.get(n)), md(interval_text(n, ends.get(n))) or NOT_PROVIDED]
        for n in dict.fromkeys([*problem.metrics, *metrics])
    ]
    out += md_table(["Metric", "Figure", "Interval"], figures, align="lrr")
    out += ["", md(intervals.words)] if intervals else []
    out += ["", f"## By segment ({code(problem.segment_column)})", ""]
    rows = [
        [
            md(s),
            count((segment_rows or {}).get(s)),
            *(metric_text(m, (segments or {}).get(s, {}).get(m)) for m in problem.metrics),
            md(interval_text(problem.primary_metric, (intervals.segments if intervals else {}).get(s))) or NOT_PROVIDED,
        ]
        for s in dict.fromkeys([*problem.segments, *(segments or {})])
    ]
    heads = ["Segment", "Rows", *map(md, problem.metrics), f"Interval of {md(problem.primary_metric)}"]
    out += md_table(heads, rows, align="l" + "r" * len(heads))
    out += ["", "## Fairness", "", *_fairness(problem, proposal, fairness or {})]
    out += ["", "## Under stress", "", _stress(proposal)]
    out += ["", "## Decision", "", _decision(proposal)]
    out += ["", "## Caveats", "", *([f"- {md(c)}" for c in caveats] or [NOT_PROVIDED])]
    return "\n".join(out) + "\n"


def of_pack(view: View) -> str:
    """The card of a version as part of its pack: the same sections, every figure linked to its evidence."""
    problem, shelf, known = view.known.problem, view.shelf, view.known
    out = [*head(view, "Model card"), md(known.version.description) or NOT_PROVIDED, "", "## Model", ""]
    line = ("owner", "strategy", "feature_set_version", "hypothesis_id", "change_type", "git_commit")
    rows = [("Version", shelf.figure("version", "version")), ("Registered", shelf.word("version", "created_at"))]
    rows += [(name.replace("_", " ").capitalize(), shelf.word("version", "lineage", name)) for name in line]
    rows += [("Change", shelf.text("version", "lineage", "change_summary")), ("Run", shelf.word("version", "run_id"))]
    out += [*facts_table([*rows, ("Seed", shelf.figure("version", "lineage", "seed"))]), "", shelf.below("version")]
    out += ["", "## Intended use", "", md(problem.intended_use) or NOT_PROVIDED]
    out += ["", "## Limits", "", md(problem.limits) or NOT_PROVIDED, "", "## Data", ""]
    fields = ("dataset_version", "digest", "holdout_digest", "source", "licence")
    rows = [(name.replace("_", " ").capitalize(), shelf.text("snapshot", name)) for name in fields]
    rows += [("From", day(view, "first")), ("To", day(view, "last"))]
    rows += [("Rows", shelf.figure("snapshot", "rows")), ("Rows held out", shelf.figure("snapshot", "holdout_rows"))]
    told = {"address": "Real rows at", "cadence": "Published", "retention": "Kept", "personal": "Said of persons"}
    rows += [(told[name], shelf.text("data_sources", name)) for name in FIELDS]
    out += [*facts_table(rows), "", shelf.below("snapshot", "data_sources"), "", "## Metrics on the holdout", ""]
    out += [*md_table(["Metric", "Figure", "Interval"], metric_rows(view), align="lrr"), "", shelf.below("scorecard")]
    out += ["", f"## By segment ({code(problem.segment_column)})", ""]
    heads = ["Segment", "Rows", *map(code, problem.metrics)]
    out += [*md_table(heads, segment_rows(view), align="l" + "r" * len(heads)), "", shelf.below("scorecard")]
    out += ["", "## Fairness", "", *pack_view.fairness(view), "", "## Under stress", "", _stress_of_pack(view)]
    out += ["", "## Decision", "", _decision(known.decision or known.judged), "", "## Caveats", ""]
    missing = shelf.get("scorecard", "missing") or {}
    none = "Every declared metric was measured." if shelf.has("scorecard") else NOT_PROVIDED
    out += [f"- {md(name)} was not measured: {md(why)}" for name, why in missing.items()] or [none]
    return "\n".join(out) + "\n"


def _or_missing(value: Any) -> str:
    return NOT_PROVIDED if value is None or value == "" else str(value)


def _data(problem: Problem, line: Lineage, dataset: SnapshotRecord | None, split: Split | None) -> list[str]:
    facts: dict[str, Any] = {
        "Dataset version": line.dataset_version,
        "Digest": line.dataset_digest,
        "Holdout digest": line.holdout_digest,
    }
    known = dataset is not None
    facts["Rows"] = count(dataset.rows) if dataset else None
    facts["Dates"] = dates(dataset) if dataset else None
    facts["Holdout"] = held_out(problem, dataset, split) if dataset else None
    lines = md_table(["", ""], [[k, md(_or_missing(v))] for k, v in facts.items()])
    if known and dataset is not None and dataset.dropped:
        lines += [
            "",
            "Dropped in cleaning: " + ", ".join(f"{md(k)} {count(v)}" for k, v in dataset.dropped.items()) + ".",
        ]
    return lines


def _fairness(problem: Problem, proposal: Proposal | None, content: Mapping[str, Any]) -> list[str]:
    """The differences that the run measured, and what the gates said of them."""
    found = [g for g in (proposal.gates if proposal else ()) if "fairness" in g.name]
    said = " ".join(f"{md(g.name)}: {g.status}. {md(g.note)}".strip() for g in found)
    rows = []
    for d in content.get("differences") or []:
        unit = metric_unit(str(d["metric"]))
        size = measure(d["difference"], unit, difference=True)
        ends = md(span(d["interval"], unit, difference=True)) if d["interval"] else NOT_PROVIDED
        rows.append([code(d["column"]), md(metric_title(d["metric"])), md(f"{d['high']} over {d['low']}"), size, ends])
    if rows:
        heads = ["Column", "Metric", "Groups", "Difference", "Interval"]
        return [*md_table(heads, rows, align="lllrr"), "", said or "Measured; no gate of the policy judges them."]
    groups = ", ".join(problem.fairness_columns or problem.sensitive)
    return [said or f"{NOT_PROVIDED}{f' (groups declared: {md(groups)})' if groups else ''}"]


def _stress(proposal: Proposal | None) -> str:
    """What requests that go wrong do to the answers: missing and corrupted values, another season."""
    found = [g for g in (proposal.gates if proposal else ()) if "stress" in g.name]
    return " ".join(f"{md(g.name)}: {g.status}. {md(g.note)}".strip() for g in found) or NOT_PROVIDED


def _stress_of_pack(view: View) -> str:
    """What the gates said, else the worst of the strains that were measured."""
    place = (*pack_view.STRESS, "strains")
    strains = view.shelf.get("bundle", *place) or []
    said = _stress(view.known.judged)
    if not strains or said != NOT_PROVIDED:  # the gate names the worst of them
        return said
    i = max(range(len(strains)), key=lambda k: float(strains[k].get("loss") or 0.0))
    name = view.shelf.text("bundle", *place, i, "name")
    return f"The worst strain is {name}: {pack_view.strain_loss(view, i)} lost. No gate judged the strains."


def _decision(proposal: Proposal | None) -> str:
    if proposal is None:
        return NOT_PROVIDED
    who = f" by {md(proposal.decided_by)} at {md(proposal.decided_at)}" if proposal.decided_by else ""
    own = f" **{mark}.**" if (mark := marks(proposal)) else ""
    stop = "" if proposal.reason.rstrip().endswith((".", "!", "?")) else "."
    reason = f" Reason: {md(proposal.reason.rstrip())}{stop}" if proposal.reason else ""
    label = proposal.label.replace("_", " ")
    proof, look = spending.proof_words(proposal), spending.look_words(proposal)
    proven = f" Gates {proof}." if proof else ""
    spent = f" {look}" if look else ""
    return f"Proposal {code(proposal.id)}: verdict {proposal.verdict}, {label}{who}.{own}{reason}{proven}{spent}"
