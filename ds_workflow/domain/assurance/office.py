"""What is known of a version in office: its custody, the way back, the looks at it, what people put down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ds_workflow.domain.assurance.known import Answer, Known
from ds_workflow.domain.checklist import Status
from ds_workflow.domain.monitoring.looks import Kind, worst

FRESH = timedelta(days=31)  # an older look does not show that anybody looks again and again; this house's choice
TOLD: dict[str, Status] = {"healthy": "pass", "warn": "fail", "critical": "fail"}


def chain(k: Known) -> Answer:
    if k.chain is None:
        return "unknown", "the chain could not be checked", "ledger"
    if not k.chain.ok:
        return "fail", "; ".join(k.chain.problems[:2]), "ledger"
    return "pass", f"{k.chain.checked:,} events, each following the one before", "ledger"


def custody(k: Known) -> Answer:
    if not k.in_office:
        return "fail", "another version is in office", "ledger"
    status: Status = {"in_custody": "pass", "unknown": "unknown", "": "unknown"}.get(k.custody, "fail")  # type: ignore[assignment]
    return status, k.custody.replace("_", " ") or "custody could not be checked", "ledger"


def fallback(k: Known) -> Answer:
    before = {m.to_ref.version for m in k.moves if m.to_ref != k.version.ref}
    ready = sorted(before - set(k.retired))
    if not before:
        return "pass", "the first champion: going back means to stop serving", "ledger"
    if not ready:
        return "fail", "every former champion is retired", "ledger"
    return "pass", f"version {', '.join(map(str, ready))} can be put back", "ledger"


def age(k: Known) -> Answer:
    if k.policy is None:
        return "unknown", "the policy could not be read", "policy"
    days = (datetime.fromisoformat(k.at) - datetime.fromisoformat(k.version.created_at)).days
    status: Status = "pass" if days <= k.policy.retrain_after_days else "fail"
    return status, f"{days} days old; the policy allows {k.policy.retrain_after_days}", "policy"


def monitoring(k: Known) -> Answer:
    if k.monitoring is None:
        return "unknown", "nobody has looked since it took office", "monitoring"
    status, words = k.monitoring
    return TOLD.get(status, "unknown"), f"{status}: {words}", "monitoring"


def incidents(k: Known) -> Answer:
    if k.incidents is None:
        return "unknown", "the incidents could not be read", "monitoring"
    return ("fail", "; ".join(k.incidents[:3]), "monitoring") if k.incidents else ("pass", "no incident is open", "")


def in_service(k: Known) -> Answer:
    old = k.retired.get(k.version.version)
    return ("fail", f"retired by {old.by}: {old.reason}", "ledger") if old else ("pass", "not retired", "ledger")


def findings(k: Known) -> Answer:
    if k.blocking:
        return "fail", "; ".join(f.line(k.at) for f in k.blocking[:3]), "findings"
    others = len(k.open_findings)
    return "pass", f"none blocks; {others} open" if others else "none is open", "findings"


def tests(k: Known) -> Answer:
    if k.tests is None:
        return "unknown", "no run of the tests is on record", "tests"
    if k.tests.get("failed") or not k.tests.get("passed"):
        return "fail", f"{k.tests.get('failed')} failed, {k.tests.get('passed')} passed", "tests"
    return "pass", f"{k.tests['passed']} passed at {str(k.tests.get('commit'))[:12]}", "tests"


def way_back(k: Known) -> Answer:
    """Whether a former champion can be put back: stricter than `fallback`, which the first champion passes."""
    ready = sorted({m.to_ref.version for m in k.moves if m.to_ref != k.version.ref} - set(k.retired))
    if not ready:
        return "unknown", "no former champion shows that it can be put back", "ledger"
    return "pass", f"version {', '.join(map(str, ready))} can be put back", "ledger"


def watched(kind: Kind, *names: str, what: str) -> Callable[[Known], Answer]:
    """Whether a look of that kind at these bytes, of the last month, judged every one of the findings as healthy."""

    def ask(k: Known) -> Answer:
        look = next((one for one in k.looks if one.kind == kind), None)
        if look is None:
            return "unknown", f"{what}: nobody has looked since it took office", "monitoring"
        if look.age(datetime.fromisoformat(k.at)) > FRESH:
            return "unknown", f"{what}: the last look is of {look.at[:10]}, over {FRESH.days} days ago", "monitoring"
        found = [f for f in look.findings if f.name in names]
        lacking = sorted(set(names) - {f.name for f in found})
        if lacking:
            return "unknown", f"{what}: the look of {look.at[:10]} measured no {', '.join(lacking)}", "monitoring"
        level = worst(f.status for f in found)
        words = "; ".join(f.detail for f in found if f.status == level)
        return TOLD.get(level, "unknown"), f"{what}, {look.at[:10]}: {words}", "monitoring"

    return ask


def canary(k: Known) -> Answer:
    """Whether it answered a share of the traffic before it took office; seen by nobody, in shadow, is not that."""
    since = next((m.at for m in k.moves if m.to_ref == k.version.ref), k.at)
    found = [one for one in k.canaries if one.started_at < since and one.requests]
    if not found:
        return "unknown", "it answered no share of the traffic before it took office", ""
    last = found[-1]
    return "pass", f"{last.id}: {last.requests:,} requests at up to {last.share:.0%} of the traffic", ""
