"""Put a policy on trial before anybody is judged by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow import plugins
from ds_workflow.adapters import evidence, holdout_account, monitoring_policies, policies
from ds_workflow.domain import incumbent_check, policy_check
from ds_workflow.domain.monitoring.policy import contradictions as watched_contradictions
from ds_workflow.domain.policy_check import Finding
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import spending, tables
from registry.errors import RegistryError

if TYPE_CHECKING:
    from ds_workflow.domain.policy import Policy
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

RULES = "keys and units"


@dataclass(frozen=True)
class Checked:
    """What was found in one policy."""

    problem: str
    path: Path
    digest: str
    mutants: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return policy_check.green(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The document of `policy-check --json`."""
        return {
            "problem": self.problem,
            "policy": str(self.path),
            "digest": self.digest,
            "ok": self.ok,
            "mutants": self.mutants,
            "checks": [asdict(one) for one in self.findings],
        }

    def text(self) -> str:
        """For the terminal."""
        failed = any(one.status == "fail" for one in self.findings)
        state = "sound" if self.ok else "NOT SOUND" if failed else "NOT KNOWN TO BE SOUND"
        if self.ok and any(one.status == "exempt" for one in self.findings):
            state = "sound as far as can be known without a champion"
        lines = [f"{self.path} ({self.problem}): {state}", ""]
        for one in self.findings:
            first, *rest = tables.paragraph(f"{one.name}: {one.detail}", width=100)
            lines += [f"{one.status.upper() if one.status != 'pass' else 'pass':<8}{first}"]
            lines += [" " * 8 + line for line in rest]
            lines += [" " * 8 + line for line in tables.paragraph(f"To mend: {one.fix}", width=100)] if one.fix else []
        if (wrong := sum(one.status == "fail" for one in self.findings)) > 1:
            lines += ["", f"{wrong} findings. Nothing more is tried until every key has a meaning." if not self.digest
                      else f"{wrong} findings."]  # fmt: skip
        return "\n".join(lines)


def check(work: Workspace, *, file: Path | None = None) -> Checked:
    """Try the policy of the workspace's problem, or the one in `file`: keys and units, contradictions between trials,
    release and monitoring, thresholds that the incumbent shows to be out of reach, and gates that no mutant fails.

    Nothing is written. Raises InvalidInput for a file that is not there.
    """
    problem = work.problem
    path = file or work.settings.policy(problem.name)
    if not path.is_file():
        raise InvalidInput(f"There is no policy at {path}.", hint="Name another with --file.")
    try:
        policy, faults = policies.read(path, problem)
    except InvalidInput as error:
        found = Finding(RULES, "fail", str(error).removeprefix(f"{path}: "), error.hint)
        return Checked(problem.name, path, "", 0, (found,))
    if policy is None:
        return Checked(problem.name, path, "", 0, tuple(Finding.of(RULES, fault) for fault in faults))
    findings = [Finding(RULES, "pass", f"{len(policy.gates)} gates; every key, unit and number has a meaning.")]
    findings += [*_contradictions(work, policy), *_holdouts(work, policy)]
    work.say("breaking a healthy comparison in every way a gate must notice")
    bitten, count = policy_check.teeth(problem, policy)
    findings += [*bitten, *_incumbent(work, policy)]
    return Checked(problem.name, path, policy.digest, count, tuple(findings))


def _contradictions(work: Workspace, policy: Policy) -> list[Finding]:
    name = work.problem.name
    serves = plugins.subject(name) == "problems"  # what is made elsewhere is neither released nor watched
    found = [Finding.of("contradictions", one) for one in policy_check.contradictions(policy, released=serves)]
    if serves:
        try:
            watched, faults = monitoring_policies.read(work.settings, name)
        except InvalidInput as error:
            found.append(Finding("contradictions", "fail", f"The monitoring policy can't be read: {error}", error.hint))
        else:
            faults = watched_contradictions(watched, policy) if watched is not None else faults
            found += [Finding.of("contradictions", one) for one in faults]
    return found or [Finding("contradictions", "pass", "Trials, release and monitoring can all be meant.")]


def _holdouts(work: Workspace, policy: Policy) -> list[Finding]:
    """The holdouts that are kept by another plan of spending than the policy's: it does not change their accounts."""
    found: dict[str, list[str]] = {}
    try:
        for record in work.registry.snapshots(work.problem.name):
            told = holdout_account.read(work.registry, record.holdout_digest).told(policy.spending)
            if said := spending.plan_words(told):
                found.setdefault(said, []).append(record.dataset_version)
    except RegistryError as error:
        return [Finding("holdouts in use", "unknown", f"Their accounts can't be read: {error}", error.hint)]
    fix = "Freeze a new window with 'holdout-freeze', or leave the plan as it was."
    return [Finding("holdouts in use", "warn", f"{', '.join(names)}: {said}", fix) for said, names in found.items()]


def _incumbent(work: Workspace, policy: Policy) -> list[Finding]:
    """What the champion's stored rows say; exempt without a champion, unknown without its evidence."""
    try:
        judged = _judged(work)
        if judged is None:
            said = "No champion yet: not tried. Ask again once there is one."
            return [Finding("attainable", "exempt", said)]
        work.say(f"asking the evidence of {judged.id}, which made version {judged.challenger.version} champion")
        bundle = evidence.read(work.settings.evidence, judged.evidence.bundle_digest, work.problem)
        return list(incumbent_check.against_incumbent(policy, bundle.comparison, bundle.trial))
    except (WorkflowError, RegistryError) as error:
        return [Finding("attainable", "unknown", f"The champion's evidence can't be read: {error}", error.hint)]


def _judged(work: Workspace) -> Proposal | None:
    """The proposal whose evidence first made the present champion one."""
    moves = work.registry.moves(work.problem.name)
    for move in moves:
        if move.to_ref == moves[-1].to_ref:
            found: Proposal = work.registry.proposal(move.proposal_id)
            if found.kind != "rollback":
                return found
    return None
