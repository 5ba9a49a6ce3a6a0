"""A release waits for findings, signatures, documents and looks, says so, and is green when all is mended; and every
figure of the documents is what stands in the evidence that it links to."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ds_workflow.adapters import printing
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.adapters.monitoring_history import History
from ds_workflow.domain.monitoring.looks import Finding as Seen
from ds_workflow.domain.monitoring.looks import Look
from ds_workflow.errors import InvalidInput, SourceUnavailable, StateConflict, UnknownName
from ds_workflow.reports import release_report
from ds_workflow.use_cases import documents
from ds_workflow.use_cases.release import gates as release
from ds_workflow.use_cases.release import papers
from ds_workflow.use_cases.release.walk import Walk
from ds_workflow.workspace import Workspace
from registry.records import utc_text

PAPERS = {"documents", "in service", "findings", "checklist", "monitoring", "incidents", "fallback", "model card"}
PEOPLE = "people: {ana: [data_scientist], paul: [approver], vera: [approver], vic: [viewer]}\n"
CHECKLIST = """
sections:
  A:
    title: Governance
    gates:
      - {id: A1, question: "Who decided?", role: model risk, tier: 2, facts: [independence, no_override]}
      - {id: A2, question: "Is it watched?", role: operations, tier: 2, facts: [monitoring]}
      - {id: A3, question: "May the rows be used?", role: data owner, tier: 2, signed: true}
  L:
    title: Sign-offs
    gates:
      - {id: L1, question: "Recommended?", role: validator, tier: 2, signed: true}
      - {id: L3, question: "Accepted?", role: model risk, tier: 1, signed: true}
"""
TIER = "problems:\n  nyc_sales: {{exposure: {0}, purpose: {1}, reason: A test says so., approvers: {{{2}}}}}\n"
Copy = Callable[..., Workspace]


@pytest.fixture
def copy(champion_workspace: Path, tmp_path: Path) -> Copy:
    """A copy of the champion's workspace, assessed as given."""

    def make(exposure: str = "low", purpose: str = "decision_support", approvers: str = "") -> Workspace:
        root = tmp_path / "home"
        if not root.exists():
            shutil.copytree(champion_workspace, root)
        (root / "config").mkdir(exist_ok=True)
        (root / "config" / "materiality.yaml").write_text(TIER.format(exposure, purpose, approvers), "utf-8")
        return Workspace.at(root, "nyc_sales")

    return make


def of(*names: str) -> release.Gates:
    """The checks of these names, each in its gate."""
    chosen = tuple((gate, tuple(c for c in checks if c[0] in names)) for gate, checks in release.GATES)
    return tuple((gate, checks) for gate, checks in chosen if checks)


def asked(work: Workspace) -> tuple[dict[str, dict[str, str]], dict[str, str], list[dict[str, Any]]]:
    """The checks by name, those that were not asked with the reason, and the steps to green."""
    gates, excused = release.ask(Walk(work), of(*PAPERS))
    report = {"gates": gates, "ready": all(c["status"] == "pass" for g in gates for c in g["checks"])}
    found = {c["name"]: c for g in gates for c in g["checks"]}
    return found, {e["check"].split("/")[1]: e["why"] for e in excused}, release_report.explain(report)


def red(work: Workspace) -> dict[str, str]:
    found, _, _ = asked(work)
    return {name: c["status"] for name, c in found.items() if c["status"] != "pass"}


def look(work: Workspace, status: Any) -> None:
    champion = work.registry.champion("nyc_sales")
    assert champion is not None
    seen = Seen("decay", status, f"it is {status}")
    made = Look("nyc_sales", "performance", utc_text(work.clock()), 1, champion.digest, "p", status, (seen,))
    History(work.settings.store).add(made)


def test_the_lowest_tier_asks_less_and_says_what_it_did_not_ask(copy: Copy) -> None:
    work = copy()
    found, excused, steps = asked(work)
    assert red(work) == {} and steps == []
    assert set(excused) == {"documents", "monitoring"} and all("tier 3" in why for why in excused.values())
    assert "checklist" in found
    look(work, "warn")
    assert red(work) == {"monitoring": "fail"}, "an alert blocks in every tier"
    look(work, "unknown")
    assert "could not tell" in asked(work)[1]["monitoring"]
    look(work, "healthy")
    assert red(work) == {}


