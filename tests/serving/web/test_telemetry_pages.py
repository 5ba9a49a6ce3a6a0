"""Telemetry's pages: filters in the address, the SQL and the rows behind every picture, and nothing that a log could
inject."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from console import XSS, visit
from fastapi.testclient import TestClient

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.use_cases.telemetry import boards, ingest, simulate
from ds_workflow.workspace import Workspace
from serving.app import create_app


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A console on a workspace whose warehouse holds a small log and one event of a hostile version."""
    work = Workspace.at(tmp_path_factory.mktemp("telemetry"))
    log = work.settings.root / "log"
    simulate.simulate(work, log, count=12_000, seed=3, deal="session")
    ingest.ingest(work, log)
    hostile = {
        **{"event_id": "x", "event_type": "shown", "occurred_at": "2025-03-04T10:00:00Z", "session_id": "x"},
        **{"suggestion_id": "x", "developer_id": "x", "developer_segment": "expert", "language": "go", "task_id": "x"},
        **{"task": "test", "model_version": XSS, "latency_ms": 1, "prompt_length": 1, "suggestion_length": 1},
    }
    (work.settings.root / "x.jsonl").write_text(json.dumps(hostile), "utf-8")
    assert ingest.ingest(work, work.settings.root / "x.jsonl").batch.accepted == 1
    return visit(create_app(work))


def questions(name: str) -> tuple[str, ...]:
    return boards.BOARDS[name][1]


@pytest.mark.parametrize(("path", "name"), [("/telemetry", "telemetry"), ("/telemetry/failures", "failures")])
def test_a_board_shows_every_question_with_its_sql_and_rows(pages: TestClient, path: str, name: str) -> None:
    page = pages.get(path)
    assert page.status_code == 200
    for query in questions(name):
        assert f'href="/telemetry/queries/{query}"' in page.text
        assert f'href="/telemetry/queries/{query}.csv"' in page.text
    assert page.text.count("<svg") >= 10
    assert "95 % intervals" in page.text
    assert "default-src" in page.headers["content-security-policy"]
    assert not re.search(r"<style|style=|onclick|<script>", page.text)


def test_what_a_log_says_is_text(pages: TestClient) -> None:
    for path in ("/telemetry", "/telemetry/failures", "/telemetry/queries/acceptance_by_model"):
        text = pages.get(path).text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text


def test_filters_live_in_the_address(pages: TestClient) -> None:
    cut = "from=2025-03-01&to=2025-04-30&language=python&segment=beginner&version=assistant-2"
    page = pages.get(f"/telemetry?{cut}").text
    assert 'value="2025-03-01"' in page and "<option selected>python</option>" in page
    carried = cut.replace("&", "&amp;")
    assert f"/telemetry/failures?{carried}" in page
    assert f"/telemetry/queries/funnel.csv?{carried}" in page
    rows = pages.get(f"/telemetry/queries/acceptance_by_language.csv?{cut}").text.splitlines()
    assert [line.split(",")[0] for line in rows] == ["language", "python"]
    weeks = pages.get(f"/telemetry/queries/acceptance_trend.csv?{cut}").text.splitlines()[1:]
    assert weeks and all("2025-02-24" <= line[:10] <= "2025-04-30" for line in weeks)


@pytest.mark.parametrize("name", ["acceptance_by_model", "acceptance_rolling", "late_arrivals", "latency_outliers"])
def test_a_query_has_a_page(pages: TestClient, name: str) -> None:
    asked = catalog.named(name)
    page = pages.get(f"/telemetry/queries/{name}?segment=expert")
    assert page.status_code == 200
    assert all(f"<code>{column}</code>" in page.text for column in asked.columns)


def test_sql_is_shown_as_it_runs_and_rows_come_as_csv(pages: TestClient) -> None:
    page = pages.get("/telemetry/queries/funnel").text
    assert "from reached" in page and "{{" not in page
    answer = pages.get("/telemetry/queries/funnel.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "funnel.csv" in answer.headers["content-disposition"]
    assert answer.text.splitlines()[0] == ",".join(catalog.named("funnel").columns)
    listed = pages.get("/telemetry/queries").text
    assert all(f'href="/telemetry/queries/{name}"' in listed for name in catalog.names())


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/telemetry?language=cobol", 400, "There is no language"),
        ("/telemetry?from=soon", 400, "is no day"),
        ("/telemetry?from=2031-01-01", 400, "No suggestion was shown there"),
        ("/telemetry?version=%27%3B+drop+table", 400, "name a model version"),
        ("/telemetry/queries/nonsense", 404, "There is no query"),
        ("/telemetry/queries/nonsense.csv", 404, "There is no query"),
        ("/telemetry/queries/..%2Fviews%2Fsuggestions", 404, ""),
    ],
)
def test_what_can_not_be_shown_is_said(pages: TestClient, path: str, status: int, said: str) -> None:
    page = pages.get(path, headers={"accept": "text/html"})
    assert page.status_code == status
    assert said in page.text and "Traceback" not in page.text


def test_before_the_first_event_the_page_says_how_to_begin(tmp_path: Path) -> None:
    client = visit(create_app(Workspace.at(tmp_path)))
    for path in ("/telemetry", "/telemetry/failures"):
        page = client.get(path)
        assert page.status_code == 200
        assert "telemetry-simulate" in page.text
    assert "no events yet" in client.get("/telemetry/queries/funnel").text
