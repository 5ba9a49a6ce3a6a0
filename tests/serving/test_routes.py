"""Every route but the pages, on one workspace that has a champion for one problem."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from fastapi.testclient import TestClient
from office import Office

from ds_workflow import plugins
from ds_workflow.adapters import monitoring_history
from ds_workflow.cli.main import main
from ds_workflow.use_cases import predict
from ds_workflow.workspace import Workspace
from serving.api import named
from serving.app import create_app

ROW = {"age": 41, "education": "Masters", "hours_per_week": 45, "occupation": "Sales"}
CSV = "age,education,hours_per_week,race,over_50k\n41,Masters,45,White,1\n19,HS-grad,20,,0\n"


@pytest.fixture(scope="module")
def client(trained: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Workspace.at(trained, "adult_income"))) as made:
        made.post("/predict", json=[ROW])
        yield made


def test_by_name_and_by_default_are_the_same(client: TestClient) -> None:
    default = client.post("/predict", json=[ROW]).json()
    by_name = client.post("/problems/adult_income/predict", json=[ROW]).json()
    assert default["predictions"] == by_name["predictions"]
    assert default["model"] == by_name["model"]
    assert default["request_id"] != by_name["request_id"]
    (one,) = default["predictions"]
    assert set(one) == {"probability", "label"}
    assert one["label"] == int(one["probability"] >= 0.5)


def test_other_problems_say_what_they_lack(client: TestClient) -> None:
    answer = client.post("/problems/nyc_sales/predict", json=[{}])
    assert answer.status_code == 503
    assert "nyc_sales has no champion yet" in answer.json()["errors"][0]["message"]
    for method, path in (("GET", "/problems/nope/forecast"), ("POST", "/problems/nope/predict")):
        answer = client.request(method, path)
        assert answer.status_code == 404
        assert "adult_income" in answer.json()["errors"][0]["message"]
    assert client.post("/problems/adult_income/nope").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("GET", "/problems/adult_income/predict", "POST"),
        ("DELETE", "/problems/taxi_demand/forecast", "GET, POST"),
        ("PUT", "/api/taxi/forecast", "GET, POST"),
        ("PATCH", "/feedback", "POST"),
        ("POST", "/health", "GET"),
        ("BREW", "/monitor", "POST"),
        ("DELETE", "/", "GET"),
        ("PUT", "/login", "GET, POST"),
        ("POST", "/static/icon.svg", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_another_method_is_405_and_says_which(
    client: TestClient, method: str, path: str, allowed: str, accept: str
) -> None:
    answer = client.request(method, path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    if accept == "text/html":
        assert answer.headers["content-type"].startswith("text/html")
        return
    (error,) = answer.json()["errors"]
    assert path in error["message"] and error["allowed"] == f"Use {allowed}."


@pytest.mark.parametrize("path", ["/nope", "/problems/adult_income/nope", "/api/nope", "/static/nope.css"])
def test_what_is_not_there_has_the_shape_of_every_refusal(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    (error,) = answer.json()["errors"]
    assert set(error) == {"row", "field", "sent", "allowed", "message"}
    assert path in error["message"]


def test_every_named_path_leads_to_an_installed_problem(client: TestClient) -> None:
    for path, name in {**named.SCORED, **named.PREDICTED, **named.FORECAST}.items():
        assert name in plugins.names("problems")
        answer = client.post(path, content=b"")
        assert answer.status_code in (400, 503), answer.text
        assert client.get("/openapi.json").json()["paths"][path]


# --- explain ---------------------------------------------------------------------------------------------------------


def test_contributions_add_up_to_the_answer(client: TestClient) -> None:
    rows = [ROW, {**ROW, "age": 22, "education": "11th"}]
    body = client.post("/problems/adult_income/explain?top=4", json=rows).json()
    plain = client.post("/predict", json=rows).json()
    assert body["unit"] == "log odds"
    for told, answer in zip(body["explanations"], plain["predictions"], strict=True):
        p = answer["probability"]
        assert told["probability"] == p
        assert len(told["contributions"]) == 4
        added = told["base"] + told["others"] + sum(one["contribution"] for one in told["contributions"])
        assert added == pytest.approx(math.log(p / (1 - p)), abs=1e-5)
        sizes = [abs(one["contribution"]) for one in told["contributions"]]
        assert sizes == sorted(sizes, reverse=True)
    bases = {round(told["base"], 4) for told in body["explanations"]}
    assert len(bases) == 1  # where nothing is known yet, all rows start alike


def test_explaining_is_bounded(client: TestClient) -> None:
    assert client.post("/problems/adult_income/explain", json=[ROW] * 101).status_code == 413
    assert client.post("/problems/adult_income/explain?top=0", json=[ROW]).status_code == 400


# --- score -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
def test_a_csv_is_scored_and_flagged_at_a_threshold(client: TestClient, form: bool) -> None:
    sent: dict[str, Any] = {"files": {"file": ("rows.csv", CSV)}} if form else {"content": CSV.encode()}
    first, second = (p["probability"] for p in client.post("/predict", json=[
        {k: ROW[k] for k in ("age", "education", "hours_per_week")},
        {"age": 19, "education": "HS-grad", "hours_per_week": 20},
    ]).json()["predictions"])  # fmt: skip
    body = client.post(f"/problems/adult_income/score?threshold={first}", **sent).json()
    assert body["set_aside"] == ["race", "over_50k"]
    assert (body["rows"], body["flagged"], body["threshold"]) == (2, 1, first)
    assert body["predictions"] == [
        {"row": 0, "probability": first, "flag": True}, {"row": 1, "probability": second, "flag": False},
    ]  # fmt: skip
    assert client.post("/problems/adult_income/score", **sent).json()["threshold"] == 0.5


def test_what_the_source_writes_for_nothing_is_nothing(client: TestClient) -> None:
    told = [
        client.post(
            "/problems/adult_income/score", content=f"age,education,hours_per_week,occupation\n41,Masters,45,{cell}\n"
        )
        for cell in ("", "?")
    ]
    assert told[0].json()["predictions"] == told[1].json()["predictions"]


def test_where_every_field_is_there_other_columns_are_set_aside(client: TestClient) -> None:
    names = "Age,WORKCLASS,education,occupation,capital_gain,capital_loss,hours_per_week,Class"
    text = f"{names}\n41,Private,Masters,Sales,0,0,45,1\n"
    body = client.post("/problems/adult_income/score", content=text).json()
    assert (body["rows"], body["set_aside"]) == (1, ["Class"])


def test_bad_cells_are_named_by_row(client: TestClient) -> None:
    text = "age,education,hours_per_week\n41,Masters,45\nold,Masters,\n"
    answer = client.post("/problems/adult_income/score", content=text.encode())
    assert answer.status_code == 400
    assert [(e["row"], e["field"], e["sent"]) for e in answer.json()["errors"]] == [
        (1, "age", "old"), (1, "hours_per_week", None),
    ]  # fmt: skip


# --- forecast --------------------------------------------------------------------------------------------------------


def test_a_day_without_its_step_is_every_step() -> None:
    problem = plugins.load("problems", "taxi_demand").PROBLEM
    rows = predict.forecast_rows(problem, [{"zone": "74", "day": "2023-05-31"}], as_text=True)
    assert [row["hour"] for row in rows] == list(range(24))
    one = predict.forecast_rows(problem, [{"zone": "74", "day": "2023-05-31", "hour": "17"}], as_text=True)
    assert one == [{"zone": "74", "day": "2023-05-31", "hour": 17.0}]
    as_sent = predict.forecast_rows(problem, [{"zone": "74", "day": "2023-05-31", "hour": "17"}])
    assert as_sent[0]["hour"] == "17"  # JSON has numbers of its own: the contract refuses this one


# --- labels ----------------------------------------------------------------------------------------------------------


def test_a_label_finds_its_answer(client: TestClient, trained: Path) -> None:
    ident = client.post("/predict", json=[ROW, ROW]).json()["request_id"]
    assert client.post("/feedback", json=[{"request_id": ident, "row": 1, "label": 1}]).json()["new"] == 1
    again = [{"request_id": ident, "row": 1, "label": 1}, {"request_id": ident, "label": 0}]
    assert client.post("/feedback", json=again).json() == {"new": 1, "repeated": 1, "corrected": 0}
    connection = sqlite3.connect(trained / "mlruns" / "requests.db")
    query = (
        "SELECT r.version, r.arm, a.row, a.row_digest, l.label FROM requests r "
        "JOIN answers a ON a.request = r.id JOIN labels l ON l.request = r.id AND l.row = a.row "
        "WHERE r.id = ? ORDER BY a.row"
    )
    found = connection.execute(query, (ident,)).fetchall()
    connection.close()
    assert [(v, arm, row, label) for v, arm, row, _, label in found] == [
        (1, "champion", 0, 0.0),
        (1, "champion", 1, 1.0),
    ]
    assert found[0][3] == found[1][3]  # the same row, the same digest


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"request_id": "Q-0", "label": 1}, "request_id"),
        ({"request_id": "", "label": 1}, "request_id"),
        ({"request_id": "Q\ud800", "label": 1}, "request_id"),
        ({"label": 1}, "request_id"),
        ({"request_id": "Q-0", "label": "1"}, "label"),
        ({"request_id": "Q-0", "label": True}, "label"),
        ({"request_id": "Q-0", "row": -1, "label": 1}, "row"),
        ({"request_id": "Q-0", "row": 1.5, "label": 1}, "row"),
        ({"request_id": "Q-0", "label": 1, "lable": 1}, "lable"),
        ("Q-0", ""),
    ],
)
def test_labels_that_can_not_be_kept(client: TestClient, item: Any, field: str) -> None:
    import json

    sent = json.dumps([item]).encode()
    answer = client.post("/feedback", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_a_class_that_does_not_exist_and_a_row_beyond(client: TestClient) -> None:
    ident = client.post("/predict", json=[ROW]).json()["request_id"]
    sent = [{"request_id": ident, "label": 0.5}, {"request_id": ident, "row": 1, "label": 1}]
    errors = client.post("/feedback", json=sent).json()["errors"]
    assert [(e["row"], e["field"]) for e in errors] == [(0, "label"), (1, "row")]
    assert client.post("/feedback", json={}).status_code == 400
    assert client.post("/feedback", json=[]).status_code == 400


# --- a name that stands twice ----------------------------------------------------------------------------------------


def test_a_field_that_stands_twice_is_refused_by_row_and_field(client: TestClient) -> None:
    good = '{"age": 41, "education": "Masters", "hours_per_week": 45}'
    twice = '{"age": 41, "education": "Masters", "hours_per_week": 45, "age": 99, "agee": 1}'
    for path in ("predict", "explain", "predict"):
        answer = client.post(f"/problems/adult_income/{path}", content=f"[{good}, {twice}]")
        assert answer.status_code == 400
        told = [(e["row"], e["field"], e["sent"]) for e in answer.json()["errors"]]
        assert told == [(1, "age", "[41, 99]"), (1, "agee", 1)], path
        assert answer.json()["bad_rows"] == [1]
    body = '[{"pickup_zone": 4, "pickup_zone": 7}]'
    (error,) = client.post("/api/taxi/forecast", content=body).json()["errors"]
    assert (error["row"], error["field"]) == (0, "pickup_zone")


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/feedback", '[{"request_id": "Q", "label": 1, "label": 0}]', (0, "label")),
        ("/monitor", '{"metrics": [], "metrics": []}', (None, "metrics")),
        ("/monitor", '{"metrics": [{"at": "2026-01-01"}, {"at": 1, "at": 2}]}', (1, "metrics[1].at")),
        ("/monitor", '{"metrics": [], "drift": {"features": {"x": 1, "x": 0}}}', (None, "drift.features.x")),
    ],
)
def test_so_it_is_in_every_other_body(client: TestClient, path: str, body: str, told: tuple[int | None, str]) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["row"], error["field"]) == told
    assert "twice" in error["message"] and error["allowed"]


# --- the agent, and operation ----------------------------------------------------------------------------------------


def test_the_agent_s_plan_over_http_is_the_agent_s_plan(client: TestClient) -> None:
    example = client.get("/openapi.json").json()["paths"]["/monitor"]["post"]["requestBody"]["content"][
        "application/json"
    ]["example"]
    first, second = (client.post("/monitor", json=example) for _ in range(2))
    assert first.content == second.content
    assert first.json()["status"] == "warn"  # the example's ROC-AUC falls by 4.4 %
    assert set(first.json()) == {"status", "findings", "actions", "rationale"}
    assert client.post("/monitor", json={"metrics": []}).json()["status"] == "unknown"
    for bad in ([], {"metrics": 1}, {"metrics": [1]}, {"metrics": [], "more": 1}, {"metrics": [{"at": "yesterday"}]}):
        assert client.post("/monitor", json=bad).status_code == 400, bad


def test_the_agent_plans_over_http_as_the_command_does(own_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the history, the verdict and the newest look that the workspace's own looks wrote."""
    work, days = own_office.work, [0.91, 0.91, 0.90, 0.92, 0.91, 0.90, 0.91, 0.87]
    place = monitoring_history.folder(work.settings.root, "adult_income")
    place.mkdir(parents=True, exist_ok=True)
    lines = [{"date": f"2026-01-0{day}", "roc_auc": auc, "pr_auc": 0.6} for day, auc in enumerate(days, start=1)]
    (place / "metrics_history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (place / "drift_latest.json").write_text('{"threshold": 0.2, "overall_drift": true, "features": {"age": 0.3}}')
    out = own_office.root / "plan.yaml"
    words = ["--workspace", str(own_office.root), "--problem", "adult_income", "monitor", "--out", str(out)]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 1, said.output  # ROC-AUC fell by 4.4 %
    monkeypatch.setenv("DS_WORKFLOW_READING", "open")
    client = TestClient(create_app(work))
    for path in ("/monitor", "/problems/adult_income/monitor"):
        answer = client.post(path, json={})
        assert answer.status_code == 200, answer.text
        assert answer.json() == yaml.safe_load(out.read_text("utf-8"))
    assert {"drift_overall": True} in answer.json()["findings"]
    calm = client.post("/monitor", json={"drift": {"overall_drift": False}}).json()
    assert {"drift_overall": False} in calm["findings"], "what is sent goes before what is kept"
    assert "no history of its own" in client.post("/problems/taxi_demand/monitor", json={}).text
    for reading in ("loopback", "closed"):
        monkeypatch.setenv("DS_WORKFLOW_READING", reading)
        outsider = TestClient(create_app(work), client=("192.0.2.7", 4711))
        assert outsider.post("/monitor", json={}).status_code == 401
        assert outsider.post("/monitor", json={"metrics": []}).status_code == 200


def test_health_ready_and_metrics(client: TestClient) -> None:
    health = client.get("/health").json()
    assert (health["status"], [m["problem"] for m in health["models"]]) == ("ok", ["adult_income"])
    assert health["models"][0]["way"] in ("compiled", "pipeline")
    assert client.get("/ready").status_code in (200, 503)
    client.post("/predict", json=[{}])
    text = client.get("/metrics").text
    assert 'ds_workflow_requests_total{path="predict",status="200"}' in text
    assert 'ds_workflow_requests_total{path="refused",status="400"}' in text
    assert 'ds_workflow_seconds_count{problem="adult_income"}' in text
    assert "ds_workflow_log_rows_lost 0.0" in text


def test_an_empty_workspace_is_healthy_for_nobody(tmp_path: Path) -> None:
    with TestClient(create_app(Workspace.at(tmp_path, "adult_income"))) as empty:
        for path in ("/health", "/ready"):
            answer = empty.get(path)
            assert (answer.status_code, answer.json()["status"]) == (503, "no champion")
