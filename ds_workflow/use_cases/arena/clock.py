"""When the ledger's time is wrong: a person says that this machine's clock is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal


@dataclass(frozen=True)
class SetRight:
    """What `arena-clock` found and did."""

    clock: str
    ledger: str
    changed: bool
    closed: tuple[Proposal, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-clock --json`."""
        closed = [{"id": p.id, "problem": p.problem, "disposition": p.disposition} for p in self.closed]
        return {"changed": self.changed, "clock": self.clock, "ledger": self.ledger, "closed": closed}

    def text(self) -> str:
        """For the terminal."""
        if not self.changed:
            return f"This machine's clock, {self.clock}, is not behind the ledger. Nothing was changed."
        lines = [f"The ledger's time was {self.ledger}; from now on this machine's counts, {self.clock}."]
        lines += [f"  {p.id} ({p.problem}) is {p.disposition}" for p in self.closed]
        if self.closed:
            lines.append("What was expired by then stays so: 'arena-propose' writes it anew.")
        return "\n".join(lines)


def set_right(work: Workspace, *, by: str, reason: str) -> SetRight:
    """Let this machine's clock count again after one that was ahead wrote into the ledger.

    Raises NotEligible for who is no approver, InvalidRecord without a reason.
    """
    done = work.registry.set_clock_right(by=by, reason=reason)
    ledger = utc_text(done.found.ledger) if done.found.ledger else utc_text(done.found.clock)
    return SetRight(utc_text(done.found.clock), ledger, done.changed, done.closed)
