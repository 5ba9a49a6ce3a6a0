"""What the records of a version say: who owns and decided it, its rows, its declaration, its change."""

from __future__ import annotations

from ds_workflow.domain.assurance.known import Answer, Known
from ds_workflow.domain.checklist import Status

BASELINE = "BASELINE"


def owner(k: Known) -> Answer:
    owner = k.version.lineage.owner
    return ("pass", f"{owner} owns it", "version") if owner.strip() else ("fail", "nobody owns it", "version")


def tier(k: Known) -> Answer:
    return ("pass" if k.materiality.assessed else "fail"), k.materiality.words, "materiality"


def decision(k: Known) -> Answer:
    p = k.decision
    if p is None:
        return "unknown", "no decision about this version is on record", "proposal"
    if (p.disposition, p.effect) not in (("approved", "applied"), ("approved", "rolled_back")):
        return "fail", f"{p.id} is {p.label}", "proposal"
    return "pass", f"{p.id} decided by {p.decided_by}{', SELF-APPROVED' if p.self_approved else ''}", "proposal"


def independence(k: Known) -> Answer:
    if k.decision is None:
        return "unknown", "no decision about this version is on record", "proposal"
    if k.decision.self_approved:
        return "fail", f"SELF-APPROVED by {k.decision.decided_by}, who owns it", "proposal"
    return "pass", f"{k.decision.decided_by} decided, {k.version.lineage.owner} owns it", "proposal"


def no_override(k: Known) -> Answer:
    if k.judged is None:
        return "unknown", "no proposal holds its evidence", "proposal"
    if k.judged.kind == "override":
        return "fail", f"OVERRIDE: {k.judged.id} was approved against verdict {k.judged.verdict}", "proposal"
    return "pass", "no override", "proposal"


def source(k: Known) -> Answer:
    if k.snapshot is None:
        return "unknown", "its snapshot is not on record", "snapshot"
    lacking = [w for w in ("source", "licence") if not getattr(k.snapshot, w).strip()]
    if lacking:
        return "fail", f"the snapshot says no {' and no '.join(lacking)}", "snapshot"
    return "pass", f"{k.snapshot.source}; {k.snapshot.licence}", "snapshot"


def sourcing(k: Known) -> Answer:
    lacking = [w for w in ("address", "cadence", "retention") if not str(k.sourcing.get(w) or "").strip()]
    if lacking:
        return "fail", f"not recorded: {', '.join(lacking)}", "data_sources"
    return "pass", "address, cadence and retention are recorded", "data_sources"


def snapshot(k: Known) -> Answer:
    if k.snapshot is None or k.snapshot_whole is None:
        return "unknown", "the snapshot could not be read", "snapshot"
    if not k.snapshot_whole or k.snapshot.digest != k.version.lineage.dataset_digest:
        return "fail", f"{k.snapshot.dataset_version} is not the rows that were recorded", "snapshot"
    return "pass", f"{k.snapshot.dataset_version} is whole, digest {k.snapshot.digest[:12]}", "snapshot"


def holdout(k: Known) -> Answer:
    if k.snapshot is None or k.judged is None:
        return "unknown", "snapshot or evidence is not on record", "snapshot"
    digests = {k.snapshot.holdout_digest, k.version.lineage.holdout_digest, k.judged.evidence.holdout_digest}
    if len(digests) != 1:
        return "fail", "the holdout is not the one that it was judged on", "snapshot"
    return "pass", f"frozen, digest {k.snapshot.holdout_digest[:12]}", "snapshot"


def dictionary(k: Known) -> Answer:
    told = {c.name: c.description for c in k.problem.columns} | {f.name: f.description for f in k.problem.features}
    silent = [name for name, words in told.items() if not words.strip()]
    if silent:
        return "fail", f"not described: {', '.join(silent[:5])}", "declaration"
    return "pass", f"{len(k.problem.columns)} columns and {len(k.problem.features)} features described", "declaration"


def dropped(k: Known) -> Answer:
    if k.snapshot is None:
        return "unknown", "its snapshot is not on record", "snapshot"
    return "pass", f"{sum(k.snapshot.dropped.values()):,} rows dropped, by reason", "snapshot"


def hypothesis(k: Known) -> Answer:
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


def availability(k: Known) -> Answer:
    names = k.problem.feature_set(k.version.lineage.feature_set_version).features
    late = [n for n in names if k.problem.feature(n).availability == "after_outcome"]
    if late:
        return "fail", f"known only after the outcome: {', '.join(late)}", "declaration"
    return "pass", f"each of {len(names)} features says when it is known", "declaration"


def lineage(k: Known) -> Answer:
    missing = k.version.lineage.missing()
    if missing:
        return "fail", f"the lineage lacks {', '.join(missing)}", "version"
    if k.version.lineage.git_commit == "unknown":
        return "fail", "the commit that trained it is unknown", "version"
    return "pass", f"commit {k.version.lineage.git_commit[:12]}, seed {k.version.lineage.seed}", "version"


def card(k: Known) -> Answer:
    if k.card is None:
        return "unknown", "no model card is there", ""
    if k.version.digest not in k.card:
        return "fail", "the model card is about other bytes", ""
    return "pass", "the model card names the version's digest", ""


def limits(k: Known) -> Answer:
    lacking = [w for w in ("intended_use", "limits") if not getattr(k.problem, w).strip()]
    if lacking:
        return "fail", f"not declared: {', '.join(lacking)}", "declaration"
    return "pass", "intended use and limits are declared", "declaration"


def change(k: Known) -> Answer:
    line = k.version.lineage
    if not line.change_summary.strip():
        return "fail", "nobody said what changed", "version"
    base = f"against version {line.base_champion_version}" if line.base_champion_version else "the first version"
    return "pass", f"{line.change_type}, {base}: {line.change_summary}", "version"
