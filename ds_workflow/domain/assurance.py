"""What a machine can know of a registered version: one fact a question, each from records and files that are there.

Pure: whoever asks gathers a `Known`, and `facts` answers. A record that is missing makes a fact `unknown`, never green.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ds_workflow.domain.checklist import Fact, Status
from ds_workflow.domain.findings import Finding
from ds_workflow.domain.materiality import Materiality
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.retirement import Retirement
from ds_workflow.errors import WorkflowError
from registry.records import GateResult, ModelVersion, PointerMove, Proposal, SnapshotRecord, Verification

BASELINE = "BASELINE"


@dataclass(frozen=True)
class Known:
    """Everything the facts are computed from. None or empty: it could not be had.

    `judged` is the proposal that holds the version's evidence, `decision` the one that put it in office; `bundle` the
    manifest of its evidence, every byte verified; `files` the run's files by name, those of them that are JSON as
    content; `monitoring` (status, words) of the last looks; `incidents` the open ones in words; `told` counts the
    signatures, findings and retirements that people put down about the problem so far.
    """

    problem: Problem
    version: ModelVersion
    at: str
    materiality: Materiality
    policy: Policy | None = None
    judged: Proposal | None = None
    decision: Proposal | None = None
    moves: tuple[PointerMove, ...] = ()
    custody: str = ""
    chain: Verification | None = None
    snapshot: SnapshotRecord | None = None
    snapshot_whole: bool | None = None
    bundle: Mapping[str, Any] | None = None
    files: Mapping[str, Any] = field(default_factory=dict)
    card: str | None = None
    sourcing: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, Any] | None = None
    monitoring: tuple[str, str] | None = None
    incidents: tuple[str, ...] | None = None
    findings: tuple[Finding, ...] = ()
    retired: Mapping[int, Retirement] = field(default_factory=dict)
    told: int = 0

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """The open findings about this version."""
        return tuple(f for f in self.findings if f.open and f.concerns(self.version.version))

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Those of them that a release waits for."""
        blocking = self.materiality.required.blocking
        return tuple(f for f in self.open_findings if f.blocks(self.at, blocking=blocking))

    @property
    def in_office(self) -> bool:
        """Whether the pointer log names this version."""
        return bool(self.moves) and self.moves[-1].to_ref == self.version.ref

    def gates(self, *words: str) -> tuple[GateResult, ...]:
        """The gate results of its evidence whose name holds one of the words."""
        found = self.judged.gates if self.judged else ()
        return tuple(g for g in found if any(word in g.name for word in words))


Answer = tuple[Status, str, str]  # status, detail, the source that shows it


def _owner(k: Known) -> Answer:
    owner = k.version.lineage.owner
    return ("pass", f"{owner} owns it", "version") if owner.strip() else ("fail", "nobody owns it", "version")


def _tier(k: Known) -> Answer:
    return ("pass" if k.materiality.assessed else "fail"), k.materiality.words, "materiality"


def _decision(k: Known) -> Answer:
    p = k.decision
    if p is None:
        return "unknown", "no decision about this version is on record", "proposal"
    if (p.disposition, p.effect) not in (("approved", "applied"), ("approved", "rolled_back")):
        return "fail", f"{p.id} is {p.label}", "proposal"
    return "pass", f"{p.id} decided by {p.decided_by}{', SELF-APPROVED' if p.self_approved else ''}", "proposal"


def _independence(k: Known) -> Answer:
    if k.decision is None:
        return "unknown", "no decision about this version is on record", "proposal"
    if k.decision.self_approved:
        return "fail", f"SELF-APPROVED by {k.decision.decided_by}, who owns it", "proposal"
    return "pass", f"{k.decision.decided_by} decided, {k.version.lineage.owner} owns it", "proposal"


def _no_override(k: Known) -> Answer:
    if k.judged is None:
        return "unknown", "no proposal holds its evidence", "proposal"
    if k.judged.kind == "override":
        return "fail", f"OVERRIDE: {k.judged.id} was approved against verdict {k.judged.verdict}", "proposal"
    return "pass", "no override", "proposal"


