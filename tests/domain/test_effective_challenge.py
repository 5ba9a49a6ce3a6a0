"""Materiality, the checklist, findings, retirement and the ML Test Score: each rule can be broken, and then says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ds_workflow import plugins
from ds_workflow.adapters import governance
from ds_workflow.domain import assurance, findings, materiality, retirement, rubric
from ds_workflow.domain.assurance import Canary, Known
from ds_workflow.domain.checklist import SIGNED, Checklist, Fact, Signature, signatures, standing
from ds_workflow.domain.materiality import Materiality
from ds_workflow.domain.monitoring.looks import Finding as Seen
from ds_workflow.domain.monitoring.looks import Look
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.settings import Settings
from registry.memory import MemoryLedger
from registry.records import (
    Event,
    Evidence,
    Lineage,
    ModelVersion,
    PointerMove,
    Proposal,
    Verification,
    VersionRef,
    digest_of,
)

AT = "2026-02-03T08:00:00.000000Z"
LOOKS = ("input_quality", "skew", "decay", "serving_time")
HOMES: Problem = plugins.load("problems", "nyc_sales").PROBLEM
LINE = Lineage(
    "nyc_sales", "d", digest_of("d"), digest_of("h"), "v1.0", "global", "tuning", "", "ana", 1, "c", "BASELINE",
    "BASELINE",
)  # fmt: skip
VERSION = ModelVersion("nyc_sales", 1, digest_of("m"), "r", LINE, "2026-01-01T00:00:00.000000Z")
TIERS = {1: Materiality(), 2: Materiality("medium", "decision_support", "r"), 3: Materiality("low", "benchmark", "r")}


def proposal(**changes: Any) -> Proposal:
    """A promotion of version 2 that passed, open unless told otherwise."""
    evidence = Evidence(
        "nyc_sales", "promotion", VersionRef(2, digest_of("c")), VERSION.ref, digest_of("h"), digest_of("p"),
        digest_of("y"), "pass", digest_of("b"),
    )  # fmt: skip
    made = Proposal("P-1-x", "promotion", "nyc_sales", evidence, AT, "2026-03-01T00:00:00.000000Z", "ana")
    return replace(made, **changes)


def events(*told: tuple[str, str, dict[str, Any]]) -> list[Event]:
    ledger = MemoryLedger()
    for kind, subject, body in told:
        ledger.add_event(at=AT, kind=kind, subject=subject, body=body)
    return ledger.events()


# --- what ships ------------------------------------------------------------------------------------------------------


def test_every_shipped_problem_is_assessed_and_its_source_told(house: Path) -> None:
    settings = Settings(house)
    subjects = [*plugins.names("problems"), *plugins.names("contests")]
    assert all(governance.materiality(settings, name).assessed for name in subjects)
    assert governance.materiality(settings, "nobody's").tier == 1
    for name in plugins.names("problems"):
        assert {"cadence", "retention", "personal"} <= set(governance.sourcing(settings, name)), name


def test_a_shipped_problem_waits_for_signatures(house: Path) -> None:
    """As shipped, at least one release can't go out unsigned, with every fact of the machine green; another can."""
    settings = Settings(house)
    listed = governance.checklist(settings)
    green = {name: Fact(name, "pass", "so") for name in assurance.FACTS}
    waiting = {}
    for name in plugins.names("problems"):
        lines = standing(listed, facts=green, signed={}, materiality=governance.materiality(settings, name))
        waiting[name] = {line.gate.id for line in lines if line.open}
        assert all(line.status == "unsigned" and line.gate.signed for line in lines if line.open)
    assert {"B3", "G2", "L1", "L2"} <= waiting["taxi_demand"] and waiting["nyc_sales"] == set()


def test_the_checklist_has_sections_a_to_l_and_the_rubric_28_tests(house: Path) -> None:
    listed = governance.checklist(Settings(house))
    assert "".join(listed.sections) == "ABCDEFGHIJKL"
    assert {gate.section for gate in listed.gates} == set(listed.sections)
    assert {gate.tier for gate in listed.gates} == {1, 2, 3}
    items = governance.test_score(Settings(house))
    assert len(items) == 28
    for item in items:  # a test file that is named is there, a gate that is named is signed by people
        assert all((house / file).is_file() for file in item.files), item
        assert not item.gate or listed.gate(item.gate).signed, item


def test_the_page_of_data_sources_is_the_one_that_the_command_writes(house: Path) -> None:
    from ds_workflow.use_cases import documents
    from ds_workflow.workspace import Workspace

    text = documents.build_sources(Workspace.at(house))
    assert (house / "docs" / "DATA_SOURCES.md").read_text("utf-8") == text, (
        "docs/DATA_SOURCES.md is old; run 'make docs'"
    )


# --- materiality -----------------------------------------------------------------------------------------------------


