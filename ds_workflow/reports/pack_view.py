"""What every document of a pack is made from, and the parts that several of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ds_workflow.domain.assurance import Known
from ds_workflow.domain.checklist import Checklist, Fact, Line
from ds_workflow.domain.rubric import Score
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
    if known.decision is not None and known.decision.self_approved:
        found.append("**SELF-APPROVED**: the owner took the decision; nobody else did.")
    if known.judged is not None and known.judged.kind == "override":
        found.append(f"**OVERRIDE**: approved against verdict {known.judged.verdict}: {md(known.judged.reason)}")
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
