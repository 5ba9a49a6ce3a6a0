"""What must be refused is refused, changes nothing, and stands in the access log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console import PASSWORD, XSS, Story, hidden, log_in, visit
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ds_workflow.errors import InvalidInput
from ds_workflow.workspace import Workspace
from registry.accounts import Access
from registry.errors import NotEligible
from serving.app import create_app
from serving.web.security import COOKIE, LOGIN_COOKIE, token_of


def refused(story: Story) -> Access:
    """The newest refusal."""
    line: Access = story.work().accounts.access(outcome="refused", limit=1)[0]
    return line


def standing(story: Story) -> tuple[Any, ...]:
    """What no refused request may change."""
    registry = story.work().registry
    return registry.proposals(), registry.moves("adult_income"), registry.decisions()


def form_of(client: TestClient, story: Story, action: str = "approve") -> dict[str, str]:
    """The form of the proposal's page as this person is shown it."""
    page = client.get(f"/arena/{story.proposal}").text
    after = f'action="/arena/{story.proposal}/{action}"'
    found = {name: hidden(page, name, after=after) for name in ("csrf", "seen_digest")}
    return {**found, "reason": "the figures are convincing"}


@pytest.fixture(scope="module")
def ada(app: FastAPI) -> TestClient:
    client = visit(app)
    assert log_in(client, "ada").status_code == 303
    return client


Harm = Callable[[dict[str, str]], dict[str, str]]
FORGED: dict[str, tuple[Harm, int, str]] = {
    "no csrf token": (lambda form: {**form, "csrf": ""}, 403, "form"),
    "a guessed csrf token": (lambda form: {**form, "csrf": "0" * 64}, 403, "form"),
    "a csrf token that is no ASCII": (lambda form: {**form, "csrf": "\u00e9"}, 403, "form"),
    "a forged digest": (lambda form: {**form, "seen_digest": "f" * 64}, 409, "decision"),
    "no digest": (lambda form: {**form, "seen_digest": ""}, 400, "decision"),
    "no reason": (lambda form: {**form, "reason": "  \n "}, 400, "decision"),
    "a reason without end": (lambda form: {**form, "reason": "x" * 2_001}, 400, "decision"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_form_decides_nothing(ada: TestClient, told: Story, how: str) -> None:
    harm, status, kind = FORGED[how]
    before = standing(told)
    answer = ada.post(f"/arena/{told.proposal}/approve", data=harm(form_of(ada, told)))
    assert answer.status_code == status, answer.text
    assert 'role="alert"' in answer.text
    assert standing(told) == before
    line = refused(told)
    assert (line.kind, line.who, line.address, line.path) == (
        kind, "ada", "127.0.0.1", f"/arena/{told.proposal}/approve"
    )  # fmt: skip


def test_the_form_of_one_action_is_no_form_of_another(ada: TestClient, told: Story) -> None:
    form = form_of(ada, told, "reject")
    assert ada.post(f"/arena/{told.proposal}/approve", data=form).status_code == 403
    assert refused(told).kind == "form"


def test_the_form_of_one_session_is_no_form_of_another(app: FastAPI, ada: TestClient, told: Story) -> None:
    form, other = form_of(ada, told), visit(app)
    log_in(other, "ada")
    assert other.post(f"/arena/{told.proposal}/approve", data=form).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}], ids=str
)
def test_a_form_from_another_site_is_refused(ada: TestClient, told: Story, headers: dict[str, str]) -> None:
    before = standing(told)
    answer = ada.post(f"/arena/{told.proposal}/approve", data=form_of(ada, told), headers=headers)
    assert answer.status_code == 403
    assert standing(told) == before
    assert refused(told).detail == "This form was sent by another site."


def test_a_stranger_and_a_program_decide_nothing(app: FastAPI, ada: TestClient, told: Story) -> None:
    form, before = form_of(ada, told), standing(told)
    assert visit(app).post(f"/arena/{told.proposal}/approve", data=form).status_code == 401
    assert refused(told).who == "-"
    _, token = told.work().accounts.add_token("ada", label="nightly", days=1)
    carrying = {"authorization": f"Bearer {token}"}
    assert visit(app).post(f"/arena/{told.proposal}/approve", data=form, headers=carrying).status_code == 401
    assert refused(told).who == "ada (token)"
    assert standing(told) == before


def test_a_viewer_and_the_owner_approve_nothing(app: FastAPI, told: Story) -> None:
    before = standing(told)
    for name, said in (("vic", "needs the role approver"), ("ines", "the approver must be somebody else")):
        client = visit(app)
        log_in(client, name)
        page = client.get(f"/arena/{told.proposal}").text
        assert "Approve and make" not in page
        # the form is not offered, so it is made the way the page would have made it
        session = told.work().accounts.session(client.cookies[COOKIE])
        proposal = told.work().registry.proposal(told.proposal)
        token = token_of(session.secret, "approve", f"{proposal.id} {proposal.row_version}")
        form = {"csrf": token, "seen_digest": told.digest, "reason": "because"}
        answer = client.post(f"/arena/{told.proposal}/approve", data=form)
        assert answer.status_code == 403
        assert said in answer.text
        line = refused(told)
        assert (line.kind, line.who) == ("decision", name)
    assert standing(told) == before


