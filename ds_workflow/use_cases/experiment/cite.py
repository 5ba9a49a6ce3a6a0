"""A kept result named by a proposal: a line in the chain of events binds the two by their digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.use_cases.experiment import record

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

EVENT = "experiment_cited"


@dataclass(frozen=True)
class Cited:
    """Which result a proposal now cites; `already` when it did before."""

    proposal_id: str
    name: str
    digest: str
    says: str
    already: bool

    def to_dict(self) -> dict[str, Any]:
        """The document of `experiment-cite --json`."""
        told = {"proposal": self.proposal_id, "experiment": self.name, "digest": self.digest, "says": self.says}
        return {**told, "already": self.already}

    def text(self) -> str:
        """For the terminal."""
        done = "cited already" if self.already else "cites"
        return f"{self.proposal_id} {done} {self.name} (digest {self.digest[:8]}): {self.says}"


def cite(work: Workspace, name: str, proposal_id: str, *, by: str) -> Cited:
    """Bind a kept result to a proposal, so that whoever decides reads it there. It changes no verdict and no gate.

    Raises UnknownName for a result, NotFound for a proposal that there is not, StateConflict for a closed proposal or a
    result whose file was changed after it was kept.
    """
    if not by.strip():
        raise InvalidInput("--by is empty; name the person who does this.")
    body = record.load(work, name)
    proposal = work.registry.proposal(proposal_id)
    if proposal.disposition != "open":
        raise StateConflict(
            f"'{proposal_id}' is {proposal.disposition}; only what is still to be decided can cite a result.",
            hint="Run 'arena-propose' for a fresh one.",
        )
    told = {"name": name, "digest": body["digest"], "kind": body["kind"], "says": says(body), "by": by.strip()}
    for event in work.registry.events(kind=EVENT):
        if event.subject == proposal_id and event.body.get("digest") == body["digest"]:
            return Cited(proposal_id, name, body["digest"], told["says"], already=True)
    work.registry.record_event(EVENT, proposal_id, told)
    return Cited(proposal_id, name, body["digest"], told["says"], already=False)


def says(body: dict[str, Any]) -> str:
    """One sentence of a kept result."""
    found = body["result"]
    if "estimate" not in found:
        return str(found.get("recommendation") or found.get("verdict") or body["kind"])
    interval = found.get("interval")
    span = f" [{interval[0]:+.4g}, {interval[1]:+.4g}]" if interval else ""
    verdict = str(found["recommendation"]) if len(str(found["recommendation"])) < 12 else str(found["test"])
    return f"{verdict}; {found.get('metric') or found['test']} {found['estimate']:+.4g}{span}"
