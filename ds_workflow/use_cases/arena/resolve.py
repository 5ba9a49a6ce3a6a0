"""Out of the ordinary: adopt a champion that was moved round the arena, put one back, decide against a verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.incidents import Incidents
from ds_workflow.domain.holdout_spending import BASELINE
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases.arena import apply, challenging, compare, people, propose
from ds_workflow.use_cases.arena.view import View, view
from registry import deciding
from registry.errors import NotEligible, OutOfCustody
from registry.records import HypothesisRef, utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Custody, Proposal

CUSTODY = "custody"  # the cause of the incident that the periodic check opens


@dataclass(frozen=True)
class Restored:
    """The custody of a problem after its alias was put back."""

    problem: str
    custody: Custody
    changed: bool

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-restore --json`."""
        return {"problem": self.problem, "changed": self.changed, "custody": self.custody.status,
                "custody_detail": asdict(self.custody)}  # fmt: skip

    def text(self) -> str:
        """For the terminal."""
        what = "The alias was put back" if self.changed else "Nothing was changed"
        return f"{self.problem}   custody: {self.custody.status}\n  {what}. {self.custody.detail}"


def restore(work: Workspace, *, by: str, reason: str) -> Restored:
    """Put the alias back where the pointer log says, and close the incident about it."""
    name = work.problem.name
    before = work.registry.custody(name)
    if before.status != "drifted":
        apply.reconcile(work)
    after = work.registry.restore(name, by=by, reason=reason)
    if after.status in ("in_custody", "none"):
        Incidents(work.settings.store).settle(
            name, CUSTODY, at=utc_text(work.clock()), by=by, resolution=f"put back: {reason}"
        )
    return Restored(name, after, changed=after != before)


def adopt(work: Workspace, *, by: str, reason: str, approved_by: str = "") -> View:
    """Try the version that the alias was moved to, as any challenger, and propose that it stay where it stands.

    With `approved_by` it is decided at once when it passes. Raises Conflict when there is nothing to adopt, and
    whatever refuses a version as a challenger (see `challenging`).
    """
    name = work.problem.name
    if not by.strip() or not reason.strip():
        raise InvalidInput("An adoption needs a name and a reason.", hint="Say who moved the alias and why.")
    work.registry.require_person(by, "adopt a champion")
    moved = work.registry.require_adoptable(name)
    challenger = work.registry.version(name, moved.version)
    if challenger.lineage.missing():
        raise OutOfCustody(
            f"Version {moved.version} was registered round this workflow: nobody knows what it was trained on.",
            hint="Put the decided champion back: 'arena-restore'.",
        )
    champion, line = work.registry.champion(name), challenger.lineage
    if champion is None and line.hypothesis_id == BASELINE:  # as a first champion is
        challenging.require_in_service(work, challenger)
    else:
        challenging.document(work, challenger)
    moved_by = {line.owner: "owns the candidate that was moved there"}
    people.require_decidable(work, owner=by, hypothesis=line.hypothesis_id, also=moved_by)
    kind = "promotion" if champion else "bootstrap"
    judged = compare.judge(work, challenger, champion, kind=kind)  # type: ignore[arg-type]
    hypothesis = None
    if challenger.lineage.hypothesis_id != BASELINE:
        hypothesis = HypothesisRef(challenger.lineage.hypothesis_id, challenger.lineage.hypothesis_digest)
    notes = (f"Adopted after the fact: somebody moved the alias to version {moved.version} round the arena. {reason}",)
    judged = replace(judged, notes=(*judged.notes, *notes))
    proposal = propose.write(
        work, judged, challenger, kind="adopt", hypothesis=hypothesis, owner=by, champion=champion
    )  # fmt: skip
    if not approved_by or proposal.verdict != "pass":
        return view(work, proposal)
    return apply.approve(work, proposal.id, by=approved_by, reason=reason)


def override(work: Workspace, proposal_id: str, *, by: str, reason: str) -> View:
    """Ask that a proposal be promoted against its verdict, or, as another person, decide that it is."""
    asked = ask_override(work, proposal_id, by=by, reason=reason).proposal
    if asked.id != proposal_id and asked.disposition == "open" and _same(_asker(asked), by):
        return view(work, asked)
    return decide_override(work, asked.id, by=by, reason=reason)


def ask_override(work: Workspace, proposal_id: str, *, by: str, reason: str, seen_digest: str | None = None) -> View:
    """Ask that a proposal be promoted against its verdict. What was asked for before, by anybody, is not asked again.

    `seen_digest` is the evidence that the person looked at; EvidenceChanged when it is not the proposal's. Raises
    NotPromotable for a verdict of pass or invalid, NotEligible for who may not ask or when nobody could decide it.
    """
    apply.reconcile(work)
    found = work.registry.proposal(proposal_id)
    deciding.require_seen(found, seen_digest)
    rule = people.override_rule(work, found, asked_by=_asker(found) or by)
    return view(work, work.registry.request_override(proposal_id, by=by, reason=reason, rule=rule))


def decide_override(work: Workspace, proposal_id: str, *, by: str, reason: str, seen_digest: str | None = None) -> View:
    """Decide an override that somebody else asked for; its challenger becomes champion against the verdict."""
    asked = work.registry.proposal(proposal_id)
    if asked.disposition == "open" and _same(_asker(asked), by):
        raise NotEligible(
            f"'{by}' asked for this override, and somebody else decides it.",
            hint=f"A second person types: arena-override --proposal-id {asked.id} --by NAME --reason WHY",
        )
    deciding.require_reason(reason, "An override")
    return apply.approve(work, asked.id, by=by, reason=reason, seen_digest=seen_digest, override=True)


def _asker(proposal: Proposal) -> str:
    told = proposal.summary.get("override") if proposal.kind == "override" else None
    return str(told["by"]) if told else ""


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