CLIMBS = (
    "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fapp.py",
    "/documents/model_cards/..%2f..%2f..%2fmlruns%2farena.db",
    "/documents/model_cards/%2e%2e%2f%2e%2e%2fhypotheses%2fH-INC-001.md",
    "/documents/arena/..%5c..%5cmlruns",
    "/documents/..%2f..%2fconfig/people.yaml",
    "/documents/model_cards/%00",
)


@pytest.mark.parametrize("path", CLIMBS)
def test_a_path_that_climbs_finds_nothing(app: FastAPI, told: Story, path: str) -> None:
    before = told.work().accounts.access(limit=1)[0].seq
    answer = visit(app).get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "root:" not in answer.text and "min_effect" not in answer.text and "SQLite" not in answer.text
    line = refused(told)
    assert line.kind == "request" and line.seq > before


SQL = (
    "P-1' OR '1'='1",
    "P-20260101T000000000000-00000000'; DROP TABLE proposals; --",
    "1 UNION SELECT password_hash FROM accounts",
    '"',
    "%27%20OR%201=1",
)


@pytest.mark.parametrize("ident", SQL)
def test_sql_in_an_id_is_only_text(app: FastAPI, told: Story, ident: str) -> None:
    before = standing(told)
    for path in (f"/arena/{ident}", f"/hypotheses/{ident}", f"/models/{ident}", f"/models/adult_income/{ident}"):
        assert visit(app).get(path).status_code in (400, 404), path
    assert visit(app).get(f"/arena/{ident}").status_code == 404
    assert refused(told).kind == "request"
    assert "argon2id" not in visit(app).get(f"/arena?problem={ident}").text
    assert standing(told) == before


def test_text_that_tries_to_act_is_shown_as_text(app: FastAPI, told: Story) -> None:
    client = visit(app)
    for path in ("/hypotheses/H-INC-001", f"/arena/{told.proposal}", "/models/adult_income/2", "/models/adult_income"):
        page = client.get(path).text
        assert "<img src=x" not in page and page.count("<script") == 1, path
    assert "&lt;script&gt;" in client.get("/hypotheses/H-INC-001").text
    answer = client.post("/try/adult_income", data={"age": XSS, "education": XSS, "hours_per_week": "40"})
    assert "<img src=x" not in answer.text and "&lt;img" in answer.text


def test_a_form_without_end_is_not_read(app: FastAPI, told: Story) -> None:
    client = visit(app)
    for path, most in (("/login", 1 << 20), ("/try/adult_income", 1 << 20), ("/try/adult_income/scored", 21 << 20)):
        headers = {"content-type": "application/x-www-form-urlencoded", "content-length": str(most + 1)}
        assert client.post(path, content=b"a=1", headers=headers).status_code == 413, path
        assert refused(told).kind == "request"
    endless = client.post("/try/adult_income", content=iter([b"age=1"]))
    assert endless.status_code == 411


def test_a_decision_is_taken_once_by_whoever_is_logged_in(story: Story) -> None:
    client = visit(create_app(story.work()))
    log_in(client, "ada")
    form = {**form_of(client, story), "reason": f"good {XSS}", "approved_by": "ines", "by": "ines"}
    done = client.post(f"/arena/{story.proposal}/approve", data=form)
    assert (done.status_code, done.headers["location"]) == (303, f"/arena/{story.proposal}")
    registry = story.work().registry
    proposal = registry.proposal(story.proposal)
    assert (proposal.disposition, proposal.effect, proposal.decided_by) == ("approved", "applied", "ada")
    assert proposal.reason == f"good {XSS}" and not proposal.self_approved
    page = client.get(f"/arena/{story.proposal}").text
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert [a.kind for a in story.work().accounts.access(limit=1)] == ["decision"]

    before = standing(story)
    again = client.post(f"/arena/{story.proposal}/approve", data=form)
    assert again.status_code == 409
    assert "sent before" in again.text
    assert standing(story) == before
    assert (refused(story).kind, refused(story).who) == ("replay", "ada")
    client.cookies.clear()
    assert client.post(f"/arena/{story.proposal}/approve", data=form).status_code == 401
    assert story.work().registry.verify().ok


def test_rejecting_needs_a_role_and_leaves_the_champion(story: Story) -> None:
    client = visit(create_app(story.work()))
    log_in(client, "vic")
    assert "Rejecting needs the role" in client.get(f"/arena/{story.proposal}").text
    log_in(other := visit(create_app(story.work())), "ines")
    assert other.post(f"/arena/{story.proposal}/reject", data=form_of(other, story, "reject")).status_code == 303
    found = story.work().registry.proposal(story.proposal)
    assert (found.disposition, found.decided_by) == ("rejected", "ines")
    champion = story.work().registry.champion("adult_income")
    assert champion is not None and champion.version == 1


