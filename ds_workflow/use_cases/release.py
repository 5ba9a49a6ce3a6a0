"""The release check: five gates, each a list of checks, red until every one is green.

It walks from the alias to the pointer log, to the applied decision, to the evidence, and computes the verdict again;
then data, documents, tests, and the service as a caller sees it. It changes nothing but its own report.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow.adapters import (
    evidence,
    fitting,
    hypotheses,
    models,
    policies,
    probes,
    run_files,
    service,
    snapshots,
    trial,
)
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.snapshot import held_out
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import release_report
from ds_workflow.settings import CHECKOUT
from registry.errors import NotFound, RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion, Proposal

# Without these two no run of the tests counts: every gate seen to fail on its mutant, and the rules of the house.
KNOWN = (WorkflowError, RegistryError, OSError)
PROOFS = ("tests/domain/test_gates.py", "tests/test_architecture.py")
Status = Literal["pass", "fail", "unknown", "skipped"]
Found = tuple[Status, str, str]  # status, detail, fix


@dataclass(frozen=True)
class Release:
    """The whole report, as a plain structure."""

    content: dict[str, Any]

    @property
    def ready(self) -> bool:
        """Whether every check of every gate is green."""
        return bool(self.content["ready"])

    def to_dict(self) -> dict[str, Any]:
        """The document of `release-check --json`."""
        return self.content

    def text(self) -> str:
        """For the terminal."""
        return release_report.text(self.content)

    def explanation(self) -> str:
        """The smallest set of facts that would turn it green."""
        return release_report.explain_text(self.content)


def check(work: Workspace) -> Release:
    """Ask every check and write the report to reports/releases as Markdown and JSON."""
    walk = _Walk(work)
    gates: list[dict[str, Any]] = []
    for gate, checks in GATES:
        found = []
        for name, ask in checks:
            work.say(f"{gate}: {name}")
            status, detail, fix = _asked(ask, walk)
            found.append({"name": name, "status": status, "detail": detail, "fix": "" if status == "pass" else fix})
        gates.append({"name": gate, "checks": found})
    at = work.clock()
    champion = walk.champion_or_none
    ready = all(c["status"] == "pass" for gate in gates for c in gate["checks"])
    folder = work.settings.reports / "releases"
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{work.problem.name}-{at:%Y%m%dT%H%M%S%f}Z"
    content = {
        "problem": work.problem.name,
        "champion": asdict(champion.ref) if champion else None,
        "ready": ready,
        "at": utc_text(at),
        "gates": gates,
        "report": str(stem.with_suffix(".md")),
    }
    stem.with_suffix(".md").write_text(release_report.markdown(content), "utf-8")
    stem.with_suffix(".json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
    return Release(content)


def _asked(ask: Callable[[_Walk], Found], walk: _Walk) -> Found:
    """A check that can't be answered is `unknown`, which is never green."""
    try:
        return ask(walk)
    except Exception as error:  # a check that breaks is unknown, and never the end of the report
        hint = getattr(error, "hint", "") or "See 'arena-status'."
        return "unknown", str(error) if isinstance(error, KNOWN) else f"{type(error).__name__}: {error}", hint


class _Walk:
    """What the checks share, each looked up once."""

    def __init__(self, work: Workspace) -> None:
        self.work = work

    @cached_property
    def champion_or_none(self) -> ModelVersion | None:
        """The champion of the pointer log, when the registry can be reached."""
        try:
            return self.work.registry.champion(self.work.problem.name)
        except RegistryError:
            return None

    @property
    def champion(self) -> ModelVersion:
        """The champion; NotFound when there is none."""
        found = self.work.registry.champion(self.work.problem.name)
        if found is None:
            raise NotFound(f"{self.work.problem.name} has no champion.", hint="Run 'bootstrap-champion'.")
        return found

    @cached_property
    def decision(self) -> Proposal:
        """The proposal whose application made the champion what it is."""
        moves = self.work.registry.moves(self.work.problem.name)
        if not moves:
            raise NotFound("The pointer log is empty.", hint="Run 'bootstrap-champion'.")
        return self.work.registry.proposal(moves[-1].proposal_id)

    @cached_property
    def judged(self) -> Proposal:
        """The proposal that holds the champion's evidence: for a rollback, the one that first promoted it."""
        if self.decision.kind != "rollback":
            return self.decision
        for move in self.work.registry.moves(self.work.problem.name):
            if move.to_ref == self.champion.ref:
                found = self.work.registry.proposal(move.proposal_id)
                if found.kind != "rollback":
                    return found
        raise NotFound(f"No evidence of version {self.champion.version} is on record.", hint="Run 'arena-verify'.")

    @cached_property
    def snapshot(self) -> Any:
        """The snapshot the champion was judged on, its digest verified."""
        store = snapshots.SnapshotStore(self.work.settings.data)
        return store.load(self.work.problem, self.champion.lineage.dataset_version)

    @cached_property
    def bundle(self) -> Any:
        """The evidence of the champion, every byte verified."""
        digest = self.judged.evidence.bundle_digest
        return evidence.read(self.work.settings.evidence, digest, self.work.problem)


