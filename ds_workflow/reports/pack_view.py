"""What every document of a pack is made from, and the parts that several of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ds_workflow.domain.assurance import Known
from ds_workflow.domain.checklist import Checklist, Fact, Line
from ds_workflow.domain.rubric import Score
from ds_workflow.reports import proposal_claim
from ds_workflow.reports.cited import MISSING, Shelf
from ds_workflow.reports.tables import code, md, md_table, metric_unit

STATUS_WORDS = {
    "pass": "pass",
    "fail": "**FAIL**",
    "unknown": "**UNKNOWN**",
    "unsigned": "**UNSIGNED**",
    "not required": "not required",
}


@dataclass(frozen=True)
class View:
    """A version's dossier: the evidence on its shelf, what the machine knows, the checklist, the rubric, the pictures
    by name, and when it was put together (UTC)."""

    shelf: Shelf
    known: Known
    facts: Mapping[str, Fact]
    checklist: Checklist
    lines: tuple[Line, ...]
    score: Score
    at: str
    pictures: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The version as people say it."""
        return f"{self.known.problem.name} version {self.known.version.version}"


def stamps(view: View) -> list[str]:
    """What every document says in its head: whose own approval it was, that it was forced, or is retired or not in
    office."""
    known, found = view.known, []
    if any(p is not None and p.self_approved for p in (known.decision, known.judged)):  # a rollback hides no stamp
        found.append("**SELF-APPROVED**: the owner took the decision; nobody else did.")
    if known.judged is not None and known.judged.kind == "override":
        found.append(f"**OVERRIDE**: approved against verdict {known.judged.verdict}: {md(known.judged.reason)}")
    if known.judged is not None and known.judged.kind == "adopt":
        found.append("**ADOPTED AFTER THE FACT**: it was made champion round the workflow, and tried only then.")
    if known.judged is not None and (claimed := proposal_claim.stamp(known.judged)):
        mark, _, said = claimed.partition(": ")
        found.append(f"**{mark}**: {md(said)}.")
    if any(line.signature is not None and line.signature.own for line in view.lines):
        found.append("**SELF-SIGNED**: gates of the checklist are signed by the owner of the version.")
    if known.version.version in known.retired:
        found.append("**RETIRED**: this version never comes back into office.")
    elif not known.in_office:
        found.append("**NOT IN OFFICE**: another version, or none, is champion.")
    return found


def head(view: View, title: str) -> list[str]:
    """Title, version, digest, tier, and the stamps."""
    shelf = view.shelf
    out = [f"# {md(title)}: {md(view.known.problem.title)}, version {view.known.version.version}", ""]
    out += [f"Artifact digest {shelf.word('version', 'digest')}. {md(view.known.materiality.words).capitalize()}."]
    out += [f"Put together {md(view.at[:16])} UTC. Each figure links to the file it comes from.", ""]
    for stamp in stamps(view):
        out += [stamp, ""]
    return out


def day(view: View, end: str) -> str:
    """The first or last day of the snapshot; rows of a problem without time have none."""
    return view.shelf.word("snapshot", end) if view.known.problem.time_column else "the rows have no time"


