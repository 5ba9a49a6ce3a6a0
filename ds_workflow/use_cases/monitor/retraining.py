"""The retrain policy of a problem: whether a new candidate is due, and a person's word to hold it back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import monitoring_history, monitoring_policies, policies
from ds_workflow.domain import retraining
from ds_workflow.domain.retraining import Need, Override
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.reports import tables
from registry.deciding import require_approver
from registry.errors import NoChampion
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

EVENT = "retraining_override"


@dataclass(frozen=True)
class Checked:
    """The need, and what to do."""

    need: Need
    step: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `retrain-check --json`."""
        return {**self.need.to_dict(), "next": self.step}

    def text(self) -> str:
        """For the terminal."""
        rows = [
            [
                t.state,
                t.name,
                "no figure" if t.observed is None else tables.number(t.observed),
                f"{t.limit:g}",
                t.detail,
            ]
            for t in self.need.triggers
        ]
        lines = [f"{self.need.problem}: retraining is {self.need.status}", ""]
        lines += tables.text_table(["state", "trigger", "seen", "limit", "detail"], rows, align="llrrl", limit=80)
        if self.need.override is not None:
            o = self.need.override
            lines += ["", f"  Held back by {o.by} from {o.at[:10]} until {o.until[:10]}: {o.reason}"]
        return "\n".join([*lines, "", f"Next: {self.step}"]) if self.step else "\n".join(lines)


def check(work: Workspace) -> Checked:
    """Whether a new candidate is due. Raises NoChampion."""
    problem = work.problem
    champion = work.registry.champion(problem.name)
    if champion is None:
        raise NoChampion(f"{problem.name} has no champion yet.", hint="Run 'bootstrap-champion'.")
    watched = monitoring_policies.load(work.settings, problem.name)
    arena = policies.load(work.settings.policy(problem.name), problem)
    now = work.clock()
    found = retraining.need(
        problem.name,
        now=utc_text(now),
        version=champion.version,
        age_days=(now - datetime.fromisoformat(champion.created_at)).days,
        age_limit=watched.age_limit(arena),
        looks=monitoring_history.latest(work.settings.store, problem.name),
        policy=watched,
        override=newest(work),
    )
    step = ""
    if found.status == "due":
        step = "Write a hypothesis on newer rows and train a candidate, or hold it back: retrain-override --reason ..."
    return Checked(found, step)


def newest(work: Workspace) -> Override | None:
    """The override that stands or has expired; None when there is none or it was lifted."""
    told = work.registry.events(kind=EVENT)
    return retraining.override_of([Override(**event.body) for event in told], work.problem.name)


def hold(work: Workspace, *, reason: str, by: str, until: datetime) -> Override:
    """Hold retraining back until then. The word is a line of the registry's chain of events.

    Raises NotEligible for one who may not approve here, InvalidInput without a reason or with too far an end.
    """
    watched = monitoring_policies.load(work.settings, work.problem.name)
    if not by.strip():
        raise InvalidInput("Holding retraining back needs the name of the person who answers for it.")
    require_approver(work.people, by, interests=None)
    now = work.clock()
    retraining.require_override(reason, now, until, most_days=watched.retraining.override_days)
    made = Override(work.problem.name, reason.strip(), by.strip(), utc_text(now), utc_text(until))
    work.registry.record_event(EVENT, work.problem.name, asdict(made))
    return made


def lift(work: Workspace, *, by: str, reason: str) -> Override:
    """Take the word back. Raises StateConflict when none stands."""
    if not by.strip() or not reason.strip():
        raise InvalidInput("Lifting an override needs a name and a reason.")
    require_approver(work.people, by, interests=None)
    held = newest(work)
    now = utc_text(work.clock())
    if held is None or not held.holds(now):
        raise StateConflict(f"No override of {work.problem.name} stands.", hint="See 'retrain-check'.")
    made = Override(work.problem.name, reason.strip(), by.strip(), now, held.until, lifted=True)
    work.registry.record_event(EVENT, work.problem.name, asdict(made))
    return made
