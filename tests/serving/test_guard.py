"""The routes for programs are closed to other sites' pages, and their description brings nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ds_workflow.workspace import Workspace
from serving.app import create_app

LABELS = b"[]"  # no label, so that one who is heard is told 400
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """Without a champion: what is guarded is guarded before anybody is asked."""
    return TestClient(create_app(Workspace.at(tmp_path_factory.mktemp("empty"))))


def test_the_routes_are_described_without_scripts_and_without_other_hosts(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", page.text)
    assert re.findall(r"<script[^>]*>([^<]*)", page.text) == [""]  # the one vendored file, nothing inline
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page.text
    anchors = set(re.findall(r'href="#(shape-\w+)"', page.text))
    assert anchors <= set(re.findall(r' id="([^"]+)"', page.text))
    assert {f"shape-{name}" for name in ("Predictions", "BadRequest", "Health")} <= anchors
    assert "at least 16; at most 120" in page.text  # the declared range of an age
    assert client.get("/redoc").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({**JSON, "Origin": "https://elsewhere.example"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Origin": "http://testserver"}, 400),  # its own page
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 400),
    ],
)
def test_labels_come_from_programs_not_from_other_sites(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/feedback", content=LABELS, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["allowed"] or status == 400


def test_json_answers_are_not_guessed_at_and_not_kept(client: TestClient) -> None:
    for path in ("/health", "/openapi.json", "/nowhere"):
        headers = client.get(path).headers
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store"), path


def test_where_reading_is_closed_labels_need_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_WORKFLOW_READING", "closed")
    work = Workspace.at(tmp_path)
    client = TestClient(create_app(work))
    work.accounts.add("ada", roles=("data_scientist",), password="four plain words here")
    _, token = work.accounts.add_token("ada", label="labels", days=1)
    for headers in (JSON, {**JSON, "Authorization": "Bearer guessed"}):
        refused = client.post("/feedback", content=LABELS, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    heard = client.post("/feedback", content=LABELS, headers={**JSON, "Authorization": f"Bearer {token}"})
    assert heard.status_code == 400
