"""What is sent in malice or by mistake is refused in words, quickly, and stands in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ds_workflow.workspace import Workspace
from serving.app import create_app
from serving.body import MAX_BYTES, MAX_ROWS
from serving.errors import MOST_TOLD

ROW = {"age": 41, "education": "Masters", "hours_per_week": 45}
CSV = "age,education,hours_per_week\n41,Masters,45\n"


@pytest.fixture(scope="module")
def client(trained: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Workspace.at(trained, "adult_income"))) as made:
        assert made.post("/predict", json=[ROW]).status_code == 200
        yield made


def refusals(client: TestClient) -> int:
    log = client.app.state.hub.log  # type: ignore[attr-defined]
    log.flush()
    import sqlite3

    connection = sqlite3.connect(log._file.path)
    try:
        count: int = connection.execute("SELECT count(*) FROM refusals").fetchone()[0]
    finally:
        connection.close()
    return count


def chunks(size: int) -> Iterator[bytes]:
    yield b"["
    for _ in range(size // 65_536):
        yield b" " * 65_536


JSON = {
    "oversized": (b"[" + b" " * MAX_BYTES + b"]", 413),
    "too many rows": (json.dumps([ROW] * (MAX_ROWS + 1)).encode(), 413),
    "too many empty rows": (b"[" + b"{}," * MAX_ROWS + b"{}]", 413),
    "deep": (b"[" * 500_000, 400),
    "deep and closed": (b"[" * 100_000 + b"]" * 100_000, 400),
    "deep in a field": (b'[{"age":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}]", 400),
    "a number of a million digits": (b'[{"age":' + b"9" * 1_000_000 + b"}]", 400),
    "a number beyond floats": (b'[{"age":' + b"9" * 4_000 + b',"education":"Masters","hours_per_week":45}]', 400),
    "half a character": (b'[{"age":41,"education":"\\ud800","hours_per_week":45}]', 400),
    "half a character as a name": (b'[{"\\ud800":1}]', 400),
    "not UTF-8": (b'[{"age":41,"education":"\xff\xfe","hours_per_week":45}]', 400),
    "NaN": (b'[{"age":NaN}]', 400),
    "many fields": (json.dumps([{**ROW, **{f"agee{i}": 1 for i in range(200_000)}}]).encode(), 400),
    "a long name": (json.dumps([{**ROW, "a" * 1_000_000: 1}]).encode(), 400),
    "a long value": (json.dumps([{**ROW, "education": "M" * 5_000_000}]).encode(), 400),
    "wrong fields in every row": (json.dumps([{"agge": 1}] * MAX_ROWS).encode(), 400),
    "a list in a field": (json.dumps([{**ROW, "age": list(range(100_000))}]).encode(), 400),
    "nothing": (b"", 400),
    "a form": (b"age=41", 400),
    "gzip": (b"\x1f\x8b\x08\x00" + b"\x00" * 100, 400),
}


@pytest.mark.parametrize("name", JSON)
def test_json_is_refused_in_words_and_logged(client: TestClient, name: str) -> None:
    body, status = JSON[name]
    before = refusals(client)
    started = time.process_time()
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    took = time.process_time() - started
    assert answer.status_code == status, answer.text[:300]
    errors = answer.json()["errors"]
    assert all(error["message"] for error in errors)
    assert len(errors) <= MOST_TOLD
    assert len(answer.content) < 1_500_000
    assert took < 10
    assert refusals(client) == before + 1
    assert client.post("/predict", json=[ROW]).status_code == 200


def test_every_bad_row_is_numbered_even_where_not_every_field_is_told(client: TestClient) -> None:
    answer = client.post("/predict", json=[{"agge": 1}] * MAX_ROWS).json()
    assert answer["bad_rows"] == list(range(MAX_ROWS))


def test_a_body_without_an_announced_length_is_cut_off(client: TestClient) -> None:
    answer = client.post("/predict", content=chunks(MAX_BYTES * 3))
    assert answer.status_code == 413
    assert "bytes" in answer.json()["errors"][0]["allowed"]


CSVS: dict[str, Any] = {
    "oversized": (CSV.encode() + b"x" * MAX_BYTES, 413),
    "too many rows": (("age,education,hours_per_week\n" + "41,Masters,45\n" * 50_001).encode(), 413),
    "many columns": (",".join(f"c{i}" for i in range(100_000)).encode(), 400),
    "a cell that never ends": (b'age,education\n"' + b"x" * 10_000_000, 400),
    "a quote that never ends": (b'age,education,hours_per_week\n41,"Masters,45\n' + b"1,2,3\n" * 10_000, 400),
    "a long cell": (b"age,education,hours_per_week\n41," + b"M" * 1_000_000 + b",45\n", 400),
    "too few cells": (b"age,education,hours_per_week\n41,Masters\n", 400),
    "too many cells": (b"age,education,hours_per_week\n41,Masters,45,1\n", 400),
    "twice the same name": (b"age,age\n1,2\n", 400),
    "no rows": (b"age,education,hours_per_week\n", 400),
    "empty": (b"", 400),
    "NUL": (b"age,education,hours_per_week\n41,Mas\x00ters,45\n", 400),
    "not UTF-8": (CSV.encode("utf-16"), 400),
    "a formula": (b"age,education,hours_per_week\n=1+1,Masters,45\n", 400),
    "infinity": (b"age,education,hours_per_week\ninf,Masters,45\n", 400),
    "an underscore in a number": (b"age,education,hours_per_week\n4_1,Masters,45\n", 400),
    "an unknown column": (b"age,education,hours_per_week,agee\n41,Masters,45,1\n", 400),
    "a zip": (b"PK\x03\x04" + bytes(range(256)) * 100, 400),
}


@pytest.mark.parametrize("name", CSVS)
@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
def test_csv_is_refused_in_words_and_logged(client: TestClient, name: str, form: bool) -> None:
    content, status = CSVS[name]
    before = refusals(client)
    started = time.process_time()
    sent: dict[str, Any] = {"files": {"file": ("rows.csv", content)}} if form else {"content": content}
    answer = client.post("/problems/adult_income/score", **sent)
    assert answer.status_code == status, answer.text[:300]
    assert answer.json()["errors"][0]["message"]
    assert time.process_time() - started < 10
    assert refusals(client) == before + 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"A: b\r\n" * 100_000),
        ("multipart/form-data; boundary=" + "b" * 5_000, b"--b"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\n" + b"x" * 100),
    ],
)
def test_broken_forms_are_refused(client: TestClient, kind: str, body: bytes) -> None:
    answer = client.post("/problems/adult_income/score", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400, answer.text[:300]
    assert answer.json()["errors"][0]["message"]