def _snapshot(walk: _Walk) -> Found:
    record = walk.snapshot.record
    return "pass", f"{record.dataset_version}: {record.rows:,} rows, digest {record.digest[:12]} as recorded", ""


def _contract(walk: _Walk) -> Found:
    store = snapshots.SnapshotStore(walk.work.settings.data)
    found = store.check(walk.work.problem, walk.champion.lineage.dataset_version, now=walk.work.clock())
    bad = [c for c in found if c.status == "fail"]
    if bad:
        return "fail", "; ".join(f"{c.name}: {c.detail}" for c in bad), "Run 'data-check' and mend the source."
    return "pass", f"{len(found)} checks of the data contract", ""


def _holdout(walk: _Walk) -> Found:
    named = {walk.champion.lineage.holdout_digest, walk.judged.evidence.holdout_digest}
    if named != {walk.snapshot.record.holdout_digest}:
        return "fail", "the holdout is not the one that the decision was taken on", "Run 'arena-propose' again."
    record = walk.snapshot.record
    return "pass", f"frozen: {held_out(walk.work.problem, record, walk.snapshot.split)}", ""


def _custody(walk: _Walk) -> Found:
    custody = walk.work.registry.custody(walk.work.problem.name)
    status: Status = {"in_custody": "pass", "unknown": "unknown"}.get(custody.status, "fail")  # type: ignore[assignment]
    fix = "Run 'bootstrap-champion'." if custody.status == "none" else "Find out who moved it; see 'arena-status'."
    return status, custody.detail or custody.status, fix


def _decision(walk: _Walk) -> Found:
    proposal = walk.decision
    if (proposal.disposition, proposal.effect) != ("approved", "applied"):
        return "fail", f"{proposal.id} is {proposal.disposition}, {proposal.effect}", "Run 'arena-status' and decide."
    if proposal.challenger != walk.champion.ref:
        return "fail", f"{proposal.id} is about another version", "Run 'arena-verify'."
    stamp = ", self-approved" if proposal.self_approved else ""
    return "pass", f"{proposal.id} approved by {proposal.decided_by} at {proposal.decided_at}{stamp}", ""


def _evidence(walk: _Walk) -> Found:
    proposal = walk.judged
    if proposal.id.rsplit("-", 1)[1] != proposal.digest[:8]:
        return "fail", f"{proposal.id} does not carry its evidence digest {proposal.digest[:8]}", "Run 'arena-verify'."
    found = walk.work.registry.verify()
    if not found.ok:
        return "fail", "; ".join(found.problems[:3]), "Run 'arena-verify' and restore the ledger from its backup."
    return "pass", f"bundle {walk.bundle.digest[:12]} whole; {found.checked} events chained", ""


def _replay(walk: _Walk) -> Found:
    differences = evidence.replay(walk.bundle)
    if differences:
        return "fail", "; ".join(differences[:3]), "Run 'arena-replay' and find out what changed."
    return "pass", f"{len(walk.bundle.gates)} gate results computed again from stored rows, all the same", ""


def _trial(walk: _Walk) -> Found:
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


def _smoke(walk: _Walk) -> Found:
    registry = walk.work.registry
    rows = run_files.smoke(models.read(registry.model_path(walk.champion)), registry.run_artifacts(walk.champion))
    return "pass", f"loaded by digest {walk.champion.digest[:12]}, {rows} rows answered as at training", ""


def _verdict(walk: _Walk) -> Found:
    proposal = walk.judged
    if proposal.verdict != "pass":
        return "fail", f"{proposal.id} has verdict {proposal.verdict}", "Train a candidate that passes its gates."
    return "pass", f"verdict pass over {len(proposal.gates)} gate results", ""


def _hypothesis(walk: _Walk) -> Found:
    reference = walk.judged.hypothesis
    if reference is None:
        return "pass", "a baseline, which no hypothesis precedes", ""
    digest = hypotheses.of(walk.work.settings).load(reference.id).digest
    if digest != reference.digest:
        return "fail", f"{reference.id} changed after the decision", f"Restore {reference.id} as it was locked."
    if reference.outcome != "supported":
        return "fail", f"{reference.id} was {reference.outcome}", "Promote what the evidence supports."
    return "pass", f"{reference.id} supported, document unchanged since its lock", ""