def test_a_user_disabled_meanwhile_decides_nothing(story: Story) -> None:
    client = visit(create_app(story.work()))
    log_in(client, "ada")
    form = form_of(client, story)
    story.work().accounts.disable("ada")
    assert client.post(f"/arena/{story.proposal}/approve", data=form).status_code == 401
    assert story.work().registry.proposal(story.proposal).disposition == "open"


# --- logging in, and who may read -------------------------------------------------------------------------------------


def test_a_cookie_is_hidden_from_scripts_and_from_other_sites(app: FastAPI) -> None:
    cookies = log_in(visit(app), "ada").headers.get_list("set-cookie")
    session = next(c for c in cookies if c.startswith(COOKIE))
    assert "HttpOnly" in session and "SameSite=strict" in session and "Secure" not in session
    secure = TestClient(app, base_url="https://127.0.0.1", client=("127.0.0.1", 1), follow_redirects=False)
    assert "Secure" in next(c for c in log_in(secure, "ada").headers.get_list("set-cookie") if c.startswith(COOKIE))


def test_a_login_needs_the_form_of_this_server(app: FastAPI, told: Story) -> None:
    client = visit(app)
    answer = client.post("/login", data={"name": "ada", "password": PASSWORD, "csrf": "x", "next": "/"})
    assert answer.status_code == 403 and COOKIE not in client.cookies
    assert refused(told).kind == "form"
    client.get("/login")
    assert client.cookies[LOGIN_COOKIE] not in ("", "x")


def test_tries_are_limited_and_logged(story: Story) -> None:
    client = visit(create_app(story.work()))
    for _ in range(5):
        assert log_in(client, "ada", "a wrong password").status_code == 401
    limited = log_in(client, "ada")
    assert limited.status_code == 429 and int(limited.headers["retry-after"]) > 0
    lines = story.work().accounts.access(outcome="refused", limit=6)
    assert [line.kind for line in lines] == ["limit", *["login"] * 5]
    assert "'ada'" in lines[0].detail  # whose account it was aimed at
    assert log_in(visit(client.app, address="127.0.0.2"), "ada").status_code == 303


@pytest.mark.parametrize("where", ["https://evil.example", "//evil.example", "/\\\\evil.example", "javascript:1"])
def test_a_login_leads_nowhere_else(app: FastAPI, where: str) -> None:
    client = visit(app)
    token = hidden(client.get("/login", params={"next": where}).text, "csrf")
    done = client.post("/login", data={"name": "ada", "password": PASSWORD, "csrf": token, "next": where})
    assert (done.status_code, done.headers["location"]) == (303, "/")


def test_logging_out_needs_its_form_and_ends_the_session(app: FastAPI) -> None:
    client = visit(app)
    log_in(client, "vic")
    cookie = client.cookies[COOKIE]
    assert client.post("/logout", data={"csrf": "x"}).status_code == 403
    assert client.post("/logout", data={"csrf": hidden(client.get("/").text, "csrf")}).status_code == 303
    client.cookies.set(COOKIE, cookie)
    assert "Log in" in client.get("/").text


def test_reading_is_open_to_this_machine_alone(app: FastAPI) -> None:
    assert visit(app).get("/").status_code == 200
    assert visit(app, host="localhost").get("/").status_code == 200
    for client in (visit(app, address="192.0.2.7"), visit(app, host="rebound.example"), visit(app, host="10.0.0.5")):
        answer = client.get("/arena")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/arena")
    for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert visit(app).get("/arena", headers={name: "127.0.0.1"}).status_code == 303, name


def test_closed_reading_asks_everybody_and_lets_tokens_in(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_WORKFLOW_READING", "closed")
    closed = create_app(told.work())
    assert visit(closed).get("/").status_code == 303
    _, token = told.work().accounts.add_token("vic", label="reader", days=1)
    client = visit(closed, address="192.0.2.7")
    assert client.get("/", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/", headers={"authorization": "Bearer dsw_x_y"}).status_code == 401
    assert refused(told).kind == "token"
    monkeypatch.setenv("DS_WORKFLOW_READING", "ajar")
    with pytest.raises(InvalidInput, match="ajar"):
        create_app(told.work())


def test_solo_mode_ends_for_a_server_that_runs(champion_workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(champion_workspace, tmp_path / "home")
    registry = Workspace.at(tmp_path / "home", "nyc_sales").registry
    assert registry.champion("nyc_sales") is not None
    Workspace.at(tmp_path / "home").accounts.add("ana", roles=("viewer",), password=PASSWORD)
    with pytest.raises(NotEligible, match="does not have the role 'approver'"):
        registry.roll_back("nyc_sales", to=1, by="ana", reason="x", smoke=lambda _: None, policy_digest="")