def facts_table(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Two columns without heads: what, and the Markdown of it."""
    return md_table(["", ""], [[md(name), value] for name, value in rows])


def picture(view: View, name: str, title: str) -> list[str]:
    """A picture by name, NOT PROVIDED where there is none."""
    return [f"![{md(title)}](pictures/{name}.svg)", ""] if name in view.pictures else [f"{md(title)}: {MISSING}", ""]


def metric_rows(view: View) -> list[list[str]]:
    """Metric, figure and interval on the holdout, all linked, of every metric that the problem declares."""
    rows = []
    for name in view.known.problem.metrics:
        unit = metric_unit(name)
        rows.append(
            [
                view.shelf.text("metrics", name, "title"),
                view.shelf.figure("scorecard", "overall", name, unit=unit),
                view.shelf.span("scorecard", "intervals", "overall", name, unit=unit),
            ]
        )
    return rows


def segment_rows(view: View) -> list[list[str]]:
    """Segment, rows, and each metric, all linked."""
    problem, shelf = view.known.problem, view.shelf
    return [
        [
            code(segment),
            shelf.figure("scorecard", "segments", segment, "rows"),
            *(shelf.figure("scorecard", "segments", segment, m, unit=metric_unit(m)) for m in problem.metrics),
        ]
        for segment in problem.segments
    ]


def not_asked(view: View) -> str:
    """How many gates the tier does not ask, in words; empty when it asks all of them."""
    idle = [line for line in view.lines if line.status == "not required"]
    if not idle:
        return ""
    signed = sum(line.gate.signed for line in idle)
    people = f", {signed} of them for people to sign" if signed else ""
    return (
        f"Of {len(view.lines)} gates {len(idle)} {'is' if len(idle) == 1 else 'are'} not required in tier "
        f"{view.known.materiality.tier}{people}: nobody was asked, so nothing is said of them."
    )


def fairness(view: View) -> list[str]:
    """The measured differences between groups, all linked, and what the gates on fairness said of them."""
    shelf = view.shelf
    rows = []
    for i, one in enumerate(shelf.get("fairness", "differences") or []):
        unit = metric_unit(str(one.get("metric", "")))
        shown = "shown" if one.get("shown") else "not shown"
        rows.append(
            [
                code(one.get("column", "")),
                shelf.text("metrics", str(one.get("metric", "")), "title"),
                f"{code(one.get('high', ''))} over {code(one.get('low', ''))}",
                shelf.figure("fairness", "differences", i, "difference", unit=unit, difference=True),
                shelf.span("fairness", "differences", i, "interval", unit=unit, difference=True),
                f"{shown}{', large' if one.get('large') else ''}",
            ]
        )
    gates = view.known.gates("fairness")
    said = " ".join(f"Gate {md(g.name)}: {g.status}. {md(g.note)}".strip() for g in gates)
    if not rows:
        groups = ", ".join(map(code, view.known.problem.fairness_columns or view.known.problem.sensitive))
        declared = f" Groups declared: {groups}." if groups else ""
        return [f"Differences between groups: {MISSING}.{declared} {said or 'No gate judged groups.'}"]
    heads = ["Column", "Metric", "Groups", "Difference", "Interval", "Told apart"]
    said = said or "Measured; no gate of the policy judges them."
    return [*md_table(heads, rows, align="lllrrl"), "", said, "", shelf.below("fairness")]


STRESS = ("checks", "challenger", "stress")


def strain_loss(view: View, i: int) -> str:
    """What a strain cost, linked: a share of the figure without it, or an absolute loss in the metric's unit."""
    told = view.shelf.get("bundle", *STRESS) or {}
    absolute = told.get("unit") == "absolute"
    unit = metric_unit(str(told.get("metric") or view.known.problem.primary_metric)) if absolute else "share"
    return view.shelf.figure("bundle", *STRESS, "strains", i, "loss", unit=unit, difference=absolute)


def gate_rows(view: View) -> list[list[str]]:
    """The policy's gates as the evidence holds them: gate, place, status, observed, rows."""
    shelf, rows = view.shelf, []
    for i, gate in enumerate(shelf.get("bundle", "gates") or []):
        status = "pass" if gate["status"] == "pass" else f"**{str(gate['status']).upper()}**"
        rows.append(
            [
                shelf.link("bundle", "gates", i, "name", text=md(gate["name"])),
                code(gate["segment"]) or "all rows",
                status,
                shelf.figure("bundle", "gates", i, "observed") if gate["observed"] is not None else "no figure",
                shelf.span("bundle", "gates", i, "interval") if gate["interval"] else "none",
                shelf.figure("bundle", "gates", i, "rows") if gate["rows"] is not None else "none",
            ]
        )
    return rows


GATE_HEADS = ("Gate", "Where", "Status", "Observed", "Interval", "Rows")
