"""Reading the arena: who is champion, what is open, what one proposal says. Imports no data library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.reports import proposal as report
from ds_workflow.reports import tables

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Custody, Proposal


@dataclass(frozen=True)
class View:
    """One proposal, ready to be shown."""

    proposal: Proposal
    context: report.Context

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-show --json`."""
        return report.to_json(self.proposal)

    def text(self) -> str:
        """For the terminal."""
        return report.text(self.proposal, self.context)

    def brief(self) -> str:
        """For the terminal, after a decision."""
        return report.brief(self.proposal, self.context)


@dataclass(frozen=True)
class Status:
    """What `arena-status` shows."""

    problem: str
    registered_model: str
    custody: Custody
    aliases: Mapping[str, Mapping[str, Any] | None]
    proposals: tuple[Proposal, ...]
    at: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-status --json`."""
        return {
            "problem": self.problem,
            "registered_model": self.registered_model,
            "custody": self.custody.status,
            "custody_detail": asdict(self.custody),
            "aliases": {name: dict(value) if value else None for name, value in self.aliases.items()},
            "proposals": [{**report.to_json(p), "gates": len(p.gates)} for p in self.proposals],
        }

    def text(self) -> str:
        """For the terminal."""
        lines = [f"{self.problem}   custody: {self.custody.status}"]
        if self.custody.detail:
            lines += [f"  {self.custody.detail}"]
        rows = [
            [name, f"v{value['version']}", value["digest"][:12], value["run_id"]] if value else [name, "-", "-", "-"]
            for name, value in self.aliases.items()
        ]
        lines += ["", *tables.text_table(["alias", "version", "digest", "run"], rows)]
        if not self.proposals:
            lines += ["", "No proposals yet."]
        else:
            body = [
                [
                    p.id,
                    p.kind,
                    f"v{p.challenger.version}",
                    f"v{p.champion.version}" if p.champion else "-",
                    p.verdict,
                    "expired" if p.expired(self.at) else p.label,
                    p.decided_by or "-",
                ]
                for p in self.proposals
            ]
            head = ["proposal", "kind", "challenger", "champion", "verdict", "state", "decided by"]
            lines += ["", *tables.text_table(head, body)]
        lines += ["", f"Next: {self.next()}"]
        return "\n".join(lines)

    def next(self) -> str:
        """The one thing to do next."""
        if self.custody.status == "none":
            return "ds-workflow bootstrap-champion"
        if self.custody.status != "in_custody":
            return "find out who moved the champion; decisions and release are blocked until custody is restored"
        live = [p for p in self.proposals if p.disposition == "open" and not p.expired(self.at)]
        if live:
            return f"ds-workflow arena-show {live[0].id}"
        return "write a hypothesis and train a candidate (ds-workflow hypothesis-new, train-candidate)"


def read(work: Workspace) -> Status:
    """The arena of the workspace's problem, newest proposal first."""
    from registry.records import utc_text

    found = work.registry.status(work.settings.problem)
    return Status(
        problem=found.problem,
        registered_model=found.registered_model,
        custody=found.custody,
        aliases=found.aliases,
        proposals=tuple(sorted(found.proposals, key=lambda p: p.id, reverse=True)),
        at=utc_text(work.clock()),
    )


def view(work: Workspace, proposal: Proposal) -> View:
    """A proposal with what its pages show around it."""
    from registry.records import utc_text

    decisions = tuple(work.registry.decisions(proposal.id))
    now = utc_text(work.clock())
    return View(proposal, report.Context(problem_title=work.problem.title, decisions=decisions, now=now))


def show(work: Workspace, proposal_id: str, *, html: Path | None = None, markdown: Path | None = None) -> View:
    """One proposal; `html` and `markdown` name files to write it to as well."""
    found = view(work, work.registry.proposal(proposal_id))
    for path, render in ((html, report.html), (markdown, report.markdown)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(found.proposal, found.context), "utf-8")
            work.say(f"wrote {path}")
    return found


@dataclass(frozen=True)
class Checked:
    """What a check of the ledger or of a verdict found."""

    ok: bool
    checked: int
    problems: tuple[str, ...]
    what: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-verify --json` and `arena-replay --json`."""
        return {"ok": self.ok, "checked": self.checked, "problems": list(self.problems)}

    def text(self) -> str:
        """For the terminal."""
        if self.ok:
            return f"{self.what}: {self.checked:,} checked, nothing wrong."
        return "\n".join([f"{self.what}: {len(self.problems)} of {self.checked:,} wrong.", *self.problems])


def verify(work: Workspace) -> Checked:
    """The chain of events, its head outside, and the pointer log."""
    found = work.registry.verify()
    return Checked(found.ok, found.checked, tuple(found.problems), "Events")
