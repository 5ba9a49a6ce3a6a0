"""The prediction service over HTTP, on a champion that went through the gates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ds_workflow.workspace import Workspace
from serving.app import create_app
from serving.body import MAX_ROWS

ROW: dict[str, Any] = {
    "sale_date": "2024-05-14",
    "borough": "BROOKLYN",
    "neighborhood": "PARK SLOPE",
    "building_class_category": "02",
    "block": 1082,
    "lot": 39,
}


@pytest.fixture(scope="module")
def client(champion_workspace: Path) -> TestClient:
    return TestClient(create_app(Workspace.at(champion_workspace)))


def test_health_names_version_digest_and_custody(client: TestClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    (model,) = answer.json()["models"]
    assert (model["problem"], model["version"], model["custody"]) == ("nyc_sales", 1, "in_custody")
    assert len(model["digest"]) == 64


def test_no_champion_is_503(tmp_path: Path) -> None:
    empty = TestClient(create_app(Workspace.at(tmp_path)))
    assert empty.get("/health").status_code == 503
    answer = empty.post("/predict", json=[ROW])
    assert answer.status_code == 503
    assert "no champion" in answer.json()["errors"][0]["message"]


def test_predict_answers_value_interval_and_model(client: TestClient) -> None:
    answer = client.post("/predict", json=[ROW, {**ROW, "gross_square_feet": 2400}])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["model"] == {k: client.get("/health").json()["models"][0][k] for k in ("problem", "version", "digest")}
    assert len(body["predictions"]) == 2
    for prediction in body["predictions"]:
        low, high = prediction["interval"]
        assert 0 < low < prediction["value"] < high


def test_a_batch_answers_as_its_rows_one_by_one(client: TestClient) -> None:
    rows = [{**ROW, "gross_square_feet": 900 + 300 * i, "lot": 30 + i} for i in range(5)]
    batch = [p["value"] for p in client.post("/predict", json=rows).json()["predictions"]]
    single = [client.post("/predict", json=[row]).json()["predictions"][0]["value"] for row in rows]
    assert batch == pytest.approx(single, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"borough": None}, "borough", "required"),
        ({"borough": "BROKLYN"}, "borough", "did you mean 'BROOKLYN'"),
        ({"block": "1082"}, "block", "number"),
        ({"block": True}, "block", "number"),
        ({"block": 1.5}, "block", "whole"),
        ({"block": 0}, "block", "out of range"),
        ({"sale_date": "14.05.2024"}, "sale_date", "date"),
        ({"neighborhood": 7}, "neighborhood", "text"),
        ({"sale_price": 1.0}, "sale_price", "what is predicted"),
        ({"price_tier": "T1"}, "price_tier", "cut from the target"),
        ({"grosssquarefeet": 7}, "grosssquarefeet", "did you mean 'gross_square_feet'"),
        ({"segment": "WALKUP"}, "segment", "not a field"),
    ],
)
def test_bad_fields_are_named(client: TestClient, change: dict[str, Any], field: str, word: str) -> None:
    answer = client.post("/predict", json=[ROW, {**ROW, **change}])
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["row"], error["field"]) == (1, field)
    assert word in error["message"]
    assert error["allowed"]


def test_nan_and_infinity_are_refused(client: TestClient) -> None:
    for value in ("NaN", "Infinity", "-Infinity", "1e999"):
        body = json.dumps([ROW])[:-2] + f', "gross_square_feet": {value}' + "}]"
        answer = client.post("/predict", content=body)
        assert answer.status_code == 400, value
        assert answer.json()["errors"][0]["field"] == "gross_square_feet"


def test_all_bad_rows_are_reported_at_once(client: TestClient) -> None:
    rows = [{**ROW, "block": -1}, ROW, {**ROW, "borough": "X", "lot": 0}]
    errors = client.post("/predict", json=rows).json()["errors"]
    assert [(e["row"], e["field"]) for e in errors] == [(0, "block"), (2, "borough"), (2, "lot")]


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", "[1]", "null", "[[]]", "\xff", "[" * 100_000])
def test_bodies_that_are_no_list_of_rows(client: TestClient, body: str) -> None:
    answer = client.post("/predict", content=body.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


def test_what_is_no_row_does_not_hide_what_is_wrong_with_the_others(client: TestClient) -> None:
    answer = client.post("/predict", json=[ROW, 7, {**ROW, "block": -1}, None, "x"])
    assert answer.status_code == 400
    told = [(e["row"], e["field"], e["message"]) for e in answer.json()["errors"]]
    assert [(row, field) for row, field, _ in told] == [(1, ""), (2, "block"), (3, ""), (4, "")]
    assert [said for row, _, said in told if row != 2] == [
        f"This is {kind} and no row" for kind in ("a number", "null", "a text")
    ]
    assert answer.json()["bad_rows"] == [1, 2, 3, 4]


def test_too_many_rows_is_413(client: TestClient) -> None:
    answer = client.post("/predict", json=[{}] * (MAX_ROWS + 1))
    assert answer.status_code == 413
    assert f"{MAX_ROWS:,}" in answer.json()["errors"][0]["allowed"]


def test_openapi_describes_every_input(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    properties = body["schema"]["items"]["properties"]
    assert {"borough", "block", "lot"} <= set(properties)
    assert not {"sale_price", "price_tier", "segment"} & set(properties)
    assert client.post("/predict", json=body["example"]).status_code == 200