def _source(k: Known) -> Answer:
    if k.snapshot is None:
        return "unknown", "its snapshot is not on record", "snapshot"
    lacking = [w for w in ("source", "licence") if not getattr(k.snapshot, w).strip()]
    if lacking:
        return "fail", f"the snapshot says no {' and no '.join(lacking)}", "snapshot"
    return "pass", f"{k.snapshot.source}; {k.snapshot.licence}", "snapshot"


def _sourcing(k: Known) -> Answer:
    lacking = [w for w in ("address", "cadence", "retention") if not str(k.sourcing.get(w) or "").strip()]
    if lacking:
        return "fail", f"not recorded: {', '.join(lacking)}", "data_sources"
    return "pass", "address, cadence and retention are recorded", "data_sources"


def _snapshot(k: Known) -> Answer:
    if k.snapshot is None or k.snapshot_whole is None:
        return "unknown", "the snapshot could not be read", "snapshot"
    if not k.snapshot_whole or k.snapshot.digest != k.version.lineage.dataset_digest:
        return "fail", f"{k.snapshot.dataset_version} is not the rows that were recorded", "snapshot"
    return "pass", f"{k.snapshot.dataset_version} is whole, digest {k.snapshot.digest[:12]}", "snapshot"


def _holdout(k: Known) -> Answer:
    if k.snapshot is None or k.judged is None:
        return "unknown", "snapshot or evidence is not on record", "snapshot"
    digests = {k.snapshot.holdout_digest, k.version.lineage.holdout_digest, k.judged.evidence.holdout_digest}
    if len(digests) != 1:
        return "fail", "the holdout is not the one that it was judged on", "snapshot"
    return "pass", f"frozen, digest {k.snapshot.holdout_digest[:12]}", "snapshot"


def _dictionary(k: Known) -> Answer:
    told = {c.name: c.description for c in k.problem.columns} | {f.name: f.description for f in k.problem.features}
    silent = [name for name, words in told.items() if not words.strip()]
    if silent:
        return "fail", f"not described: {', '.join(silent[:5])}", "declaration"
    return "pass", f"{len(k.problem.columns)} columns and {len(k.problem.features)} features described", "declaration"


def _dropped(k: Known) -> Answer:
    if k.snapshot is None:
        return "unknown", "its snapshot is not on record", "snapshot"
    return "pass", f"{sum(k.snapshot.dropped.values()):,} rows dropped, by reason", "snapshot"


def _has(name: str, words: str) -> Callable[[Known], Answer]:
    def ask(k: Known) -> Answer:
        if name in k.files:
            return "pass", words, name.partition(".")[0]
        return "unknown", f"{name} was not written by its run", ""

    return ask


def _hypothesis(k: Known) -> Answer:
    line = k.version.lineage
    if line.hypothesis_id == BASELINE:
        return "pass", "the baseline, which no hypothesis precedes", "version"
    reference = k.judged.hypothesis if k.judged else None
    if reference is None:
        return "unknown", f"{line.hypothesis_id} has no outcome on record", "proposal"
    if reference.digest != line.hypothesis_digest:
        return "fail", f"{reference.id} is not the text that was locked", "proposal"
    status: Status = "pass" if reference.outcome == "supported" else "fail"
    return status, f"{reference.id}: {reference.outcome}", "proposal"


def _availability(k: Known) -> Answer:
    names = k.problem.feature_set(k.version.lineage.feature_set_version).features
    late = [n for n in names if k.problem.feature(n).availability == "after_outcome"]
    if late:
        return "fail", f"known only after the outcome: {', '.join(late)}", "declaration"
    return "pass", f"each of {len(names)} features says when it is known", "declaration"


def _by_gates(*words: str, what: str, source: str = "bundle") -> Callable[[Known], Answer]:
    def ask(k: Known) -> Answer:
        found = k.gates(*words)
        if not found:
            return "unknown", f"{what} was not part of its trial", source
        bad = sorted({f"{g.name} is {g.status}" for g in found if g.status != "pass"})
        return (
            ("fail", "; ".join(bad), source)
            if bad
            else ("pass", f"{what}: {len(found)} result{'s pass' if len(found) > 1 else ' passes'}", source)
        )

    return ask


