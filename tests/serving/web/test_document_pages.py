"""The documents of versions as pages: what a pack lists is shown, nothing else is; and a retired version stays out."""

from __future__ import annotations

from pathlib import Path

import pytest
from console import Story, visit

from ds_workflow.errors import StateConflict
from ds_workflow.use_cases import documents
from ds_workflow.use_cases.arena import apply, propose
from serving.app import create_app


def test_a_pack_is_read_page_by_page_and_nothing_beside_it(story: Story) -> None:
    work = story.work("nyc_sales")
    made = documents.build(work, pdf=False)
    (made.folder / "pack.pdf").write_bytes(b"%PDF-1.4 not in the manifest")
    (made.folder / "left.md").write_text("left over", "utf-8")
    reader = visit(create_app(story.work()))
    listed = reader.get("/documents").text
    assert 'href="/documents/packs/nyc_sales/v1/index.html"' in listed and "nyc_sales version 1, built" in listed
    base = "/documents/packs/nyc_sales/v1"
    page = reader.get(f"{base}/validation.html")
    assert page.status_code == 200 and "sandbox" in page.headers["content-security-policy"]
    assert "NOT PROVIDED" in page.text and 'href="evidence/scorecard.json#/overall/mdape"' in page.text
    evidence = reader.get(f"{base}/evidence/scorecard.json")
    assert evidence.status_code == 200 and evidence.headers["content-type"].startswith("text/plain")
    refused = (
        "left.md",
        "pack.pdf",
        "manifest.json",
        "evidence/%2e%2e/index.html",
        "%2e%2e/v1/index.html",
        "",
        "nowhere.md",
    )
    for name in refused:
        assert reader.get(f"{base}/{name}").status_code == 404, name
    assert reader.get("/documents/packs/mars/v1/index.html").status_code == 404
    (made.folder / "manifest.json").write_text("{", "utf-8")
    assert reader.get("/documents").status_code == 200, "half a pack is none"
    assert reader.get(f"{base}/validation.html").status_code == 404


def test_a_link_in_a_pack_that_leads_out_of_it_is_not_followed(story: Story, tmp_path: Path) -> None:
    work = story.work("nyc_sales")
    made = documents.build(work, pdf=False)
    (tmp_path / "secret.md").write_text("secret", "utf-8")
    (made.folder / "index.md").unlink()
    (made.folder / "index.md").symlink_to(tmp_path / "secret.md")
    assert visit(create_app(story.work())).get("/documents/packs/nyc_sales/v1/index.md").status_code == 404


def test_a_retired_version_is_neither_proposed_nor_rolled_back_to(story: Story) -> None:
    work = story.work()
    with pytest.raises(StateConflict, match="on trial"):
        documents.retire(work, 2, criterion="unfit", reason="It leaks", by="ada")
    apply.reject(work, story.proposal, by="ada", reason="It leaks")
    documents.retire(work, 2, criterion="unfit", reason="It leaks", by="ada")
    with pytest.raises(StateConflict, match="was retired by ada"):
        propose.propose(work, [2])
    with pytest.raises(StateConflict, match="was retired by ada"):
        apply.roll_back(work, to=2, by="ada", reason="back")
    assert work.registry.verify().ok
    record = (story.root / "docs" / "retirements" / "adult_income-v2.md").read_text("utf-8")
    assert "unfit" in record and "It leaks" in record and work.registry.version("adult_income", 2).digest in record
    assert "Retired" in visit(create_app(work)).get("/documents/retirements/adult_income-v2.md").text
