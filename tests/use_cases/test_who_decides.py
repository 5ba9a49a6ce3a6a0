"""How many people a decision takes, and whose interest bars them, as the workspace's files and their authors say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ds_workflow.adapters import authorship
from ds_workflow.use_cases.arena import people
from ds_workflow.workspace import Workspace
from registry.quorum import Rule, interest
from registry.records import Evidence, HypothesisLock, HypothesisRef, Proposal, VersionRef, digest_of

NAME = "adult_income"
TIER_1 = "problems:\n  adult_income: {exposure: high, purpose: automated_decision, reason: Loans hang on it.}\n"
LOCKED = HypothesisLock(NAME, "H-X-001", digest_of("text"), "Hugo", "2026-01-31T12:00:00.000000Z")


def proposal(hypothesis: HypothesisRef | None = None) -> Proposal:
    evidence = Evidence(
        NAME, "promotion", VersionRef(2, digest_of(2)), VersionRef(1, digest_of(1)), "", "", "", "pass", digest_of("b")
    )
    return Proposal("P-1", "promotion", NAME, evidence, "2026-01-31T12:00:00Z", "2026-02-14T12:00:00Z", "olga",
                    hypothesis=hypothesis)  # fmt: skip


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Ben Stone", "-c", "user.email=ben@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(("git", "-C", str(folder), *who, *words), check=True, capture_output=True)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    (tmp_path / "config" / "policies").mkdir(parents=True)
    return Workspace.at(tmp_path, NAME)


def test_alone_one_is_enough_and_nobody_is_barred(work: Workspace) -> None:
    assert people.rule(work, proposal()) == Rule()
    (work.settings.root / "config" / "materiality.yaml").write_text(TIER_1, "utf-8")
    assert people.needed(work, NAME) == 1


def test_the_tier_says_how_many_and_git_says_who_edited_last(work: Workspace) -> None:
    root = work.settings.root
    work.settings.people.write_text("people: {ana: [approver], ben: [approver], hugo: [approver]}\n", "utf-8")
    assert people.needed(work, NAME) == 1
    (root / "config" / "materiality.yaml").write_text(TIER_1, "utf-8")
    policy = root / "config" / "policies" / f"{NAME}.yaml"
    policy.write_text("a: 1\n", "utf-8")
    assert authorship.last_editor(policy) == ()
    git(root, "init", "--quiet")
    assert authorship.last_editor(policy) == (), "never committed"
    git(root, "add", str(policy))
    git(root, "commit", "--quiet", "--message", "a policy")
    assert authorship.last_editor(policy) == ("Ben Stone", "ben@example.org", "ben")
    work.registry.lock_hypothesis(LOCKED)
    rule = people.rule(work, proposal(HypothesisRef(LOCKED.hypothesis_id, LOCKED.digest)))
    assert (rule.people, "tier 1" in rule.why) == (2, True)
    barred = rule.all_interests("olga")
    assert [bool(interest(barred, name)) for name in ("ana", "BEN", "hugo", "Olga")] == [False, True, True, True]
    assert authorship.last_editor(root / "nowhere" / "x.yaml") == ()
