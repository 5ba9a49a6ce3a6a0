"""Reading the arena: who is champion, what is open, what one proposal says. Imports no data library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow import steps
from ds_workflow.reports import proposal as report
from ds_workflow.reports import tables
from ds_workflow.reports.proposal_marks import marks
from ds_workflow.use_cases.arena.view import View, view
from registry.errors import Unavailable

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Custody, Proposal


@dataclass(frozen=True)
class Status:
    """What `arena-status` shows."""

    problem: str
    registered_model: str
    custody: Custody
    aliases: Mapping[str, Mapping[str, Any] | None]
    proposals: tuple[Proposal, ...]
    at: str
    appoint: str = ""  # the command that appoints a first champion
    solo: bool = False  # nobody is declared, so every approval is stamped self-approved
    clock_behind: str = ""  # the newest time that the ledger knows, when this machine's clock says less
    waiting: int | None = None  # a candidate that nobody has proposed yet
    total: int = 0  # proposals there are; `proposals` holds the newest, and all that are open

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-status --json`."""
        return {
            "problem": self.problem,
            "registered_model": self.registered_model,
            "custody": self.custody.status,
            "custody_detail": asdict(self.custody),
            "aliases": {name: dict(value) if value else None for name, value in self.aliases.items()},
            "solo": self.solo,
            "clock_behind": self.clock_behind or None,
            "proposals_in_all": self.total,
            "proposals": [{**report.to_json(p), "gates": len(p.gates)} for p in self.proposals],
        }

    def text(self) -> str:
        """For the terminal."""
        lines = [f"{self.problem}   custody: {self.custody.status}"]
        if self.custody.detail:
            lines += [f"  {self.custody.detail}"]
        if self.clock_behind:
            lines += [
                f"  this machine's clock is behind: the ledger knows of {self.clock_behind} already, and judges by "
                "that. Nothing is proposed or approved until the clock is set right, or, when another one was ahead, "
                "an approver says so: arena-clock --by NAME --reason WHY"
            ]
        if self.solo:
            lines += [
                "  solo mode: nobody is declared, so every approval is stamped self-approved ('user-add' ends it)"
            ]
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
                    f"{p.decided_by or '-'}{f' ({mark})' if (mark := marks(p)) else ''}",
                ]
                for p in self.proposals
            ]
            head = ["proposal", "kind", "challenger", "champion", "verdict", "state", "decided by"]
            lines += ["", *tables.text_table(head, body)]
            if self.total > len(self.proposals):
                lines += [f"{self.total - len(self.proposals):,} older ones are decided; 'arena-show ID' shows any."]
        lines += ["", f"Next: {self.next()}"]
        return "\n".join(lines)

    def next(self) -> str:
        """The one thing to do next."""
        if self.custody.status == "none":
            return self.appoint
        if self.custody.status == "unknown":
            return (
                f"make MLflow's database reachable again, then ds-workflow --problem {self.problem} arena-status; "
                "nothing is decided until then"
            )
        if self.custody.status != "in_custody":
            return f"{self.custody.way_out} Decisions and release of {self.problem} are blocked until then."
        live = [p for p in self.proposals if p.disposition == "open" and not p.expired(self.at)]
        if live:
            return f"ds-workflow --problem {self.problem} arena-show {live[0].id}"
        if self.waiting:
            return f"ds-workflow --problem {self.problem} arena-propose (version {self.waiting} waits to be compared)"
        return (
            f"write a hypothesis (ds-workflow --problem {self.problem} hypothesis-new H-AREA-001 --owner YOU), then "
            "train a candidate for it (train-candidate)"
        )


def read(work: Workspace) -> Status:
    """The arena of the workspace's problem, newest proposal first."""
    found, at = finished(work), work.registry.now()
    return Status(
        problem=found.problem,
        registered_model=found.registered_model,
        custody=found.custody,
        aliases=found.aliases,
        proposals=tuple(sorted(found.proposals, key=lambda p: p.id, reverse=True)),
        at=at,
        appoint=steps.to_appoint(work) if found.custody.status == "none" else "",
        solo=not work.people,
        clock_behind=work.registry.clock_behind(work.clock()),
        waiting=_waiting(work),
        total=sum(work.registry.count_proposals(found.problem).values()),
    )


def _waiting(work: Workspace) -> int | None:
    try:
        return steps.waiting(work)
    except Unavailable:
        return None  # custody says that the versions can't be reached


def finished(work: Workspace) -> Any:
    """The registry's status, after finishing what an interrupted command left half done.

    While a store is unavailable it stays half done, and is shown so.
    """
    work.registry.judged(work.settings.problem)
    found = work.registry.status(work.settings.problem)
    half = any(p.effect == "applying" for p in found.proposals)
    if half or work.registry.head_lags(work.settings.problem):
        from ds_workflow.use_cases.arena import apply

        try:
            apply.reconcile(work)
        except Unavailable as error:
            work.say(f"not finished yet: {error}")
        found = work.registry.status(work.settings.problem)
    return found


def show(work: Workspace, proposal_id: str, *, html: Path | None = None, markdown: Path | None = None) -> View:
    """One proposal; `html` and `markdown` name files to write it to as well."""
    found = view(work, work.registry.proposal(proposal_id))
    for path, render in ((html, report.html), (markdown, report.markdown)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(found.proposal, found.context), "utf-8")
            work.say(f"wrote {path}")
    return found