def test_a_tier_never_falls_when_more_hangs_on_a_model() -> None:
    for row in materiality.TABLE.values():
        assert list(row) == sorted(row, reverse=True), "more exposure, a higher tier"
    for column in zip(*materiality.TABLE.values(), strict=True):
        assert list(column) == sorted(column, reverse=True), "a graver purpose, a higher tier"
    for one, other in ((1, 2), (2, 3)):
        high, low = materiality.REQUIRED[one], materiality.REQUIRED[other]  # type: ignore[index]
        assert set(low.blocking) <= set(high.blocking)
        for name in ("pack", "signatures", "independent", "monitoring"):
            assert getattr(high, name) >= getattr(low, name)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"exposure": "low", "purpose": "benchmark"},
        {"exposure": "tiny", "purpose": "benchmark", "reason": "r"},
        {"exposure": "low", "purpose": "fun", "reason": "r"},
        {"exposure": "low", "purpose": "benchmark", "reason": "r", "teir": 3},
        {"exposure": "low", "purpose": "benchmark", "reason": "r", "approvers": {"validator": " "}},
        {"exposure": "low", "purpose": "benchmark", "reason": "r", "approvers": ["vera"]},
    ],
)
def test_an_assessment_that_does_not_say_all_is_refused(entry: Any) -> None:
    with pytest.raises(InvalidInput, match="here"):
        Materiality.parse(entry, where="here")


# --- the checklist ---------------------------------------------------------------------------------------------------

SPOIL: dict[str, Callable[[dict[str, Any]], None]] = {
    "twice the same id": lambda c: c["gates"].append(dict(c["gates"][0])),
    "a fact nobody computes": lambda c: c["gates"][0].update(facts=["vibes"]),
    "asks nobody": lambda c: c["gates"][0].update(facts=[]),
    "no such tier": lambda c: c["gates"][0].update(tier=4),
    "an id of another section": lambda c: c["gates"][0].update(id="B1"),
    "an unknown key": lambda c: c["gates"][0].update(sgined=True),
}


@pytest.mark.parametrize("how", SPOIL)
def test_a_checklist_that_could_not_fail_is_refused(how: str) -> None:
    def content() -> dict[str, Any]:
        gate = {"id": "A1", "question": "Owned?", "role": "model risk", "tier": 3, "facts": ["owner"]}
        return {"sections": {"A": {"title": "Governance", "gates": [gate]}}}

    assert Checklist.parse(content(), facts=["owner"]).gates[0].facts == ("owner",)
    spoilt = content()
    SPOIL[how](spoilt["sections"]["A"])
    with pytest.raises(InvalidInput):
        Checklist.parse(spoilt, facts=["owner"])


def test_the_machine_knows_nothing_green_of_a_version_without_records() -> None:
    """Nothing that needs a record passes without it: what is left is what the version and the declaration say."""
    empty = Known(problem=HOMES, version=VERSION, at=AT, materiality=Materiality())
    green = {name for name, fact in assurance.facts(empty).items() if fact.status == "pass"}
    told_by_version = {
        "owner",
        "hypothesis",
        "lineage",
        "dictionary",
        "availability",
        "limits",
        "in_service",
        "findings",
    }
    assert green == told_by_version | {"fallback"}
    lost = replace(VERSION, lineage=replace(LINE, owner=" ", git_commit="unknown", hypothesis_id="H-1"))
    worse = assurance.facts(replace(empty, version=lost))
    assert {worse[name].status for name in ("owner", "lineage")} == {"fail"} and worse["hypothesis"].status == "unknown"


def test_facts_turn_red_with_what_they_are_about() -> None:
    gone = retirement.Retirement("nyc_sales", 1, VERSION.digest, "age", "old", "ana", AT)
    late = findings.opened(
        "F-1", "nyc_sales", version=1, severity="low", title="t", owner="ana", due="2026-02-02", by="v", at="2026-02-01"
    )
    moved = (PointerMove("nyc_sales", "P-1", None, VersionRef(1, VERSION.digest), "ana", AT),)
    known = Known(problem=HOMES, version=VERSION, at=AT, materiality=TIERS[3], moves=moved, custody="in_custody")
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "custody": ({"custody": "drifted"}, "fail"),
        "in_service": ({"retired": {1: gone}}, "fail"),
        "findings": ({"findings": (late,)}, "fail"),
        "incidents": ({"incidents": ("I-1 is open",)}, "fail"),
        "monitoring": ({"monitoring": ("critical", "it fell")}, "fail"),
        "chain": ({"chain": Verification(False, 3, ["Event 2 was edited."])}, "fail"),
        "tests": ({"tests": {"passed": 0, "failed": 0}}, "fail"),
        "sourcing": ({"sourcing": {"address": "a", "cadence": "c"}}, "fail"),
        "card": ({"card": "about other bytes"}, "fail"),
        "intervals": ({"files": {"scorecard.json": {"intervals": None}}}, "unknown"),
        "segments": ({"files": {"scorecard.json": {"segments": {}}}}, "fail"),
    }
    assert assurance.facts(known)["custody"].status == "pass"
    for name, (change, status) in cases.items():
        assert assurance.facts(replace(known, **change))[name].status == status, name
    assert (
        assurance.facts(replace(known, at="2026-02-02T23:59:59.000000Z", findings=(late,)))["findings"].status == "pass"
    )


