"""Checks on data, model and product: from the alias to the pointer log, the decision, the evidence, and its replay."""

from __future__ import annotations

from ds_workflow.adapters import evidence, fitting, hypotheses, models, policies, run_files, snapshots, trial
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.snapshot import held_out
from ds_workflow.reports.proposal_marks import marks
from ds_workflow.use_cases.release.walk import Found, Status, Walk
from registry import exporting


def snapshot(walk: Walk) -> Found:
    record = walk.snapshot.record
    return "pass", f"{record.dataset_version}: {record.rows:,} rows, digest {record.digest[:12]} as recorded", ""


def contract(walk: Walk) -> Found:
    store = snapshots.SnapshotStore(walk.work.settings.data)
    found = store.check(walk.work.problem, walk.champion.lineage.dataset_version, now=walk.work.clock())
    bad = [c for c in found if c.status == "fail"]
    if bad:
        return "fail", "; ".join(f"{c.name}: {c.detail}" for c in bad), "Run 'data-check' and mend the source."
    return "pass", f"{len(found)} checks of the data contract", ""


def holdout(walk: Walk) -> Found:
    named = {walk.champion.lineage.holdout_digest, walk.judged.evidence.holdout_digest}
    if named != {walk.snapshot.record.holdout_digest}:
        return "fail", "the holdout is not the one that the decision was taken on", "Run 'arena-propose' again."
    record = walk.snapshot.record
    return "pass", f"frozen: {held_out(walk.work.problem, record, walk.snapshot.split)}", ""


def custody(walk: Walk) -> Found:
    custody = walk.work.registry.custody(walk.work.problem.name)
    status: Status = {"in_custody": "pass", "unknown": "unknown"}.get(custody.status, "fail")  # type: ignore[assignment]
    fix = "Run 'bootstrap-champion'." if custody.status == "none" else "Find out who moved it; see 'arena-status'."
    return status, custody.detail or custody.status, fix


def decision(walk: Walk) -> Found:
    proposal = walk.decision
    if (proposal.disposition, proposal.effect) != ("approved", "applied"):
        return "fail", f"{proposal.id} is {proposal.disposition}, {proposal.effect}", "Run 'arena-status' and decide."
    if proposal.challenger != walk.champion.ref:
        return "fail", f"{proposal.id} is about another version", "Run 'arena-verify'."
    told = dict.fromkeys(mark for p in (proposal, walk.judged) if (mark := marks(p)))
    stamp = f", {', '.join(told)}" if told else ""
    return "pass", f"{proposal.id} approved by {proposal.decided_by} at {proposal.decided_at}{stamp}", ""


def evidence_whole(walk: Walk) -> Found:
    proposal = walk.judged
    if proposal.id.rsplit("-", 1)[1] != proposal.digest[:8]:
        return "fail", f"{proposal.id} does not carry its evidence digest {proposal.digest[:8]}", "Run 'arena-verify'."
    found = walk.work.registry.verify()
    if not found.ok:
        return "fail", "; ".join(found.problems[:3]), "Run 'arena-verify' and restore the ledger from its backup."
    checker = f"an export's verify.py has SHA-256 {exporting.program_digest()}"
    return "pass", f"bundle {walk.bundle.digest[:12]} whole; {found.checked} events chained; {checker}", ""


def replay(walk: Walk) -> Found:
    differences = evidence.replay(walk.bundle, commit=walk.work.commit)
    if differences:
        return "fail", "; ".join(differences[:3]), "Run 'arena-replay' and find out what changed."
    return "pass", f"{len(walk.bundle.gates)} gate results computed again from stored rows, all the same", ""


def own_trial(walk: Walk) -> Found:
    version, registry, problem = walk.champion, walk.work.registry, walk.work.problem
    policy = policies.load(walk.work.settings.policy(problem.name), problem)
    side = trial.examine(trial.stored(registry, version), problem, walk.snapshot, policy)
    naive = fitting.naive(walk.work.plugin, walk.snapshot.train, walk.snapshot.holdout)
    ring = trial.Ring(problem, policy, walk.snapshot, version.lineage.seed, side, naive)
    found = evaluate(ring.against(side), kind="champion_trial")
    if found.verdict == "inconclusive":
        open_ = sorted({g.name for g in found.gates if g.status == "inconclusive"})
        return "unknown", f"its own trial is inconclusive: {', '.join(open_)}", "Freeze a larger holdout and propose."
    if found.verdict != "pass":
        bad = sorted({g.name for g in found.gates if g.status in ("fail", "invalid")})
        return "fail", f"disqualified by {', '.join(bad)}", "Roll back, or propose a fit challenger."
    return "pass", f"fit to hold office: {len(found.gates)} gate results on its own trial pass", ""


def smoke(walk: Walk) -> Found:
    registry = walk.work.registry
    rows = run_files.smoke(models.read(registry.model_path(walk.champion)), registry.run_artifacts(walk.champion))
    return "pass", f"loaded by digest {walk.champion.digest[:12]}, {rows} rows answered as at training", ""


def verdict(walk: Walk) -> Found:
    proposal = walk.judged
    if proposal.verdict != "pass":
        return "fail", f"{proposal.id} has verdict {proposal.verdict}", "Train a candidate that passes its gates."
    return "pass", f"verdict pass over {len(proposal.gates)} gate results", ""


def hypothesis(walk: Walk) -> Found:
    reference = walk.judged.hypothesis
    if reference is None:
        return "pass", "a baseline, which no hypothesis precedes", ""
    digest = hypotheses.of(walk.work.settings).digest(reference.id)
    if digest != reference.digest:
        return "fail", f"{reference.id} changed after the decision", f"Restore {reference.id} as it was locked."
    if reference.outcome != "supported":
        fix = "Promote a candidate whose claim the evidence supports, or roll back: what was not shown is not released."
        return "fail", f"{reference.id} was {reference.outcome}", fix
    return "pass", f"{reference.id} supported, document unchanged since its lock", ""


def policy(walk: Walk) -> Found:
    digest = policies.load(walk.work.settings.policy(walk.work.problem.name), walk.work.problem).digest
    if digest != walk.judged.evidence.policy_digest:
        return "fail", "the policy changed after the decision", "Run 'arena-propose' under the new policy."
    return "pass", f"policy {digest[:12]}, as decided under", ""