def test_a_champion_that_was_moved_round_the_arena_blocks_the_release(copy: Copy) -> None:
    work = copy()
    store = work.settings.store / "mlflow.db"
    for old, new, status in (("none", "none", "pass"), ("champion", "stray", "fail"), ("stray", "champion", "pass")):
        with closing(sqlite3.connect(store)) as database, database:
            database.execute("UPDATE registered_model_aliases SET alias = ? WHERE alias = ?", (new, old))
        ((_, (check,)),) = ((g["name"], g["checks"]) for g in release.ask(Walk(work), of("custody"))[0])
        assert (check["name"], check["status"]) == ("custody", status), check


def test_what_nobody_assessed_counts_as_the_highest_tier(copy: Copy) -> None:
    work = copy("high", "benchmark")
    assert Walk(work).materiality.tier == 2
    (work.settings.root / "config" / "materiality.yaml").write_text("problems: {other: {}}\n", "utf-8")
    elsewhere = replace(work, settings=replace(work.settings, problem="adult_income"))
    assert Walk(elsewhere).materiality.tier == 3, "the checkout assesses what the workspace does not"
    (work.settings.root / "config" / "materiality.yaml").write_text(
        "problems: {nyc_sales: {exposure: huge}}\n", "utf-8"
    )
    found, _, _ = asked(work)
    assert found["checklist"]["status"] == "unknown" and "huge" in found["checklist"]["detail"]


def test_an_open_finding_blocks_by_its_severity_or_once_it_is_overdue(copy: Copy) -> None:
    work = copy()
    day = (work.clock() + timedelta(days=3)).date().isoformat()
    words = {"owner": "ana", "due": day, "by": "vera"}
    high = documents.open_finding(work, title="Elevator flats are undervalued", severity="high", **words)
    low = documents.open_finding(work, title="A typing error", severity="low", **words)
    found, _, steps = asked(work)
    assert found["findings"]["status"] == "fail" and high.id in found["findings"]["detail"]
    assert found["checklist"]["status"] == "skipped", "the checklist waits for the same thing"
    assert high.id in steps[0]["fix"] and low.id not in steps[0]["fix"] and steps[0]["turns"] == ["Release/findings"]
    with pytest.raises(InvalidInput):
        documents.close_finding(work, high.id, by="vera", resolution=" ")
    documents.close_finding(work, high.id, by="vera", resolution="Trained with building histories")
    with pytest.raises(StateConflict, match="Trained with"):
        documents.close_finding(work, high.id, by="vera", resolution="again")
    with pytest.raises(UnknownName, match=low.id):
        documents.close_finding(work, "F-0", by="vera", resolution="x")
    assert red(work) == {}
    now = work.clock()
    on_the_day = replace(work, clock=lambda: now + timedelta(days=3))
    late = replace(work, clock=lambda: now + timedelta(days=4))
    assert red(on_the_day) == {} and red(late)["findings"] == "fail"
    yesterday = (now - timedelta(days=1)).date().isoformat()
    for bad in ({"due": "soon"}, {"due": "2026-02-30"}, {"due": yesterday}, {"severity": "bad"}, {"owner": " "}):
        with pytest.raises(InvalidInput):
            documents.open_finding(work, **{"title": "t", "severity": "low", **words, **bad})


def test_an_open_incident_blocks(copy: Copy) -> None:
    work = copy()
    book = Incidents(work.settings.store)
    one = book.note("nyc_sales", "swap", "could not load", at=utc_text(work.clock()), by="serving")
    assert red(work) == {"incidents": "fail"}
    book.close(one.id, at=utc_text(work.clock()), by="ana", resolution="restored")
    assert red(work) == {}