def _verdict(k: Known) -> Answer:
    if k.judged is None:
        return "unknown", "no proposal holds its evidence", "proposal"
    status: Status = "pass" if k.judged.verdict == "pass" else "fail"
    return status, f"verdict {k.judged.verdict} over {len(k.judged.gates)} gate results", "proposal"


def _evidence(k: Known) -> Answer:
    if k.bundle is None or k.judged is None:
        return "unknown", "the evidence bundle could not be verified", "bundle"
    return "pass", f"bundle {k.judged.evidence.bundle_digest[:12]} is whole, byte for byte", "bundle"


def _segments(k: Known) -> Answer:
    card = k.files.get("scorecard.json")
    if not isinstance(card, Mapping):
        return "unknown", "the run has no scorecard", "scorecard"
    lost = [s for s in k.problem.segments if s not in card.get("segments", {})]
    if lost:
        return "fail", f"no figures for {', '.join(lost)}", "scorecard"
    return "pass", f"figures for each of {len(k.problem.segments)} segments", "scorecard"


def _intervals(k: Known) -> Answer:
    card = k.files.get("scorecard.json")
    found = card.get("intervals") if isinstance(card, Mapping) else None
    if not found or k.problem.primary_metric not in found.get("overall", {}):
        return "unknown", f"no interval of {k.problem.primary_metric}", "scorecard"
    return "pass", f"{k.problem.primary_metric} with an interval over {found['clusters']:,} clusters", "scorecard"


def _fairness(k: Known) -> Answer:
    gates = _by_gates("fairness", what="fairness")(k)
    if gates[0] != "unknown":
        return gates
    return _has("fairness.json", "figures of each group were written; no gate judged them")(k)


def _lineage(k: Known) -> Answer:
    missing = k.version.lineage.missing()
    if missing:
        return "fail", f"the lineage lacks {', '.join(missing)}", "version"
    if k.version.lineage.git_commit == "unknown":
        return "fail", "the commit that trained it is unknown", "version"
    return "pass", f"commit {k.version.lineage.git_commit[:12]}, seed {k.version.lineage.seed}", "version"


def _card(k: Known) -> Answer:
    if k.card is None:
        return "unknown", "no model card is there", ""
    if k.version.digest not in k.card:
        return "fail", "the model card is about other bytes", ""
    return "pass", "the model card names the version's digest", ""


def _limits(k: Known) -> Answer:
    lacking = [w for w in ("intended_use", "limits") if not getattr(k.problem, w).strip()]
    if lacking:
        return "fail", f"not declared: {', '.join(lacking)}", "declaration"
    return "pass", "intended use and limits are declared", "declaration"


def _change(k: Known) -> Answer:
    line = k.version.lineage
    if not line.change_summary.strip():
        return "fail", "nobody said what changed", "version"
    base = f"against version {line.base_champion_version}" if line.base_champion_version else "the first version"
    return "pass", f"{line.change_type}, {base}: {line.change_summary}", "version"


def _chain(k: Known) -> Answer:
    if k.chain is None:
        return "unknown", "the chain could not be checked", "ledger"
    if not k.chain.ok:
        return "fail", "; ".join(k.chain.problems[:2]), "ledger"
    return "pass", f"{k.chain.checked:,} events, each following the one before", "ledger"


def _custody(k: Known) -> Answer:
    if not k.in_office:
        return "fail", "another version is in office", "ledger"
    status: Status = {"in_custody": "pass", "unknown": "unknown", "": "unknown"}.get(k.custody, "fail")  # type: ignore[assignment]
    return status, k.custody.replace("_", " ") or "custody could not be checked", "ledger"


def _fallback(k: Known) -> Answer:
    before = {m.to_ref.version for m in k.moves if m.to_ref != k.version.ref}
    ready = sorted(before - set(k.retired))
    if not before:
        return "pass", "the first champion: going back means to stop serving", "ledger"
    if not ready:
        return "fail", "every former champion is retired", "ledger"
    return "pass", f"version {', '.join(map(str, ready))} can be put back", "ledger"


