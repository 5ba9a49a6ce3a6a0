"""Decide: approve, reject, roll back; and finish what an earlier command left half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ds_workflow.adapters import evidence, hypotheses, models, policies, run_files, snapshots
from ds_workflow.domain import retirement
from ds_workflow.domain.scorecard import Intervals
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import model_card
from ds_workflow.reports import proposal as report
from ds_workflow.use_cases.arena import people
from ds_workflow.use_cases.arena.view import View, view
from registry.custody import standing
from registry.errors import NotFound, OutOfCustody
from registry.records import Evidence, ModelVersion, Proposal, VersionRef

GONE = "0" * 64

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


def approve(
    work: Workspace,
    proposal_id: str,
    *,
    by: str,
    reason: str = "",
    seen_digest: str | None = None,
    override: bool = False,
) -> View:
    """Approve a proposal and promote its challenger; every digest it binds is computed again first.

    Where the problem's tier takes several people it stays open until the last of them approved. `seen_digest` is the
    evidence that the person looked at; EvidenceChanged when it is not the proposal's.
    """
    reconcile(work)
    rule = people.rule(work, work.registry.proposal(proposal_id))
    work.say("computing every digest that the approval binds, again")
    decided = work.registry.approve(
        proposal_id,
        by=by,
        reason=reason,
        seen_digest=seen_digest,
        rule=rule,
        override=override,
        recheck=lambda proposal: recheck(work, proposal),
        smoke=lambda version: smoke(work, version),
    )
    return _written(work, decided)


def reject(work: Workspace, proposal_id: str, *, by: str, reason: str, seen_digest: str | None = None) -> View:
    """Reject a proposal; the champion stays."""
    reconcile(work)
    return _written(work, work.registry.reject(proposal_id, by=by, reason=reason, seen_digest=seen_digest))


def roll_back(work: Workspace, *, to: int | None, by: str, reason: str) -> View:
    """Put a former champion back, from the pointer log."""
    reconcile(work)
    name, under = work.problem.name, standing(work.registry.moves(work.problem.name))[:-1]
    target = to if to is not None or not under else under[-1].version
    if target is not None:
        retirement.require_in_service(work.registry.events(kind=retirement.RETIRED), name, target)
    policy = policies.load(work.settings.policy(work.problem.name), work.problem)
    decided = work.registry.roll_back(
        work.problem.name,
        to=to,
        by=by,
        reason=reason,
        smoke=lambda version: smoke(work, version),
        policy_digest=policy.digest,
    )
    return _written(work, decided)


def reconcile(work: Workspace) -> None:
    """Finish every decision that was recorded but not wholly applied, as when a machine stopped in between.

    What no head outside covers is checked first, and told. Raises Conflict when it is not what a command writes.
    """
    left = work.registry.beyond_head(work.problem.name)
    if left:
        work.say(f"after the head kept outside stands what a stopped command left: {left}")
    for proposal in work.registry.reconcile(work.problem.name, smoke=lambda version: smoke(work, version)):
        work.say(f"finished the half-applied decision on {proposal.id}: {proposal.effect}, {proposal.disposition} by "
                 f"{proposal.decided_by} at {proposal.decided_at}")  # fmt: skip
        _written(work, proposal)


def recheck(work: Workspace, proposal: Proposal) -> Evidence:
    """What the proposal binds, computed from what is there now; anything lost or changed makes it differ."""
    old = proposal.evidence
    problem = work.problem
    lineage = work.registry.version(problem.name, old.challenger.version).lineage
    store = snapshots.SnapshotStore(work.settings.data)
    holdout = _or_gone(lambda: store.load(problem, lineage.dataset_version).record.holdout_digest)
    bundle = _or_gone(lambda: evidence.verified(work.settings.evidence, old.bundle_digest))
    document = old.hypothesis_digest
    if proposal.hypothesis is not None:
        ident = proposal.hypothesis.id
        document = _or_gone(lambda: hypotheses.of(work.settings).digest(ident))
    return replace(
        old,
        challenger=_ref_now(work, old.challenger),
        champion=_ref_now(work, old.champion) if old.champion else None,
        holdout_digest=holdout,
        policy_digest=policies.load(work.settings.policy(problem.name), problem).digest,
        hypothesis_digest=document,
        bundle_digest=bundle,
    )


def _or_gone(digest: Callable[[], str]) -> str:
    """A digest computed again; zeros when what it was taken over is gone or can't be read."""
    try:
        return digest()
    except (WorkflowError, OSError, ValueError):
        return GONE


def _ref_now(work: Workspace, ref: VersionRef) -> VersionRef:
    """The version as it is now; a digest of zeros when its bytes are gone or were changed."""
    try:
        version = work.registry.version(work.problem.name, ref.version)
        work.registry.model_path(version)
    except (NotFound, OutOfCustody):
        return replace(ref, digest=GONE)
    return version.ref


def smoke(work: Workspace, version: ModelVersion) -> None:
    """Load a version by its digest and let it answer its stored rows again."""
    rows = run_files.smoke(models.read(work.registry.model_path(version)), work.registry.run_artifacts(version))
    work.say(f"version {version.version} loaded by digest and answered {rows} rows as at training")


def _written(work: Workspace, proposal: Proposal) -> View:
    """The view of a decided proposal, with its pages and, once it is champion, its model card brought up to date."""
    shown = view(work, proposal)
    folder = work.settings.reports / "arena"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{proposal.id}.html").write_text(report.html(proposal, shown.context), "utf-8")
    (folder / f"{proposal.id}.md").write_text(report.markdown(proposal, shown.context), "utf-8")
    if proposal.effect == "applied" and proposal.kind != "rollback":  # a rollback judges nothing: the card stays
        version = work.registry.version(proposal.problem, proposal.challenger.version)
        path = work.settings.model_cards / f"{proposal.problem}-v{version.version}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        run = work.registry.run_artifacts(version)
        card, groups = run_files.read_json(run / run_files.SCORECARD), run / run_files.FAIRNESS
        text = model_card.markdown(
            work.problem,
            version,
            metrics=card["overall"],
            segments=card["segments"],
            segment_rows={name: int(figures["rows"]) for name, figures in card["segments"].items()},
            dataset=work.registry.snapshot(proposal.problem, version.lineage.dataset_version),
            proposal=proposal,
            caveats=[f"{name} was not measured: {why}" for name, why in card["missing"].items()],
            intervals=Intervals.from_dict(card["intervals"]) if card.get("intervals") else None,
            split=snapshots.SnapshotStore(work.settings.data).split(work.problem, version.lineage.dataset_version),
            fairness=run_files.read_json(groups) if groups.is_file() else None,
        )
        path.write_text(text, "utf-8")
    return shown