def test_a_higher_tier_waits_for_looks_signatures_and_documents_and_is_green_when_mended(copy: Copy) -> None:
    work = copy("medium", "decision_support", "validator: vera")
    work.path("config", "checklist", "effective_challenge.yaml").write_text(CHECKLIST, "utf-8")
    assert red(work) == {"monitoring": "unknown", "documents": "fail", "checklist": "fail"}
    look(work, "healthy")
    _, _, steps = asked(work)
    words = " ".join(step["fix"] for step in steps)
    assert "docs-build" in words and "L1 (vera)" in words and "monitor-performance" not in words
    with pytest.raises(StateConflict, match="Nobody is declared"):
        documents.sign(work, "A3", by="paul")
    (work.settings.root / "config" / "people.yaml").write_text(PEOPLE, "utf-8")
    for name, why in {"ANA": "owns this version", "vic": "who may: ana, paul, vera", "eve": "who may"}.items():
        with pytest.raises(StateConflict, match=why):
            documents.sign(work, "A3", by=name)
    with pytest.raises(StateConflict, match="validator, vera"):
        documents.sign(work, "L1", by="paul")
    with pytest.raises(StateConflict, match="filled from the registry"):
        documents.sign(work, "A1", by="paul")
    with pytest.raises(UnknownName):
        documents.sign(work, "Z9", by="paul")
    documents.sign(work, "L1", by="vera", note="Read.")
    documents.build(work, pdf=False)
    assert red(work) == {"checklist": "fail"}, "one signature is lacking"
    documents.sign(work, "A3", by="paul")
    assert red(work) == {"documents": "fail"}, "the documents are older than the last signature"
    documents.build(work, pdf=False)
    assert red(work) == {}
    folder = work.settings.root / "docs" / "packs" / "nyc_sales" / "v1"
    page = folder / "metrics_summary.md"
    page.write_text(page.read_text("utf-8").replace(" %](", " %] ("), "utf-8")
    assert red(work) == {"documents": "fail"}, "a changed document"
    documents.build(work, pdf=False)
    documents.sign(work, "A3", by="paul", withdraw=True)
    assert red(work) == {"documents": "fail", "checklist": "fail"}
    work = copy("high", "regulated", "validator: vera")
    assert "L3 unsigned" in asked(work)[0]["checklist"]["detail"], "tier 1 asks for more"


def test_a_run_of_few_test_files_counts_and_says_how_few(copy: Copy, house: Path) -> None:
    work = copy()
    path = work.path("reports", "tests.json")
    record = {"commit": work.commit, "passed": 90, "failed": 0, "skipped": 0, "files": list(papers.PROOFS)}
    path.write_text(json.dumps(record), "utf-8")
    there = len(list((house / "tests").rglob("test_*.py")))
    status, said, _ = papers.tests(Walk(work))
    assert status == "pass" and f"2 of the {there} test files of the checkout ran, the others were not run" in said
    for change in ({"failed": 1}, {"files": list(papers.PROOFS[:1])}, {"commit": "other"}):
        path.write_text(json.dumps({**record, **change}), "utf-8")
        assert papers.tests(Walk(work))[0] == "fail", change


def test_a_retired_version_is_out_of_reach(copy: Copy) -> None:
    work = copy()
    with pytest.raises(StateConflict, match="is the champion"):
        documents.retire(work, 1, criterion="age", reason="old", by="ana")
    with pytest.raises(InvalidInput, match="superseded"):
        documents.retire(work, 1, criterion="boredom", reason="old", by="ana")


# --- the pack --------------------------------------------------------------------------------------------------------

LINK = re.compile(r"\[((?:[^\[\]\\]|\\.)*)\]\((evidence/[^)#]+)#([^)]*)\)")
BARE = re.compile(r"(?<![\w./-])\d[\d,.]*(?![\w/])")


def at(content: Any, pointer: str) -> Any:
    for word in pointer.split("/")[1:]:
        step = word.replace("~1", "/").replace("~0", "~")
        content = content[int(step)] if isinstance(content, list) else content[step]
    return content


