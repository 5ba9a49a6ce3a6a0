"""Checks on operations: the service as a caller sees it, the way back, and whether an alert stands."""

from __future__ import annotations

from ds_workflow.adapters import dossier, policies, probes, run_files, service
from ds_workflow.domain import retirement
from ds_workflow.use_cases.release.walk import Found, Status, Walk


def service_answers(walk: Walk) -> Found:
    rows = run_files.request_rows(walk.work.problem, walk.snapshot.holdout, 3)
    answer = service.smoke(walk.work.settings.root, walk.work.problem.name, rows)
    named = answer["predict"]["model"]
    if (named["version"], named["digest"]) != (walk.champion.version, walk.champion.digest):
        return "fail", f"the service answers with version {named['version']}", "Restart the service."
    return "pass", f"GET /health and POST /predict answered with version {named['version']}", ""


def fallback(walk: Walk) -> Found:
    registry = walk.work.registry
    champion = walk.champion
    former = [m.to_ref for m in registry.moves(walk.work.problem.name) if m.to_ref != champion.ref]
    if not former:
        return "pass", "the first champion: rolling back means to stop serving", ""
    retired = retirement.fold(registry.events(kind=retirement.RETIRED), walk.work.problem.name)
    kept = [ref for ref in former if ref.version not in retired]
    if not kept:
        return "fail", "every former champion is retired", "Put a version in office that can be gone back to."
    target = registry.version(walk.work.problem.name, kept[-1].version)
    registry.model_path(target)
    return "pass", f"version {target.version} can be put back, its digest verified", ""


def performance(walk: Walk) -> Found:
    run = walk.work.registry.run_artifacts(walk.champion)
    found = probes.decay(run, walk.work.problem, seed=walk.champion.lineage.seed)
    status: Status = {"healthy": "pass", "unknown": "unknown"}.get(found.status, "fail")  # type: ignore[assignment]
    return status, found.detail, "Read the segments that decayed and write the next hypothesis."


def inputs(walk: Walk) -> Found:
    problem = walk.work.problem
    report = walk.bundle.comparison.challenger_checks.drift
    if report is None:
        return "unknown", "drift was not measured", "Run 'arena-propose' to measure it."
    gate = policies.load(walk.work.settings.policy(problem.name), problem).drift_gate
    if gate is None:
        return "unknown", "the policy has no drift gate", "Add no_new_drift_alerts to the policy, under review."
    limit = gate.threshold(gate.applies_to[0])
    alerts = report.alerts(maximum_psi=limit, alpha=walk.bundle.comparison.policy.alpha, minimum_rows=gate.minimum_rows)
    trending = {f.name for f in problem.features if f.trending}
    worst, figure = max(report.features.items(), key=lambda item: item[1].psi)
    surprising = [name for name in alerts if name not in trending]
    if surprising:
        fix = "Look at these inputs in the proposal, and train on newer rows or without them."
        return "fail", f"PSI above {limit:g} in {', '.join(surprising)}", fix
    moved = f"; declared to move with the market: {', '.join(alerts)}" if alerts else ""
    return "pass", f"{len(report.features)} inputs, largest PSI {figure.psi:.3f} ({worst}), limit {limit:g}{moved}", ""


def watched(walk: Walk) -> Found:
    """The status of the newest looks at the champion, not that there were any."""
    name = walk.work.problem.name
    found = dossier.watched(walk.work.settings, name, walk.champion.digest)
    fix = f"Look at it (ds-workflow --problem {name} monitor-performance, monitor-inputs) and mend what is found."
    if found is None:
        return "unknown", "nobody has looked at the champion since it took office", fix
    status: Status = {"healthy": "pass", "unknown": "unknown"}.get(found[0], "fail")  # type: ignore[assignment]
    return status, f"{found[0]}: {found[1]}", fix


def incidents(walk: Walk) -> Found:
    """No incident is open."""
    found = dossier.alerts(walk.work.settings, walk.work.problem.name)
    if found:
        return "fail", "; ".join(found[:3]), "Mend what 'incidents' lists, and close it with 'incident-close'."
    return "pass", "no incident is open", ""