def test_an_approval_by_its_owner_and_an_override_are_no_independence() -> None:
    known = Known(problem=HOMES, version=VERSION, at=AT, materiality=TIERS[3])
    other = proposal(disposition="approved", effect="applied", decided_by="ben", decided_at=AT)
    own = replace(other, decided_by="ana", self_approved=True)
    assert assurance.facts(replace(known, judged=own, decision=own))["independence"].status == "fail"
    assert assurance.facts(replace(known, judged=other, decision=other))["independence"].status == "pass"
    forced = replace(other, kind="override")
    assert assurance.facts(replace(known, judged=forced, decision=forced))["no_override"].status == "fail"


def test_a_signature_counts_for_its_bytes_only_and_can_be_taken_back() -> None:
    body = {"problem": "p", "version": 1, "digest": "a", "gate": "L1", "by": "vera", "own": False, "note": ""}
    signed = (SIGNED, "p/1", {**body, "granted": True})
    taken = (SIGNED, "p/1", {**body, "granted": False})
    assert set(signatures(events(signed), "p", VersionRef(1, "a"))) == {"L1"}
    assert not signatures(events(signed), "p", VersionRef(1, "b"))
    assert not signatures(events(signed), "q", VersionRef(1, "a"))
    assert not signatures(events(signed, taken), "p", VersionRef(1, "a"))
    assert set(signatures(events(signed, taken, signed), "p", VersionRef(1, "a"))) == {"L1"}


def test_a_gate_is_green_only_with_every_fact_and_the_right_signature() -> None:
    gate = {"id": "L1", "question": "Fit?", "role": "validator", "tier": 2, "facts": ["owner"], "signed": True}
    listed = Checklist.parse({"sections": {"L": {"title": "S", "gates": [gate]}}}, facts=["owner"])
    good, bad = Fact("owner", "pass", "ana"), Fact("owner", "unknown", "nobody")
    vera, own = Signature("L1", "vera", AT, "d"), Signature("L1", "ana", AT, "d", own=True)
    named = replace(TIERS[2], approvers={"validator": "vera"})

    def status(fact: Fact, signed: Signature | None, about: Materiality) -> str:
        given = {"L1": signed} if signed else {}
        return standing(listed, facts={"owner": fact}, signed=given, materiality=about)[0].status

    assert status(good, vera, named) == "pass"
    assert status(bad, vera, named) == "unknown", "a signature does not heal a fact"
    assert status(good, None, named) == "unsigned"
    assert status(good, replace(vera, by="paul"), named) == "unsigned", "somebody else is named"
    assert status(good, own, TIERS[2]) == "unsigned", "the owner's own"
    assert status(bad, None, TIERS[3]) == "not required"


# --- findings and retirement -----------------------------------------------------------------------------------------


def test_a_finding_of_another_problem_or_version_blocks_nobody_else() -> None:
    one = findings.opened("F-1", "p", version=1, severity="high", title="t", owner="a", due="2026-12-31", by="v", at=AT)
    assert one.concerns(1) and not one.concerns(2) and replace(one, version=None).concerns(2)
    kept = ("problem", "version", "severity", "title", "owner", "due", "opened_by")
    told = events((findings.OPENED, "F-1", {name: getattr(one, name) for name in kept}))
    assert findings.fold(told, "p") == (one,) and findings.fold(told, "q") == ()


def test_what_is_in_office_or_on_trial_is_not_retired_and_what_is_retired_does_not_come_back() -> None:
    retirement.require_retirable(1, champion=2, proposals=[], retired={})
    with pytest.raises(StateConflict, match="champion"):
        retirement.require_retirable(2, champion=2, proposals=[], retired={})
    with pytest.raises(StateConflict, match="on trial"):
        retirement.require_retirable(2, champion=1, proposals=[proposal()], retired={})
    body = {"problem": "p", "version": 1, "digest": "d", "criterion": "age", "reason": "old", "by": "ana"}
    told = events((retirement.RETIRED, "p/1", body))
    with pytest.raises(StateConflict, match="was retired by ana"):
        retirement.require_retirable(1, champion=2, proposals=[], retired=retirement.fold(told, "p"))
    with pytest.raises(StateConflict, match="was retired by ana"):
        retirement.require_in_service(told, "p", 1)
    retirement.require_in_service(told, "p", 2)
    retirement.require_in_service(told, "q", 1)