@pytest.fixture(scope="module")
def pack(champion_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pack") / "home"
    shutil.copytree(champion_workspace, root)
    return documents.build(Workspace.at(root, "nyc_sales"), pdf=False).folder


def test_every_number_in_a_table_is_in_the_evidence_that_it_links_to(pack: Path) -> None:
    seen = 0
    for page in sorted(pack.glob("*.md")):
        text = page.read_text("utf-8")
        for shown, path, fragment in LINK.findall(text):
            value = at(json.loads((pack / path).read_text("utf-8")), unquote(fragment))
            number = re.match(r"[-+]?\d[\d,]*(\.\d+)?(?= ?(%|pp|USD)?$)", shown)
            if number is None or isinstance(value, str):
                bare = shown.replace("`", "").replace("\\", "")
                assert bare == " ".join(str(value).replace("`", "").split()), (page.name, shown, value)
                continue
            printed = float(number[0].replace(",", ""))
            scale = 100 if shown.endswith((" %", " pp")) else 1
            half = 0.5 * 10.0 ** -len((number[1] or ".")[1:])
            assert abs(printed - scale * value) <= half * (1 + 1e-9), (page.name, shown, value)
            seen += 1
        if page.name in ("dictionary.md", "index.md"):
            continue  # a declaration, and the list of the documents
        rows = [line for line in text.splitlines() if line.startswith("|")]
        for row in rows:
            left = BARE.findall(re.sub(r"`[^`]*`", "", re.sub(r"\[(?:[^\[\]\\]|\\.)*\]\([^)]*\)", "", row)))
            assert not left, f"{page.name}: a number without evidence: {row}"
    assert seen > 300


def test_the_digests_in_the_documents_are_those_of_the_files(pack: Path) -> None:
    import hashlib

    assert documents.check(Workspace.at(pack.parents[3], "nyc_sales")) == []
    listed = dict(
        re.findall(r"\[[^]]*\]\((evidence/[^)]+)\).*`([0-9a-f]{64})`", (pack / "evidence.md").read_text("utf-8"))
    )
    files = {f"evidence/{p.name}": hashlib.sha256(p.read_bytes()).hexdigest() for p in (pack / "evidence").iterdir()}
    assert listed == files
    manifest = json.loads((pack / "manifest.json").read_text("utf-8"))
    assert {k: v for k, v in manifest["files"].items() if k.startswith("evidence/")} == files


def test_what_was_not_measured_says_so_and_what_was_is_not_hidden(pack: Path) -> None:
    validation = (pack / "validation.md").read_text("utf-8")
    assert "Rolling-origin backtest: **NOT PROVIDED**" in validation
    assert "Backtests" in validation.split("## What was not provided")[1]
    for name in ("mdape", "ppe10"):
        assert f"/overall/{name}" in validation and f"/intervals/overall/{name}/0" in validation
    assert "Nobody signed the recommendation" in validation
    assert "SELF-APPROVED" not in (pack / "model_risk.md").read_text("utf-8"), "paul approved what ana owns"
    index = (pack / "index.html").read_text("utf-8")
    assert "NOT PROVIDED" in index and "validation.html" in index


def test_a_pack_that_was_tampered_with_is_named(pack: Path, tmp_path: Path) -> None:
    from ds_workflow.adapters import packs

    def faults(change: Callable[[Path], None], name: str) -> str:
        place = tmp_path / name
        shutil.copytree(pack, place)
        change(place)
        return "; ".join(packs.faults(place))

    card = pack / "evidence" / "scorecard.json"
    assert "scorecard.json was changed" in faults(
        lambda p: (p / "evidence" / card.name).write_text("{}", "utf-8") and None, "one"
    )
    assert "validation.md is gone" in faults(lambda p: (p / "validation.md").unlink(), "two")
    assert "extra.md is not in the manifest" in faults(
        lambda p: (p / "extra.md").write_text("", "utf-8") and None, "three"
    )

    def wrong_figure(place: Path) -> None:
        page = place / "metrics_summary.md"
        figure = re.search(r"\[(\d+\.\d\d) %\]\(evidence/scorecard\.json#/overall/mdape\)", page.read_text("utf-8"))
        assert figure
        page.write_text(page.read_text("utf-8").replace(figure[1], f"{float(figure[1]) - 1:.2f}", 1), "utf-8")
        about = json.loads((place / "manifest.json").read_text("utf-8"))
        packs.seal(place, {k: v for k, v in about.items() if k != "files"})

    assert "is not what stands at evidence/scorecard.json#/overall/mdape" in faults(wrong_figure, "four")
    with pytest.raises(InvalidInput, match="holds no pack"):
        packs.faults(tmp_path)


def test_without_a_browser_the_pack_says_that_nothing_was_printed(
    pack: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DS_WORKFLOW_CHROMIUM", "/nowhere/chromium")
    assert printing.browser() == ""
    with pytest.raises(SourceUnavailable, match=r"pack\.pdf was not printed"):
        printing.to_pdf(pack / "pack.html", tmp_path / "pack.pdf")


def test_a_browser_prints_the_pack(pack: Path, tmp_path: Path) -> None:
    if not printing.browser():
        pytest.skip("no Chromium on this machine")
    printing.to_pdf(pack / "metrics_summary.html", tmp_path / "page.pdf")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert b"/Outlines" in printed, "its headings are the bookmarks of a reader"
