"""Champion and challenger on the same frozen rows: loaded by digest, scored by the same code, evidence gathered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ds_workflow.adapters import evidence, fitting, holdout_account, policies, run_files, snapshots, trial
from ds_workflow.domain import few_clusters
from ds_workflow.domain.comparison import Checks, Comparison
from ds_workflow.domain.gates import Evaluation, evaluate
from ds_workflow.domain.holdout_spending import question
from ds_workflow.domain.proving import proven, witnessed
from ds_workflow.errors import StateConflict

if TYPE_CHECKING:
    from ds_workflow.domain.policy import Policy, Trial
    from ds_workflow.domain.snapshot import Snapshot
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion


@dataclass(frozen=True)
class Judged:
    """A comparison, what the gates made of it, and the digest of the bundle that holds both."""

    comparison: Comparison
    evaluation: Evaluation
    policy: Policy
    snapshot: Snapshot
    bundle_digest: str
    reference: str
    champion_trial: Evaluation | None
    notes: tuple[str, ...]
    taken: holdout_account.Taken  # the look at the holdout


def judge(
    work: Workspace,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    *,
    kind: Trial,
    among: int = 1,
    round: str = "",
) -> Judged:
    """Compare, evaluate, prove the gates on these rows, and write the evidence bundle.

    Every candidate has a level of its own at its holdout (see `holdout_spending`); `among` candidates of one `round`
    are one look.
    """
    problem = work.problem
    path = work.settings.policy(problem.name)
    policy = policies.load(path, problem)
    store = snapshots.SnapshotStore(work.settings.data)
    snapshot = store.load(problem, challenger.lineage.dataset_version)
    if snapshot.record.holdout_digest != challenger.lineage.holdout_digest:
        raise StateConflict(
            f"Version {challenger.version} was trained beside another holdout of {snapshot.record.dataset_version}.",
            hint="Train it again on this snapshot.",
        )
    work.registry.require_registered(challenger)  # before a look is taken
    stored = trial.stored(work.registry, challenger)
    taken = holdout_account.take(
        work.registry,
        store,
        problem,
        snapshot.record,
        asked=question(kind, challenger.ref, champion.ref if champion else None, policy_digest=policy.digest),
        challenger=challenger.digest,
        policy=policy,
        kind=kind,
        among=among,
        round=round,
        say=work.say,
    )
    look = taken.look
    work.say(f"scoring the challenger, version {challenger.version}, on {len(snapshot.holdout):,} frozen rows")
    first = trial.examine(stored, problem, snapshot, policy)
    trial.require_as_trained(stored, first.scored)
    fewest = few_clusters.fewest(first.scored, minimum_rows=policy.segment_min_rows)
    used = policy.for_look(look, kind, clusters=fewest)
    work.say(look.words)
    naive = fitting.naive(work.plugin, snapshot.train, snapshot.holdout)
    ring = trial.Ring(problem, used, snapshot, challenger.lineage.seed, first, naive)
    notes: tuple[str, ...] = ()
    reference, champion_trial = "champion" if champion else "naive baseline", None
    if champion is None:
        comparison = ring.against(None)
    else:
        work.say(f"scoring the champion, version {champion.version}, on the same rows")
        comparison = ring.against(trial.examine(trial.stored(work.registry, champion), problem, snapshot, policy))
        work.say(f"asking the gates ({used.resamples:,} paired resamples by {problem.cluster_column})")
        if not comparison.faults:
            champion_trial = evaluate(comparison, kind="champion_trial")
            tried = comparison
            if _disqualified(champion_trial):
                comparison, reference, notes = _without_champion(work, ring, champion, champion_trial)
            champion_trial = witnessed(tried, champion_trial)
    comparison = replace(comparison, look=look)
    evaluation = evaluate(comparison, kind=kind, say=work.say)
    work.say("proving on these rows that each gate would have caught what it is there for")
    evaluation = proven(comparison, evaluation)
    bundle = evidence.write(
        work.settings.evidence,
        comparison,
        evaluation,
        policy_text=path.read_text("utf-8"),
        context={
            "challenger": {"version": challenger.version, "digest": challenger.digest},
            "champion": {"version": champion.version, "digest": champion.digest} if champion else None,
            "reference": reference,
            "proposed_together": look.among,
            "dataset_version": snapshot.record.dataset_version,
            "holdout_digest": snapshot.record.holdout_digest,
            "environment": run_files.environment(work.commit),
        },
    )
    return Judged(comparison, evaluation, policy, snapshot, bundle, reference, champion_trial, notes, taken)


def _disqualified(found: Evaluation) -> bool:
    """Failed or invalid; an inconclusive trial leaves the champion in office."""
    return found.verdict in ("fail", "invalid")


def _without_champion(
    work: Workspace, ring: trial.Ring, champion: ModelVersion, found: Evaluation
) -> tuple[Comparison, str, tuple[str, ...]]:
    """The comparison when the champion failed its own trial: with the last fit champion, else the naive baseline."""
    failed = sorted({gate.name for gate in found.gates if gate.status in ("fail", "invalid")})
    note = f"Champion version {champion.version} is disqualified by its own trial ({', '.join(failed)})."
    for former in _former_champions(work, champion):
        fit = trial.stored(work.registry, former)
        comparison = ring.against(trial.examine(fit, ring.problem, ring.snapshot, ring.policy))
        if not comparison.faults and not _disqualified(evaluate(comparison, kind="champion_trial")):
            more = f"The comparison is with the last fit champion, version {former.version}."
            return comparison, "last fit champion", (note, more)
    comparison = ring.against(trial.Side(ring.naive, Checks()))
    return comparison, "naive baseline", (note, "The comparison is with the naive baseline.")


def _former_champions(work: Workspace, champion: ModelVersion) -> list[ModelVersion]:
    """Versions that were champion before, newest first, without repetition."""
    numbers: list[int] = []
    for move in reversed(work.registry.moves(work.problem.name)):
        if move.to_ref.version not in (champion.version, *numbers):
            numbers.append(move.to_ref.version)
    return [work.registry.version(work.problem.name, number) for number in numbers]