# --- the ML Test Score -----------------------------------------------------------------------------------------------


def test_the_score_is_the_smallest_section_and_half_a_point_is_a_persons() -> None:
    content = {s: {f"{s} {k}": {"title": "t", "facts": ["owner"]} for k in range(7)} for s in "abcd"}
    content["b"]["b 0"] = {"title": "t", "gate": "L1"}
    content["b"]["b 1"] = {"title": "t"}
    items = rubric.parse(content, facts={"owner": None})
    facts, signed = {"owner": Fact("owner", "pass", "ana")}, {"L1": Signature("L1", "vera", AT, "d")}
    found = rubric.score(items, facts=facts, ran=frozenset(), signed=signed)
    assert (found.score, found.sections["a"], found.sections["b"]) == (5.5, 7.0, 5.5)
    assert found.words.startswith("exceptional")
    nothing = rubric.score(items, facts={"owner": Fact("owner", "unknown", "?")}, ran=frozenset(), signed={})
    assert (nothing.score, nothing.words) == (0.0, rubric.RESEARCH)
    content["a"].pop("a 0")
    with pytest.raises(InvalidInput, match="four of seven"):
        rubric.parse(content, facts={"owner": None})


def looked(kind: Any, status: Any, *names: str, at: str = "2026-02-01T00:00:00.000000Z") -> Look:
    seen = tuple(Seen(name, status, f"{name} is {status}") for name in names)
    return Look("nyc_sales", kind, at, 1, VERSION.digest, "p", status, seen)


def test_monitoring_scores_nothing_before_anybody_has_looked(house: Path) -> None:
    """The rubric as shipped, every fact but the looks green: a trial shows nothing of what is to be monitored."""
    items = governance.test_score(Settings(house))
    known = Known(problem=HOMES, version=VERSION, at=AT, materiality=TIERS[3])

    def monitoring(about: Known) -> dict[str, float]:
        told = assurance.facts(about)
        other = {n: f if n in LOOKS else Fact(n, "pass", "so") for n, f in told.items()}
        found = rubric.score(items, facts=other, ran=frozenset(), signed={})
        return {t.item.id: t.points for t in found.tests if t.item.section == "Monitoring"}

    inputs = looked("inputs", "healthy", "data quality", "drift", "out of range")
    served = looked("performance", "healthy", "performance", "latency", "errors")
    assert set(monitoring(known).values()) == {0.0}
    assert {n for n, p in monitoring(replace(known, looks=(inputs,))).items() if p} == {"Monitor 2", "Monitor 3"}
    both = {n for n, p in monitoring(replace(known, looks=(inputs, served))).items() if p}
    assert both == {"Monitor 2", "Monitor 3", "Monitor 4", "Monitor 6", "Monitor 7"}
    old = looked("inputs", "healthy", "data quality", "drift", "out of range", at="2025-12-01T00:00:00.000000Z")
    bad = looked("inputs", "warn", "data quality", "drift", "out of range")
    for one in (old, bad, looked("inputs", "healthy", "staleness")):
        assert set(monitoring(replace(known, looks=(one,))).values()) == {0.0}


def test_a_canary_is_a_share_of_the_traffic_before_office() -> None:
    moved = (PointerMove("nyc_sales", "P-1", None, VERSION.ref, "ana", AT),)
    known = Known(problem=HOMES, version=VERSION, at=AT, materiality=TIERS[3], moves=moved)

    def status(*trials: Canary) -> str:
        return assurance.facts(replace(known, canaries=trials))["canary"].status

    early = Canary("T-1", "2026-01-20T00:00:00.000000Z", 0.05, 400)
    assert status(early) == "pass"
    assert status() == status(replace(early, requests=0)) == status(replace(early, started_at=AT)) == "unknown"
    back = assurance.facts(known)["way_back"]
    assert back.status == "unknown", "the first champion shows nothing of a way back"


def test_the_bands_are_those_of_the_paper() -> None:
    def words(score: float) -> str:
        return rubric.Score((), dict.fromkeys("abcd", score)).words

    assert [words(s)[:10] for s in (0, 0.5, 1, 1.5, 2, 3, 4, 5, 5.5)] == [
        "more of a ", "not totall", "not totall", "a first pa", "a first pa", "reasonably", "strong lev", "strong lev",
        "exceptiona",
    ]  # fmt: skip


def test_the_data_files_are_yaml_that_a_person_can_read(house: Path) -> None:
    for path in sorted((house / "config" / "documents").glob("*.yaml")):
        assert path.read_text("utf-8").startswith("#") and yaml.safe_load(path.read_text("utf-8")), path
