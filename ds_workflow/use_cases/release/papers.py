"""Checks on what is written down: card, pack of documents, findings, checklist, lineage, tests."""

from __future__ import annotations

import shlex

from ds_workflow.adapters import dossier, packs, run_files
from ds_workflow.domain.assurance import facts
from ds_workflow.settings import CHECKOUT
from ds_workflow.use_cases.release.walk import Found, Walk

# Without these two no run of the tests counts: every gate seen to fail on its mutant, and the rules of the house.
PROOFS = ("tests/domain/test_gates.py", "tests/test_architecture.py")
# a fact of the checklist that another check of the release asks too, and mends
SAME = {
    "snapshot": "snapshot",
    "holdout": "holdout",
    "decision": "decision",
    "verdict": "verdict",
    "evidence": "evidence",
    "hypothesis": "hypothesis",
    "chain": "evidence",
    "custody": "custody",
    "fallback": "fallback",
    "lineage": "lineage",
    "card": "model card",
    "monitoring": "monitoring",
    "incidents": "incidents",
    "findings": "findings",
}
MEND = {
    "owner": "Train it again with an --owner.",
    "tier": "Assess the problem in config/materiality.yaml.",
    "independence": "Declare people, and let one who does not own it decide on a proposal of a version trained again.",
    "no_override": "Put a version in office whose evidence passes.",
    "sourcing": "Record address, cadence and retention in config/documents/data_sources.yaml.",
    "in_service": "Put a version in office that is not retired.",
    "age": "Train a candidate; the champion is older than the policy allows.",
}


def card(walk: Walk) -> Found:
    path = walk.work.settings.model_cards / f"{walk.work.problem.name}-v{walk.champion.version}.md"
    if not path.exists():
        return "fail", f"{path.name} is missing", "Applying a decision writes it; restore it from version control."
    if walk.champion.digest not in path.read_text("utf-8"):
        return "fail", f"{path.name} is about other bytes", "Restore the card of this version."
    return "pass", f"{path.name} names the champion's digest", ""


def lineage(walk: Walk) -> Found:
    missing = walk.champion.lineage.missing()
    if missing:
        return "fail", f"the lineage lacks {', '.join(missing)}", "Train the candidate again with all options."
    if walk.champion.lineage.git_commit == "unknown":
        return "fail", "the commit that trained it is unknown", "Train from a git checkout."
    return "pass", f"complete; trained at commit {walk.champion.lineage.git_commit[:20]}", ""


def tests(walk: Walk) -> Found:
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
    return "pass", f"{record['passed']:,} passed at this commit; {_ran(record['files'])}", ""


def _ran(files: list[str]) -> str:
    """How many of the checkout's test files ran, so that a release on two of them is seen to be one."""
    there = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "tests").rglob("test_*.py")}
    if not there:
        return f"{len(files)} test files ran"
    ran = len(there & set(files))
    left = "" if ran == len(there) else ", the others were not run"
    return f"{ran} of the {len(there)} test files of the checkout ran{left}"


def documents(walk: Walk) -> Found:
    """The pack of the champion is whole, every figure is in its evidence, and nothing was put down since."""
    work, champion = walk.work, walk.champion
    fix = f"Run: ds-workflow --problem {work.problem.name} docs-build"
    folder = packs.folder(work.settings, work.problem.name, champion.version)
    if not folder.is_dir():
        return "fail", f"there is no pack of version {champion.version}", fix
    about = packs.manifest(folder)
    if about.get("digest") != champion.digest:
        return "fail", "the pack is about other bytes", fix
    if not about.get("in_office"):
        return "fail", "the pack was built before the version took office", fix
    since = dossier.told(dossier.put_down(work.registry), work.problem.name) - int(about.get("events", 0))
    if since:
        came = "1 signature or finding" if since == 1 else f"{since} signatures or findings"
        return "fail", f"{came} came after the pack was built", fix
    wrong = packs.faults(folder)
    if wrong:
        return "fail", "; ".join(wrong[:3]), fix
    return "pass", f"{len(about['files'])} files as built at {str(about['at'])[:16]}, every figure in its evidence", ""


def findings(walk: Walk) -> Found:
    """No open finding blocks."""
    known = walk.known
    if known.blocking:
        said = "; ".join(f.line(known.at) for f in known.blocking[:3])
        names = ", ".join(f.id for f in known.blocking)
        return "fail", said, f"Mend {names}, and close with 'finding-close'."
    return "pass", facts(known)["findings"].detail, ""


def checklist(walk: Walk) -> Found:
    """Every gate of the effective-challenge checklist that the tier requires is green."""
    lines = walk.challenge.lines
    bad = [line for line in lines if line.open]
    if not bad:
        asked = sum(line.status == "pass" for line in lines)
        return "pass", f"{asked} of {len(lines)} gates required in tier {walk.materiality.tier}, all green", ""
    detail = "; ".join(f"{line.gate.id} {line.status}: {line.detail}" for line in bad[:4])
    detail += f"; and {len(bad) - 4} more" if len(bad) > 4 else ""
    steps = []
    for line in bad:
        for fact in (f for f in line.facts if f.status != "pass"):
            if walk.statuses.get(SAME.get(fact.name, ""), "pass") == "pass":
                steps.append(MEND.get(fact.name, f"{line.gate.id}: {fact.detail}; train and propose it again."))
    unsigned = ", ".join(
        f"{line.gate.id} ({line.approver or line.gate.role})" for line in bad if line.status == "unsigned"
    )
    if unsigned:
        steps.append(f"Have signed, with 'checklist-sign GATE --by NAME': {unsigned}.")
    if not steps:  # every cause is another red check's, whose mending mends this too
        return "skipped", detail, ""
    return (
        ("fail" if any(line.status in ("fail", "unsigned") for line in bad) else "unknown"),
        detail,
        " ".join(dict.fromkeys(steps)),
    )


def in_service(walk: Walk) -> Found:
    """The champion is not retired."""
    fact = facts(walk.known)["in_service"]
    return ("pass" if fact.status == "pass" else "fail"), fact.detail, MEND["in_service"]
