"""How many people a decision takes, and whose interest bars them, as the workspace's files and their authors say."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from ds_workflow.adapters import authorship
from ds_workflow.adapters.authorship import Edits
from ds_workflow.use_cases import hypotheses
from ds_workflow.use_cases.arena import people
from ds_workflow.workspace import Workspace
from registry.errors import Conflict, InvalidRecord, NotEligible
from registry.memory import MemoryLedger, MemoryVersions
from registry.ports import RunRecord
from registry.quorum import Rule, interest
from registry.records import Evidence, HypothesisLock, HypothesisRef, Lineage, Proposal, VersionRef, digest_of
from registry.service import Registry

NAME = "adult_income"
TIER_1 = "problems:\n  adult_income: {exposure: high, purpose: automated_decision, reason: Loans hang on it.}\n"
LOCKED = HypothesisLock(NAME, "H-X-001", digest_of("text"), "Hugo", "2026-01-31T12:00:00.000000Z")


def proposal(hypothesis: HypothesisRef | None = None) -> Proposal:
    evidence = Evidence(
        NAME, "promotion", VersionRef(2, digest_of(2)), VersionRef(1, digest_of(1)), "", "", "", "pass", digest_of("b")
    )
    return Proposal("P-1", "promotion", NAME, evidence, "2026-01-31T12:00:00Z", "2026-02-14T12:00:00Z", "olga",
                    hypothesis=hypothesis)  # fmt: skip


def git(folder: Path, *words: str, who: str = "Ben Stone") -> None:
    email = f"{who.split(maxsplit=1)[0].lower()}@example.org"
    said = ("-c", f"user.name={who}", "-c", f"user.email={email}", "-c", "commit.gpgsign=false")
    subprocess.run(("git", "-C", str(folder), *said, *words), check=True, capture_output=True)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    (tmp_path / "config" / "policies").mkdir(parents=True)
    return Workspace.at(tmp_path, NAME)


def test_alone_one_is_enough_and_nobody_is_barred(work: Workspace) -> None:
    assert people.rule(work, proposal()) == Rule()
    (work.settings.root / "config" / "materiality.yaml").write_text(TIER_1, "utf-8")
    assert people.needed(work, proposal()) == 1


def test_the_tier_says_how_many_and_git_says_who_edited(work: Workspace) -> None:
    root = work.settings.root
    work.settings.people.write_text("people: {ana: [approver], ben: [approver], hugo: [approver]}\n", "utf-8")
    assert people.needed(work, proposal()) == 1
    (root / "config" / "materiality.yaml").write_text(TIER_1, "utf-8")
    policy = root / "config" / "policies" / f"{NAME}.yaml"
    policy.write_text("a: 1\n", "utf-8")
    assert authorship.edits(policy) == Edits(known=False), "outside git"
    git(root, "init", "--quiet")
    assert authorship.edits(policy).uncommitted, "never committed"
    git(root, "add", str(policy), "config/materiality.yaml")
    git(root, "commit", "--quiet", "--message", "a policy")
    assert authorship.edits(policy) == Edits(("Ben Stone", "ben@example.org", "ben"))
    work.registry.lock_hypothesis(LOCKED)
    rule = people.rule(work, proposal(HypothesisRef(LOCKED.hypothesis_id, LOCKED.digest)))
    assert (rule.people, rule.tier, "tier 1" in rule.why, rule.refused, rule.unknown) == (2, 1, True, "", ())
    barred = rule.all_interests("olga")
    assert [bool(interest(barred, name)) for name in ("ana", "BEN", "hugo", "Olga")] == [False, True, True, True]
    assert authorship.edits(root / "nowhere" / "x.yaml") == Edits()


def test_no_editor_is_freed_by_an_edit_that_nobody_committed_or_by_a_later_commit(work: Workspace) -> None:
    root = work.settings.root
    policy = root / "config" / "policies" / f"{NAME}.yaml"
    git(root, "init", "--quiet")
    for text, who in (("a: 1\n", "Old"), ("a: 2\n", "Ana"), ("a: 2\n# a word\n", "Ben"), ("a: 3\n", "Cy")):
        policy.write_text(text, "utf-8")
        git(root, "add", "--all", who=who)
        git(root, "commit", "--quiet", "--message", "x", who=who)
    assert {"Ana", "Ben", "Cy", "Old"} <= {*authorship.edits(policy).names}
    first = authorship.digest(b"a: 1\n")
    names = {*authorship.edits(policy, since=first).names}
    assert {"Ana", "Ben", "Cy"} <= names and "Old" not in names, "all since the version that was decided"
    plain = authorship.edits(policy, meaning=lambda content: content.split(b"#")[0].strip().decode())
    assert "Ben" not in plain.names, "what means the same was not changed"
    policy.write_text("a: 4\n", "utf-8")
    work.settings.people.write_text("people: {ana: [approver], dan: [approver]}\n", "utf-8")
    rule = people.rule(work, proposal())
    with pytest.raises(Conflict, match=f"policies/{NAME}.yaml, which was never committed"):
        rule.require_open()
    told = people.deciders(work, proposal())
    assert told is not None and told.may == () and "never committed" in told.words()
    with pytest.raises(Conflict, match="never committed"):
        people.require_appointable(work, owner="ana", approved_by="dan")
    policy.write_text("a: 3\n", "utf-8")
    assert people.rule(work, proposal()).refused == ""


def test_outside_git_every_view_says_that_the_editor_is_not_known(work: Workspace) -> None:
    (work.settings.root / "config" / "policies" / f"{NAME}.yaml").write_text("a: 1\n", "utf-8")
    assert people.bind(work, {})["notes"] == [], "alone nobody is barred anyhow"
    work.settings.people.write_text("people: {ana: [approver], dan: [approver]}\n", "utf-8")
    (note,) = people.bind(work, {})["notes"]
    told = people.deciders(work, proposal())
    assert told is not None and note in told.words()
    assert f"The last editor of config/policies/{NAME}.yaml is not known" in note


def test_a_proposal_binds_its_tier_and_an_eased_one_changes_nothing(work: Workspace) -> None:
    work.settings.people.write_text("people: {ana: [approver], ben: [approver]}\n", "utf-8")
    file = work.settings.root / "config" / "materiality.yaml"
    file.write_text(TIER_1, "utf-8")
    strict = replace(proposal(), summary=people.bind(work, {}))
    file.write_text(TIER_1.replace("high", "low").replace("automated_decision", "benchmark"), "utf-8")
    eased = replace(proposal(), summary=people.bind(work, {}))
    assert (people.needed(work, strict), people.rule(work, strict).tier) == (2, 1)
    assert (people.needed(work, eased), people.rule(work, eased).tier) == (1, 3)
    file.write_text(TIER_1, "utf-8")
    assert people.needed(work, eased) == 2, "the strictest of then and now"


def test_what_documents_and_git_call_a_person_is_declared(work: Workspace) -> None:
    assert work.known_as("Ana Reyes") == "Ana Reyes"
    work.settings.people.write_text(
        "people: {ana: {roles: [approver], name: Ana Reyes, email: ana.r@example.org}, olga: [approver]}\n", "utf-8"
    )
    assert [work.known_as(name) for name in ("ana  REYES", "Ana.R@example.org", "ANA", "Bo")] == ["ana"] * 3 + ["Bo"]
    folder = work.settings.hypotheses
    folder.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "docs" / "hypotheses" / "H-INC-001.md"
    (folder / shipped.name).write_text(shipped.read_text("utf-8").replace("Ines Moreau", "Ana Reyes"), "utf-8")
    told = people.deciders(work, proposal(HypothesisRef("H-INC-001", digest_of("text"))))
    assert told is not None and dict(told.barred)["ana"] == "wrote its hypothesis" and told.stranger == ""
    (folder / shipped.name).write_text(shipped.read_text("utf-8"), "utf-8")
    checked = hypotheses.check(work, "H-INC-001", dataset_version=None)
    assert not checked.complete and "'Ines Moreau' as its owner" in checked.missing[0]
    work.settings.people.unlink()
    assert hypotheses.check(work, "H-INC-001", dataset_version=None).complete, "alone it is as it was"


def test_who_may_decide_is_told_beforehand_with_what_bars_the_others(work: Workspace) -> None:
    assert people.deciders(work, proposal()) is None, "alone anybody may"
    people.require_decidable(work, owner="olga", hypothesis="H-X-001")
    work.settings.people.write_text(
        "people: {ana: [approver], olga: [approver], hugo: [approver], bot: [approver, agent]}\n", "utf-8"
    )
    work.registry.lock_hypothesis(LOCKED)
    found = people.deciders(work, proposal(HypothesisRef(LOCKED.hypothesis_id, LOCKED.digest)))
    assert found is not None and (found.may, list(found.barred), found.stranger) == (("ana",), ["hugo", "olga"], "")
    assert found.words().startswith(
        "Approvers without an interest in it: ana; not hugo, who locked its hypothesis by training on it; not olga, "
        "who owns this candidate."
    )
    asked = override_of(proposal(), by="ana")
    told = people.deciders(work, asked)
    assert told is not None and told.may == ("hugo",)
    assert told.barred == {"ana": "asked for this override", "olga": "owns the candidate"}
    people.require_decidable(work, owner="olga", hypothesis=LOCKED.hypothesis_id)
    with pytest.raises(NotEligible, match=r"Nobody could decide this.*only nobody .*ana owns.*hugo locked.*olga asks"):
        people.require_decidable(work, owner="ana", hypothesis=LOCKED.hypothesis_id, also={"olga": "asks"})


def override_of(first: Proposal, *, by: str) -> Proposal:
    told = {"of": first.id, "verdict": "fail", "by": by, "reason": "because", "owner": first.owner}
    evidence = replace(first.evidence, kind="override", verdict="fail")
    return replace(first, kind="override", evidence=evidence, owner=by, summary={"override": told})


def test_an_author_whom_nobody_is_declared_as_is_named(work: Workspace) -> None:
    folder = work.settings.hypotheses
    folder.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "docs" / "hypotheses" / "H-INC-001.md"
    (folder / shipped.name).write_text(shipped.read_text("utf-8"), "utf-8")
    work.settings.people.write_text("people: {ana: [approver], ines: [approver]}\n", "utf-8")
    found = people.deciders(work, proposal(HypothesisRef("H-INC-001", digest_of("text"))))
    assert found is not None and found.stranger == "Ines Moreau" and "bars nobody" in found.words()
    work.settings.people.write_text("people: {ana: [approver], INES MOREAU: [approver]}\n", "utf-8")
    again = people.deciders(work, proposal(HypothesisRef("H-INC-001", digest_of("text"))))
    assert again is not None and (again.may, again.stranger) == (("ana",), "")


def test_who_owns_what_the_alias_was_moved_to_does_not_adopt_it(work: Workspace) -> None:
    """The owner of an adoption is who asked for it, and that may be anybody."""
    root = work.settings.root
    rows = pd.DataFrame({"area": np.arange(9.0)})
    lineage = Lineage(NAME, "d1", digest_of(1), digest_of(2), "v1", "global", "data", "", "Tess", 1, "0" * 40, "H-1",
                      digest_of(3))  # fmt: skip
    (root / "files").mkdir()
    versions = MemoryVersions(root / "versions")
    versions.register(
        RunRecord("one", lineage, LinearRegression().fit(rows, rows["area"]), (), {}, {}, {}, root / "files", rows, {}),
        at="2026-01-31T12:00:00.000000Z",
    )
    work.__dict__["registry"] = Registry(versions=versions, ledger=MemoryLedger(), clock=work.clock)
    work.settings.people.write_text("people: {ana: [approver], tess: [approver]}\n", "utf-8")
    evidence = replace(proposal().evidence, kind="adopt", challenger=versions.version(NAME, 1).ref)
    moved = replace(proposal(), kind="adopt", evidence=evidence)
    barred = people.rule(work, moved).all_interests(moved.owner)
    assert [bool(interest(barred, name)) for name in ("ana", "Tess", "olga")] == [False, True, True]


def test_an_appointment_that_its_approver_could_not_decide_is_refused_before_anything_is_trained(
    work: Workspace,
) -> None:
    people.require_appointable(work, owner="anybody", approved_by="anybody else")  # nobody is declared
    work.settings.people.write_text("people: {ana: [approver], dan: [data_scientist], olga: [approver]}\n", "utf-8")
    people.require_appointable(work, owner="dan", approved_by="ana")
    for owner, by, why in (
        ("dan", "zoe", "'zoe' is not declared"),
        ("dan", "dan", "does not have the role"),
        ("olga", "olga", "owns this candidate"),
    ):
        with pytest.raises(NotEligible, match=why):
            people.require_appointable(work, owner=owner, approved_by=by)
    with pytest.raises(InvalidRecord, match="'zoe' is not declared"):
        people.require_appointable(work, owner="zoe", approved_by="ana")
