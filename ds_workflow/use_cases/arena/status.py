"""Reading the arena: who is champion, what is open, what one proposal says. Imports no data library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow import steps
from ds_workflow.reports import proposal as report
from ds_workflow.reports import tables
from ds_workflow.reports.proposal_marks import marks
from ds_workflow.use_cases.arena import leftovers
from ds_workflow.use_cases.arena.leftovers import Leftover
from ds_workflow.use_cases.arena.view import View, view
from registry.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Custody, PointerMove, Proposal


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
    lost_people: str = ""  # why nothing is decided: nobody is declared now, though somebody was
    appointed: str = ""  # how the champion was decided, when that was not the usual way
    clock_behind: str = ""  # the newest time that the ledger knows, when this machine's clock says less
    waiting: int | None = None  # a candidate that nobody has proposed yet
    total: int = 0  # proposals there are; `proposals` holds the newest, and all that are open
    unfinished: tuple[Leftover, ...] = ()  # what commands that were killed left, and how to go on

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-status --json`."""
        return {
            "problem": self.problem,
            "registered_model": self.registered_model,
            "custody": self.custody.status,
            "custody_detail": asdict(self.custody),
            "aliases": {name: dict(value) if value else None for name, value in self.aliases.items()},
            "solo": self.solo,
            "lost_people": self.lost_people or None,
            "champion_marks": self.appointed or None,
            "clock_behind": self.clock_behind or None,
            "unfinished": [asdict(one) for one in self.unfinished],
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
        if self.appointed:
            lines += [f"  {self.appointed}"]
        if self.lost_people:
            lines += [f"  {self.lost_people}"]
        elif self.solo:
            lines += [
                "  solo mode: nobody is declared, so every approval is stamped self-approved ('user-add' ends it)"
            ]
        for one in self.unfinished:
            lines += [f"  unfinished: {one.what} {one.fix}"]
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
    newest = tuple(sorted(found.proposals, key=lambda p: p.id, reverse=True))
    return Status(
        problem=found.problem,
        registered_model=found.registered_model,
        custody=found.custody,
        aliases=found.aliases,
        proposals=newest,
        at=at,
        appoint=steps.to_appoint(work) if found.custody.status == "none" else "",
        solo=not work.people,
        lost_people=_lost_people(work),
        appointed=_appointed(work, found.moves),
        clock_behind=work.registry.clock_behind(work.clock()),
        waiting=_waiting(work),
        total=sum(work.registry.count_proposals(found.problem).values()),
        unfinished=leftovers.of(work, newest, found.aliases),
    )


def _lost_people(work: Workspace) -> str:
    try:
        work.registry.require_people()
    except Conflict as error:
        return f"{error} {error.hint}"
    return ""


def _appointed(work: Workspace, moves: Sequence[PointerMove]) -> str:
    """The marks of the decision that put the champion there; a rollback hides none of the one it went back to."""
    if not moves:
        return ""
    made = (work.registry.proposal(move.proposal_id) for move in reversed(moves) if move.to_ref == moves[-1].to_ref)
    first = next((p for p in made if p.kind != "rollback"), None)
    if first is None or not (told := marks(first)):
        return ""
    return f"the champion's decision, {first.id} by {first.decided_by}: {told}"


def _waiting(work: Workspace) -> int | None:
    try:
        return steps.waiting(work)
    except Unavailable:
        return None  # custody says that the versions can't be reached


def finished(work: Workspace) -> Any:
    """The registry's status, after finishing what an interrupted command left half done.

    While a store is unavailable, or where nobody's command can have begun it, it stays half done, and is shown so.
    """
    work.registry.judged(work.settings.problem)
    found = work.registry.status(work.settings.problem)
    half = any(p.effect == "applying" for p in found.proposals)
    if half or work.registry.head_lags(work.settings.problem):
        from ds_workflow.use_cases.arena import apply

        try:
            apply.reconcile(work)
        except (Unavailable, Conflict) as error:
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