def _age(k: Known) -> Answer:
    if k.policy is None:
        return "unknown", "the policy could not be read", "policy"
    days = (datetime.fromisoformat(k.at) - datetime.fromisoformat(k.version.created_at)).days
    status: Status = "pass" if days <= k.policy.retrain_after_days else "fail"
    return status, f"{days} days old; the policy allows {k.policy.retrain_after_days}", "policy"


def _monitoring(k: Known) -> Answer:
    if k.monitoring is None:
        return "unknown", "nobody has looked since it took office", "monitoring"
    status, words = k.monitoring
    told: dict[str, Status] = {"healthy": "pass", "warn": "fail", "critical": "fail"}
    return told.get(status, "unknown"), f"{status}: {words}", "monitoring"


def _incidents(k: Known) -> Answer:
    if k.incidents is None:
        return "unknown", "the incidents could not be read", "monitoring"
    return ("fail", "; ".join(k.incidents[:3]), "monitoring") if k.incidents else ("pass", "no incident is open", "")


def _in_service(k: Known) -> Answer:
    old = k.retired.get(k.version.version)
    return ("fail", f"retired by {old.by}: {old.reason}", "ledger") if old else ("pass", "not retired", "ledger")


def _findings(k: Known) -> Answer:
    if k.blocking:
        return "fail", "; ".join(f.line(k.at) for f in k.blocking[:3]), "findings"
    others = len(k.open_findings)
    return "pass", f"none blocks; {others} open" if others else "none is open", "findings"


def _tests(k: Known) -> Answer:
    if k.tests is None:
        return "unknown", "no run of the tests is on record", "tests"
    if k.tests.get("failed") or not k.tests.get("passed"):
        return "fail", f"{k.tests.get('failed')} failed, {k.tests.get('passed')} passed", "tests"
    return "pass", f"{k.tests['passed']} passed at {str(k.tests.get('commit'))[:12]}", "tests"


FACTS: Mapping[str, Callable[[Known], Answer]] = {
    "owner": _owner,
    "tier": _tier,
    "decision": _decision,
    "independence": _independence,
    "no_override": _no_override,
    "source": _source,
    "sourcing": _sourcing,
    "snapshot": _snapshot,
    "holdout": _holdout,
    "dictionary": _dictionary,
    "dropped": _dropped,
    "representativeness": _has("representativeness.json", "training and holdout rows were compared"),
    "hypothesis": _hypothesis,
    "availability": _availability,
    "leakage": _by_gates("leakage", what="the leakage scan"),
    "baseline": _by_gates("beats_naive", what="beats the naive baseline"),
    "explanations": _has("shap_summary.csv", "what it looks at was written"),
    "verdict": _verdict,
    "evidence": _evidence,
    "segments": _segments,
    "intervals": _intervals,
    "fairness": _fairness,
    "stress": _by_gates("stress", what="stress"),
    "stability": _has("stability.json", "figures of its parts were compared"),
    "calibration": _has("calibration.json", "probabilities were compared with what came"),
    "servability": _by_gates("servability", what="loads and answers"),
    "lineage": _lineage,
    "environment": _has("environment.json", "the libraries are recorded"),
    "card": _card,
    "limits": _limits,
    "change": _change,
    "chain": _chain,
    "custody": _custody,
    "fallback": _fallback,
    "age": _age,
    "monitoring": _monitoring,
    "incidents": _incidents,
    "in_service": _in_service,
    "findings": _findings,
    "tests": _tests,
}


def facts(known: Known) -> dict[str, Fact]:
    """Every fact by name; one that can't be answered is unknown, and says why."""
    return {name: _asked(name, ask, known) for name, ask in FACTS.items()}


def _asked(name: str, ask: Callable[[Known], Answer], known: Known) -> Fact:
    try:
        return Fact(name, *ask(known))
    except (WorkflowError, KeyError, TypeError, ValueError) as error:  # a record of another shape than is known here
        return Fact(name, "unknown", str(error))
