"""The documents of a version, held by golden files: of one with every part, and of one of which nothing is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from ds_workflow.domain import assurance, citation, rubric
from ds_workflow.domain.assurance import Known
from ds_workflow.domain.checklist import Checklist, Signature, standing
from ds_workflow.domain.findings import Finding
from ds_workflow.domain.materiality import Materiality
from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem
from ds_workflow.reports import (
    checklist,
    data_sources,
    dictionary,
    lineage,
    metrics_summary,
    model_card,
    monitoring_plan,
    mrm_pack,
    pack,
    release_notes,
    validation,
)
from ds_workflow.reports import rubric as rubric_report
from ds_workflow.reports.cited import Shelf, Source
from ds_workflow.reports.pack_view import View
from registry.records import Lineage, ModelVersion, Proposal, SnapshotRecord, digest_of

PROBLEM = Problem(
    name="homes",
    title="Prices of homes",
    task="binary",
    target="sold",
    target_unit="",
    row_id="row_id",
    time_column="sold_on",
    cluster_column="building",
    segment_column="kind",
    segments=("HOUSE", "FLAT"),
    columns=(Column("sold", "integer", "whether it was sold"), Column("area", "number", "floor area", "sq ft")),
    features=(Feature("area", "floor area", "request"),),
    feature_sets=(FeatureSet("v1.0", ("area",), "baseline"),),
    forbidden={"price_tier": "it is cut from the target"},
    sensitive=("ethnicity",),
    metrics=("roc_auc", "brier"),
    primary_metric="roc_auc",
    strategies=("global",),
    source="an office of records",
    licence="public",
    intended_use="A first figure for a person who knows the market.",
    limits="Not for lending decisions.",
)
LINE = Lineage(
    problem="homes",
    dataset_version="2024-12",
    dataset_digest=digest_of("data"),
    holdout_digest=digest_of("holdout"),
    feature_set_version="v1.0",
    strategy="global",
    change_type="feature",
    change_summary="Adds <b>the block's</b> median | 5 % better.",
    owner="ana",
    seed=42,
    git_commit="0" * 40,
    hypothesis_id="H-1",
    hypothesis_digest=digest_of("hypothesis"),
    base_champion_version=1,
)
VERSION = ModelVersion("homes", 2, digest_of("challenger"), "run-1", LINE, "2026-01-02T00:00:00.000000Z")
SNAPSHOT = SnapshotRecord(
    "homes", "2024-12", digest_of("data"), digest_of("holdout"), 302560, ("sold", "area"), "2019-01-01", "2024-12-31",
    "2023-08-25", 60512, "an office of records", "public", "2026-01-01T00:00:00.000000Z", {"no price": 91000},
)  # fmt: skip
SCORECARD = {
    "overall": {"roc_auc": 0.8312345, "brier": 0.1204},
    "segments": {"HOUSE": {"rows": 40000, "roc_auc": 0.84, "brier": 0.11}, "FLAT": {"rows": 20512, "roc_auc": 0.79}},
    "missing": {"brier in FLAT": "too few rows"},
    "intervals": {"clusters": 34989, "overall": {"roc_auc": [0.8291, 0.8334]}},
}
GATES = [
    {"name": "roc_auc_floor", "segment": "HOUSE", "status": "pass", "observed": 0.84, "interval": [0.83, 0.85],
     "rows": 40000},
    {"name": "leakage", "segment": "", "status": "fail", "observed": None, "interval": None, "rows": None},
]  # fmt: skip


def gate(ident: str, question: str, role: str, tier: int, **rest: object) -> dict[str, object]:
    return {"id": ident, "question": question, "role": role, "tier": tier, **rest}


OWNED = gate("A1", "Owned?", "model risk", 3, facts=["owner", "decision"])
SIGNED_ONES = [
    gate(f"L{i}", q, r, 2, signed=True) for i, q, r in ((1, "Fit?", "validator"), (2, "Ours?", "operations"))
]
LISTED = Checklist.parse(
    {"sections": {"A": {"title": "Governance", "gates": [OWNED]}, "L": {"title": "Sign-offs", "gates": SIGNED_ONES}}},
    facts=assurance.FACTS,
)
SIGNED = {"L1": Signature("L1", "vera", "2026-02-02T10:00:00.000000Z", VERSION.digest, "Read all of it.")}
LATE = Finding(
    "F-1",
    "homes",
    2,
    "high",
    "Flats are undervalued by 5 %",
    "ana",
    "2026-02-01",
    "vera",
    "2026-01-15T00:00:00.000000Z",
)
AT = "2026-02-03T08:00:00.000000Z"
TIER = Materiality("medium", "decision_support", "A test says so.", "", {"validator": "vera"})
WRITERS: dict[str, Callable[[View], str]] = {
    "model_risk": mrm_pack.markdown,
    "validation": validation.markdown,
    "model_card": model_card.of_pack,
    "metrics_summary": metrics_summary.markdown,
    "checklist": checklist.markdown,
    "monitoring_plan": monitoring_plan.markdown,
    "data_sources": data_sources.markdown,
    "ml_test_score": rubric_report.markdown,
    "release_notes": release_notes.markdown,
}  # fmt: skip


def items() -> tuple[rubric.Item, ...]:
    told = {"Data 1": ("owner",), "Model 1": ("decision",), "Infra 1": ("fallback",), "Monitor 1": ("monitoring",)}
    sections = {"Data": "Data", "Model": "Model", "Infrastructure": "Infra", "Monitoring": "Monitor"}
    found = []
    for section, word in sections.items():
        for k in range(1, 8):
            name = f"{word} {k}"
            found.append(rubric.Item(name, section, f"Test {word}", told.get(name, ()), (), "L1" if k == 2 else ""))
    return tuple(found)


def view(known: Known, sources: list[Source], *, pictures: bool) -> View:
    facts = assurance.facts(known)
    lines = standing(LISTED, facts=facts, signed=SIGNED if sources else {}, materiality=known.materiality)
    score = rubric.score(items(), facts=facts, ran=frozenset(), signed=SIGNED if sources else {})
    gates = [
        {"id": x.gate.id, "detail": x.detail, "signature": asdict(x.signature) if x.signature else None} for x in lines
    ]
    always = [
        Source.of("version", asdict(VERSION), "version"),
        Source.of("checklist", {"gates": gates}, "checklist"),
        Source.of("rubric", score.to_dict(), "score"),
        Source.of("facts", {n: asdict(f) for n, f in facts.items()}, "facts"),
        Source.of("findings", {"findings": [asdict(f) for f in known.findings]}, "findings"),
    ]
    drawn = {"roc": "<svg>roc</svg>", "lineage": lineage.chart(known)} if pictures else {}
    return View(Shelf([*always, *sources]), known, facts, LISTED, lines, score, AT, drawn)


@pytest.fixture
def whole(decided: Callable[..., Proposal]) -> View:
    """Nearly everything is there; the owner approved, a finding is late."""
    proposal = decided(solo=True)
    known = Known(
        problem=PROBLEM, version=VERSION, at=AT, materiality=TIER, judged=proposal, decision=proposal,
        snapshot=SNAPSHOT, snapshot_whole=True, custody="in_custody", files={"scorecard.json": SCORECARD},
        findings=(LATE,),
        monitoring=("warn", "performance: roc_auc fell"), incidents=("I-00001 (critical, swap): could not load",),
        sourcing={"address": "https://example.org/rows", "cadence": "monthly", "retention": "five years"},
    )  # fmt: skip
    record = {**asdict(proposal), "verdict": proposal.verdict, "digest": proposal.digest}
    strains = [{"name": "without area", "kind": "missing", "value": 0.81, "loss": 0.02, "wrong": ""}]
    bundle = {
        "gates": GATES,
        "checks": {
            "challenger": {
                "drift": {"features": {"area": {"psi": 0.031}}},
                "stress": {"strains": strains},
                "servability": {"equal": True, "p95_ms": 11.618},
            }
        },
    }
    curves = {"rows": 60512, "roc_area": 0.8312345, "precision_recall_area": 0.41, "base_rate": 0.24}
    titles = {n: {"title": f"Title of {n} within 10 %"} for n in (*PROBLEM.metrics, "mdape", "ppe10")}
    parts = [{"group": "month", "value": "2024-03", "figure": 0.82, "interval": [0.8, 0.84], "rows": 900}]
    differences = [
        {"column": "kind", "metric": "roc_auc", "low": "FLAT", "high": "HOUSE", "difference": 0.05,
         "interval": [0.03, 0.07], "shown": True, "large": False}
    ]  # fmt: skip
    assessed = {"tier": 2, "exposure": "medium", "purpose": "decision_support", "reason": "A test says so."}
    assessed["approvers"] = {"validator": "vera"}
    looks = [{"kind": "performance", "status": "warn", "at": AT, "said": "roc_auc fell by 3 %"}]
    says = [{"point": "Covers validation and monitoring", "here": "The validation report"}]
    guidance = {
        "guidance": [{"name": "A guidance", "issued": "2026-04-17", "page": "https://example.org", "says": says}]
    }
    sources = [
        Source.of("scorecard", SCORECARD, "metrics"),
        Source.of("proposal", record, "proposal"),
        Source.of("decision", record, "decision"),
        Source.of("bundle", bundle, "bundle"),
        Source.of("snapshot", asdict(SNAPSHOT), "snapshot"),
        Source.of("curves", curves, "curves"),
        Source.of("metrics", titles, "metrics"),
        Source.of("stability", {"metric": "roc_auc", "parts": parts}, "stability"),
        Source.of("fairness", {"differences": differences}, "fairness"),
        Source.of("data_sources", dict(known.sourcing), "sources"),
        Source.of(
            "materiality", {"tier": 2, "exposure": "medium", "purpose": "decision_support", "reason": "R"}, "tier"
        ),
        Source.of("declaration", {**dictionary.content(PROBLEM), "feature_count": 1}, "declaration"),
        Source.of("ledger", {"custody": "in_custody", "events": 12, "moves": []}, "ledger"),
        Source.of("policy", {"retrain_after_days": 180, "alpha": 0.05, "gates": []}, "policy"),
        Source.of("monitoring_policy", {"drop": {"warn": 0.03, "critical": 0.06}}, "limits"),
        Source.of("escalation", {"levels": {"warn": {"who": "owner", "hours": 72, "what": "Read."}}}, "levels"),
        Source.of("monitoring", {"looks": looks}, "looks"),
        Source.of("guidance", guidance, "guidance"),
    ]
    return view(known, sources, pictures=True)


@pytest.fixture
def bare() -> View:
    """A version of which nothing but its registration is known."""
    return view(Known(problem=PROBLEM, version=VERSION, at=AT, materiality=Materiality()), [], pictures=False)


@pytest.mark.parametrize("name", WRITERS)
def test_golden_documents(name: str, whole: View, golden: Callable[[str, str], None]) -> None:
    text = WRITERS[name](whole)
    golden(f"pack_{name}.md", text)
    files = {source.path: source.text for source in whole.shelf.sources.values()}
    assert citation.faults(text, files) == []
    assert "SELF-APPROVED" in text and "NOT IN OFFICE" in text, "every document says so in its head"
    assert "<b>" not in pack.body(pack.Document(name, name, text), whole.pictures)


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_not_known_is_not_provided_and_never_a_number(name: str, bare: View) -> None:
    text = WRITERS[name](bare)
    assert "NOT PROVIDED" in text or name in ("ml_test_score", "release_notes")
    files = {source.path: source.text for source in bare.shelf.sources.values()}
    assert citation.faults(text, files) == []
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    plain = re.sub(r"`[^`]*`|\[(?:[^\[\]\\]|\\.)*\]\([^)]*\)", "", rows)
    assert not re.search(r"(?<![\w./-])\d[\d,.]*(?![\w/])", plain), rows
    assert "nan" not in text.lower().split() and "None" not in text


def test_a_green_checklist_says_how_many_gates_nobody_was_asked(bare: View) -> None:
    lowest = Materiality("low", "benchmark", "A test says so.")
    lines = standing(LISTED, facts=bare.facts, signed={}, materiality=lowest)
    calm = replace(bare, known=replace(bare.known, materiality=lowest), lines=lines)
    said = "Of 3 gates 2 are not required in tier 3, 2 of them for people to sign"
    assert said in checklist.markdown(calm)
    assert said not in checklist.markdown(bare), "tier 1 asks all of them"


@pytest.mark.parametrize(("unit", "shown"), [("relative", "[2.00 %]"), ("absolute", "[+0.02]")])
def test_a_loss_under_stress_is_shown_in_its_own_unit(unit: str, shown: str, whole: View) -> None:
    bundle = whole.shelf.get("bundle")
    stress = {**bundle["checks"]["challenger"]["stress"], "unit": unit, "metric": "roc_auc"}
    told = Source.of("bundle", {"gates": [], "checks": {"challenger": {"stress": stress}}}, "bundle")
    kept = [source for source in whole.shelf.sources.values() if source.name != told.name]
    text = validation.markdown(replace(whole, shelf=Shelf([*kept, told])))
    row = next(line for line in text.splitlines() if "without area" in line)
    assert f"{shown}(evidence/bundle.json#/checks/challenger/stress/strains/0/loss)" in row
    assert citation.faults(text, {s.path: s.text for s in (*kept, told)}) == []


def test_counts_of_gaps_read_well() -> None:
    assert [pack.times(n) for n in (1, 2, 3, 1200)] == ["once", "twice", "3 times", "1,200 times"]


def test_pages_hold_their_pictures_and_no_script(whole: View) -> None:
    document = pack.Document("validation", "Validation report", validation.markdown(whole))
    page = pack.html(document, whole.pictures, [document])
    assert "<figure><svg>roc</svg>" in page and "<script" not in page and "<img" not in page
    assert 'href="evidence/scorecard.json#/overall/roc_auc"' in page
    printed = pack.whole("All", [document, pack.evidence(whole.shelf)], whole.pictures)
    assert all(source.digest in printed for source in whole.shelf.sources.values())


def test_a_figure_that_is_not_what_stands_there_is_found() -> None:
    files = {"evidence/a.json": '{"x": 0.16374, "y": [1200000, "many"], "a/b": {"c~": 3}}'}
    right = "[16.37 %](evidence/a.json#/x) [0.1637](evidence/a.json#/x) [1,200,000](evidence/a.json#/y/0)"
    right += " [many](evidence/a.json#/y/1) [3](evidence/a.json#/a~1b/c~0) [a.json](evidence/a.json)"
    assert citation.faults(right, files) == []
    for wrong in (
        "[16.38 %](evidence/a.json#/x)", "[0.1638](evidence/a.json#/x)", "[16.37](evidence/a.json#/x)",
        "[1,200,001](evidence/a.json#/y/0)", "[few](evidence/a.json#/y/1)", "[3](evidence/a.json#/nowhere)",
        "[3](evidence/b.json#/x)", "[3](evidence/a.json#/y/9)",
    ):  # fmt: skip
        assert len(citation.faults(wrong, files)) == 1, wrong
