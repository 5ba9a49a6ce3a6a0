"""The routes for programs are closed to other sites' pages, and their description brings nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ds_workflow.errors import InvalidInput
from ds_workflow.workspace import Workspace
from serving import guard
from serving.app import create_app
from serving.web import console

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


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_labels_are_sent_as_what_no_page_of_another_site_may_send_unasked(client: TestClient, kind: str) -> None:
    answer = client.post("/feedback", content=LABELS, headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["errors"][0]["allowed"]) == (415, "Content-Type: application/json")
    spelt = client.post("/feedback", content=LABELS, headers={"Content-Type": "Application/JSON; charset=utf-8"})
    assert spelt.status_code == 400


def changing(client: TestClient) -> list[tuple[str, str]]:
    """Every route that is not asked by GET, of the pages too, with something in the place of its parameters."""
    app: FastAPI = client.app  # type: ignore[assignment]
    found = []
    for route in (*app.routes, *(route for room in console.ROOMS for route in room.router.routes)):
        if isinstance(route, APIRoute):
            path = re.sub(r"\{[^}]*\}", "adult_income", route.path)
            found += [(method, path) for method in route.methods - {"GET", "HEAD", "OPTIONS"}]
    return found


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Origin": "http://testserver:81"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_no_route_is_moved_by_a_page_of_another_site(client: TestClient, headers: dict[str, str]) -> None:
    asked = changing(client)
    assert {("POST", "/predict"), ("POST", "/feedback"), ("POST", "/monitor"), ("POST", "/hooks/mlflow")} <= {*asked}
    assert {("POST", "/login"), ("POST", "/logout"), ("POST", "/try/adult_income")} <= {*asked}
    assert any(path.startswith("/arena/") for _, path in asked)
    for method, path in asked:
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
        if answer.headers["content-type"].startswith("application/json"):
            (error,) = answer.json()["errors"]
            assert "a page of" in error["message"] and error["allowed"]
            assert answer.headers["x-content-type-options"] == "nosniff"
        else:
            assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}],
    ids=str,
)
def test_programs_and_own_pages_are_heard(client: TestClient, headers: dict[str, str]) -> None:
    for method, path in changing(client):
        answer = client.request(method, path, headers=headers)
        assert not re.search("comes from a page|sent by another site", answer.text), f"{method} {path}"
    assert client.post("/monitor", json={"metrics": []}, headers=headers).status_code == 200


# --- who asks, behind a proxy ----------------------------------------------------------------------------------------


def seen(
    monkeypatch: pytest.MonkeyPatch, peer: str, told: str, *, trusted: str = "", uvicorn: str | None = None
) -> str:
    """Whom a route takes for the caller: `peer` connects and sends `told`; `uvicorn` are the proxies that the server
    before the application believes (None: none, and the application was told so)."""
    monkeypatch.setenv("DS_WORKFLOW_TRUSTED_PROXIES", trusted)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    if uvicorn is not None:
        monkeypatch.delenv("FORWARDED_ALLOW_IPS")
    app = FastAPI()

    @app.get("/")
    def who(request: Request) -> str:
        return f"{request.url.scheme} {request.client.host if request.client else None}"

    guard.believe_named_proxies_alone(app)
    before = app if uvicorn is None else ProxyHeadersMiddleware(app, trusted_hosts=uvicorn)  # type: ignore[arg-type]
    headers = {"X-Forwarded-For": told, "X-Forwarded-Proto": "https"} if told else {}
    answer: str = TestClient(before, client=(peer, 4711)).get("/", headers=headers).json()
    return answer


def test_nobody_is_believed_about_where_a_request_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for trusted in ("", "10.0.0.5"):
        assert seen(monkeypatch, "127.0.0.1", "9.9.9.9", trusted=trusted) == "http 127.0.0.1"
    for told in ("9.9.9.9", "9.9.9.9:4711", "[2001:db8::1]:80", "8.8.8.8, 9.9.9.9:012", "9.9.9.9, 10.0.0.5"):
        for trusted in ("", "10.0.0.5"):
            taken_back = seen(monkeypatch, "127.0.0.1", told, trusted=trusted, uvicorn="127.0.0.1")
            assert taken_back.endswith(" forwarded"), (told, taken_back)
    assert seen(monkeypatch, "192.0.2.7", "", uvicorn="127.0.0.1") == "http 192.0.2.7"
    assert seen(monkeypatch, "192.0.2.7", "9.9.9.9", uvicorn="127.0.0.1") == "http 192.0.2.7"


def test_a_named_proxy_is_believed_and_nobody_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for trusted in ("10.0.0.5", "192.0.2.1, 10.0.0.0/24"):
        assert seen(monkeypatch, "10.0.0.5", "1.1.1.1, 9.9.9.9", trusted=trusted) == "https 9.9.9.9"
    for wrong in ("*", "nginx", "10.0.0.5,10.0.0.5/33", "10.0.0.5/24"):
        with pytest.raises(InvalidInput, match="no address and no network"):
            seen(monkeypatch, "10.0.0.5", "", trusted=wrong)


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
