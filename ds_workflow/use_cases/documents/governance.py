"""What people put down about a version, all of it into the chain: signatures of the checklist, findings, retirement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import dossier, governance
from ds_workflow.domain import findings, retirement
from ds_workflow.domain.challenge import Challenge
from ds_workflow.domain.checklist import SIGNED, require_signable
from ds_workflow.reports import checklist as report
from ds_workflow.reports import findings as findings_report
from ds_workflow.reports import retirement as retirement_report
from registry.errors import NoChampion, RegistryError
from registry.records import Event, ModelVersion, utc_text

if TYPE_CHECKING:
    from ds_workflow.domain.findings import Finding
    from ds_workflow.domain.retirement import Retirement
    from ds_workflow.workspace import Workspace


def which(work: Workspace, version: int | None) -> ModelVersion:
    """The version of that number, else the champion. Raises NotFound, NoChampion."""
    name = work.problem.name
    if version is not None:
        return work.registry.version(name, version)
    champion = work.registry.champion(name)
    if champion is None:
        raise NoChampion(f"{name} has no champion.", hint="Run 'bootstrap-champion', or name a --version.")
    return champion


def challenge(work: Workspace, *, version: int | None = None) -> Challenge:
    """The checklist of a version (default: the champion): what the machine knows, what people signed."""
    found = which(work, version)
    at = utc_text(work.clock())
    known = dossier.gather(work.settings, work.registry, work.problem, found, at=at, errors=(RegistryError,))
    return dossier.challenge(work.settings, work.registry, known)


def challenge_text(found: Challenge) -> str:
    """The checklist for the terminal."""
    return report.text(found.checklist, found.lines, title=found.title)


def sign(
    work: Workspace, gate: str, *, by: str, note: str = "", version: int | None = None, withdraw: bool = False
) -> Challenge:
    """Sign a gate of the checklist for the bytes of a version, or take the signature back.

    Raises UnknownName, InvalidInput, and StateConflict for who may not sign: the machine's gates, the owner in a tier
    that wants somebody else, a name that is not the named one or not declared.
    """
    found = which(work, version)
    wanted = governance.checklist(work.settings).gate(gate.upper())
    materiality = governance.materiality(work.settings, work.problem.name)
    name, own = require_signable(wanted, by=by, owner=found.lineage.owner, materiality=materiality, people=work.people)
    body = {
        "problem": work.problem.name,
        "version": found.version,
        "digest": found.digest,
        "gate": wanted.id,
        "question": wanted.question,
        "by": name,
        "own": own,
        "note": note.strip(),
        "granted": not withdraw,
    }
    work.registry.record_event(SIGNED, f"{work.problem.name}/{found.version}", body)
    return challenge(work, version=found.version)


def open_finding(
    work: Workspace, *, title: str, severity: str, owner: str, due: str, by: str, version: int | None = None
) -> Finding:
    """Put down what is wrong with a version, or with the problem whichever version holds office."""
    if version is not None:
        work.registry.version(work.problem.name, version)
    now = work.clock()
    ident = f"F-{now:%Y%m%dT%H%M%S%f}"
    made = findings.opened(
        ident,
        work.problem.name,
        version=version,
        severity=severity,
        title=title,
        owner=owner,
        due=due,
        by=by,
        at=utc_text(now),
    )
    kept = ("problem", "version", "severity", "title", "owner", "due", "opened_by")
    event = work.registry.record_event(findings.OPENED, made.id, {name: getattr(made, name) for name in kept})
    return findings.fold([event], work.problem.name)[0]


def close_finding(work: Workspace, ident: str, *, by: str, resolution: str) -> Finding:
    """Close a finding with what was done."""
    findings.require_closable(list_findings(work), ident, by=by, resolution=resolution)
    body = {"problem": work.problem.name, "by": by.strip(), "resolution": resolution.strip()}
    work.registry.record_event(findings.CLOSED, ident, body)
    return next(one for one in list_findings(work) if one.id == ident)


def list_findings(work: Workspace, *, only_open: bool = False) -> tuple[Finding, ...]:
    """The findings of the workspace's problem, oldest first."""
    told = [event for kind in (findings.OPENED, findings.CLOSED) for event in work.registry.events(kind=kind)]
    found = findings.fold(sorted(told, key=lambda event: event.seq), work.problem.name)
    return tuple(one for one in found if one.open or not only_open)


def findings_text(work: Workspace, found: tuple[Finding, ...]) -> str:
    """One line each, overdue as of now."""
    return findings_report.text(found, utc_text(work.clock()))


def retire(work: Workspace, version: int, *, criterion: str, reason: str, by: str) -> Retirement:
    """Take a version out of service for good, and write it down under docs/retirements.

    Raises NotFound, InvalidInput, and StateConflict for the champion, a version on trial, or one retired already.
    """
    name = work.problem.name
    retirement.require_criterion(criterion, reason, by)
    found = work.registry.version(name, version)
    told = work.registry.events(kind=retirement.RETIRED, subject=f"{name}/{version}")
    if told and _said(told[-1]) == (criterion, reason.strip(), by.strip()):
        return _written_down(work, found, told[-1])  # the same again: whoever was stopped had not written it down yet
    champion = work.registry.champion(name)
    retirement.require_retirable(
        version,
        champion=champion.version if champion else None,
        proposals=work.registry.proposals(name),
        retired=retirement.fold(work.registry.events(kind=retirement.RETIRED), name),
    )
    body = {
        "problem": name,
        "version": version,
        "digest": found.digest,
        "criterion": criterion,
        "reason": reason.strip(),
        "by": by.strip(),
    }
    event = work.registry.record_event(retirement.RETIRED, f"{name}/{version}", body)
    return _written_down(work, found, event)


def _said(event: Event) -> tuple[str, str, str]:
    return str(event.body["criterion"]), str(event.body["reason"]), str(event.body["by"])


def _written_down(work: Workspace, found: ModelVersion, event: Event) -> Retirement:
    made = retirement.fold([event], found.problem)[found.version]
    path = work.path("docs", "retirements", f"{found.problem}-v{found.version}.md")
    path.write_text(retirement_report.markdown(work.problem, found, made, event_hash=event.hash), "utf-8")
    return made