def _policy(walk: _Walk) -> Found:
    digest = policies.load(walk.work.settings.policy(walk.work.problem.name), walk.work.problem).digest
    if digest != walk.judged.evidence.policy_digest:
        return "fail", "the policy changed after the decision", "Run 'arena-propose' under the new policy."
    return "pass", f"policy {digest[:12]}, as decided under", ""


def _service(walk: _Walk) -> Found:
    rows = run_files.request_rows(walk.work.problem, walk.snapshot.holdout, 3)
    answer = service.smoke(walk.work.settings.root, walk.work.problem.name, rows)
    named = answer["predict"]["model"]
    if (named["version"], named["digest"]) != (walk.champion.version, walk.champion.digest):
        return "fail", f"the service answers with version {named['version']}", "Restart the service."
    return "pass", f"GET /health and POST /predict answered with version {named['version']}", ""


def _fallback(walk: _Walk) -> Found:
    registry = walk.work.registry
    champion = walk.champion
    former = [m.to_ref for m in registry.moves(walk.work.problem.name) if m.to_ref != champion.ref]
    if not former:
        return "pass", "the first champion: rolling back means to stop serving", ""
    target = registry.version(walk.work.problem.name, former[-1].version)
    registry.model_path(target)
    return "pass", f"version {target.version} can be put back, its digest verified", ""


def _monitoring(walk: _Walk) -> Found:
    run = walk.work.registry.run_artifacts(walk.champion)
    found = probes.decay(run, walk.work.problem, seed=walk.champion.lineage.seed)
    status: Status = {"healthy": "pass", "unknown": "unknown"}.get(found.status, "fail")  # type: ignore[assignment]
    return status, found.detail, "Read the segments that decayed and write the next hypothesis."


def _inputs(walk: _Walk) -> Found:
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


def _card(walk: _Walk) -> Found:
    path = walk.work.settings.model_cards / f"{walk.work.problem.name}-v{walk.champion.version}.md"
    if not path.exists():
        return "fail", f"{path.name} is missing", "Applying a decision writes it; restore it from version control."
    if walk.champion.digest not in path.read_text("utf-8"):
        return "fail", f"{path.name} is about other bytes", "Restore the card of this version."
    return "pass", f"{path.name} names the champion's digest", ""


def _lineage(walk: _Walk) -> Found:
    missing = walk.champion.lineage.missing()
    if missing:
        return "fail", f"the lineage lacks {', '.join(missing)}", "Train the candidate again with all options."
    if walk.champion.lineage.git_commit == "unknown":
        return "fail", "the commit that trained it is unknown", "Train from a git checkout."
    return "pass", f"complete; trained at commit {walk.champion.lineage.git_commit[:20]}", ""


def _tests(walk: _Walk) -> Found:
    path = walk.work.settings.reports / "tests.json"
    where = f"cd {shlex.quote(str(CHECKOUT))} && DS_WORKFLOW_TEST_RECORD={shlex.quote(str(path))}"
    fix = f"Run the tests, and let them write down what ran: {where} python -m pytest"
    if not path.exists():
        return "unknown", "no run of the tests is on record", fix
    record = run_files.read_json(path)
    lacking = [name for name in PROOFS if name not in record["files"]]
    if lacking:
        return "fail", f"the run on record left out {', '.join(lacking)}", fix
    if record["commit"] != walk.work.commit:
        return "fail", f"the tests ran at {record['commit'][:20]}, the code is at {walk.work.commit[:20]}", fix
    if record["failed"] or not record["passed"]:
        return "fail", f"{record['failed']} failed, {record['passed']} passed", "Mend the code, then run them again."
    files = ", ".join(record["files"]) if len(record["files"]) <= 3 else f"{len(record['files'])} files"
    return "pass", f"{record['passed']} passed at this commit ({files})", ""


GATES: tuple[tuple[str, tuple[tuple[str, Callable[[_Walk], Found]], ...]], ...] = (
    ("Data", (("snapshot", _snapshot), ("contract", _contract), ("holdout", _holdout))),
    (
        "Model",
        (
            ("custody", _custody),
            ("decision", _decision),
            ("evidence", _evidence),
            ("replay", _replay),
            ("trial", _trial),
            ("smoke", _smoke),
        ),
    ),
    ("Product", (("verdict", _verdict), ("hypothesis", _hypothesis), ("policy", _policy))),
    (
        "Operations",
        (("service", _service), ("fallback", _fallback), ("performance", _monitoring), ("inputs", _inputs)),
    ),
    ("Release", (("lineage", _lineage), ("model card", _card), ("tests", _tests))),
)
