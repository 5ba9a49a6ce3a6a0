"""The OpenAPI document is meant: whatever is made from it, and whatever breaks it, is answered as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from ds_workflow.workspace import Workspace
from serving.app import create_app

CONFORM = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
OF_ONE_KIND = (
    "explain_",
    "predict_",
    "score_problems_",
)  # one of each kind is enough: the others differ in fields only


@pytest.fixture(scope="module")
def app(trained: Path) -> Iterator[Any]:
    made = create_app(Workspace.at(trained, "adult_income"))
    with TestClient(made):
        yield made


def routes(app: Any) -> list[Any]:
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    found = [result.ok() for result in document.get_all_operations()]
    seen: set[str] = set()
    kept = []
    for operation in found:
        name = str(operation.definition.raw["operationId"])
        kind = next((kind for kind in OF_ONE_KIND if name.startswith(kind) and "adult_income" not in name), name)
        if kind not in seen or kind == name:
            kept.append(operation)
        seen.add(kind)
    return kept


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_every_route_answers_as_the_document_says(app: Any, mode: GenerationMode) -> None:
    checks = [CHECKS.get_one(name) for name in CONFORM]
    asked = 0
    for operation in routes(app):
        if mode == GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # nothing that could be sent wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            response = case.call()
            assert response.status_code < 500 or response.status_code == 503, response.text
            case.validate_response(response, checks=checks)

        ask()
    assert asked > 100


def test_every_example_of_the_document_is_understood(app: Any) -> None:
    client = TestClient(app)
    document = client.get("/openapi.json").json()
    tried = 0
    answered: set[str] = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                if "example" in content:
                    body = content["example"]
                    data = body if isinstance(body, str) else json.dumps(body)
                    answer = client.request(method, path, content=data.encode(), headers={"Content-Type": kind})
                    known = "was never answered" in answer.text  # no request of the example's id was ever made
                    assert answer.status_code in (200, 503) or known, f"{method} {path}: {answer.text[:300]}"
                    tried += 1
                    if answer.status_code == 200:
                        answered.add(path)
    assert tried > 10
    served = {f"/problems/adult_income/{what}" for what in ("predict", "explain", "score")}
    assert {"/predict", "/monitor", *served} <= answered  # what has a champion here is not merely refused well
    for path in ("/health", "/ready", "/metrics"):
        assert client.get(path).status_code == 200, path
