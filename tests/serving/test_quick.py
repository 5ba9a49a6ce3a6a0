"""Which way a champion answers: only what is proven is quick, and what is not says why."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from office import Office

from ds_workflow.adapters import scorer
from ds_workflow.use_cases import incidents, predict
from serving.app import create_app

ROW = {"age": 41, "education": "Masters", "hours_per_week": 45}


def settled(client: TestClient) -> dict[str, Any]:
    """The champion as /health shows it, once it answers as it will go on to."""
    deadline = time.monotonic() + 60
    while client.get("/ready").status_code != 200:
        assert time.monotonic() < deadline, client.get("/ready").text
        time.sleep(0.05)
    found: dict[str, Any] = client.get("/health").json()["models"][0]
    return found


def proof_of(office: Office) -> Path:
    (path,) = (office.work.settings.store / "proofs").glob("adult_income-*.json")
    return path


def test_the_first_start_proves_and_the_second_remembers(own_office: Office) -> None:
    for kept in (own_office.work.settings.store / "proofs").glob("*.json"):
        kept.unlink()
    with TestClient(create_app(own_office.work)) as client:
        found = settled(client)
        assert found["way"] == "compiled"
        assert "holdout rows answered both ways" in found["why"]
        quick = client.post("/predict", json=[ROW]).json()["predictions"]
    slow = predict.champion(own_office.work)
    assert slow.way == "pipeline"
    assert slow.predict([ROW])[0] == quick
    written = proof_of(own_office).stat().st_mtime_ns
    with TestClient(create_app(own_office.work)) as client:
        client.post("/predict", json=[ROW])
        assert client.get("/health").json()["models"][0]["way"] == "compiled"
    assert proof_of(own_office).stat().st_mtime_ns == written


def test_a_quick_way_that_differed_is_not_used_and_is_somebody_s_to_look_at(own_office: Office) -> None:
    found = predict.ensure_quick(own_office.work, predict.champion(own_office.work))
    assert found.way == "compiled"
    path = proof_of(own_office)
    told = json.loads(path.read_text("utf-8"))
    told["proof"] |= {"equal": False, "difference": 0.2, "detail": "difference at most 2.0e-01"}
    path.write_text(json.dumps(told), "utf-8")
    with TestClient(create_app(own_office.work)) as client:
        shown = settled(client)
        assert (shown["way"], shown["why"]) == ("pipeline", "not equal to the pipeline: difference at most 2.0e-01")
        assert client.post("/predict", json=[ROW]).status_code == 200
    (incident,) = incidents.listed(own_office.work, only_open=True)
    assert (incident.cause, incident.severity) == ("quick way", "warn")
    path.unlink()  # mended: the next start proves it again and the incident closes itself
    with TestClient(create_app(own_office.work)) as client:
        assert settled(client)["way"] == "compiled"
    assert incidents.listed(own_office.work, only_open=True) == []


def test_without_the_holdout_the_pipeline_answers(own_office: Office) -> None:
    for kept in (own_office.work.settings.store / "proofs").glob("*.json"):
        kept.unlink()
    own_office.work.settings.data.rename(own_office.root / "elsewhere")
    with TestClient(create_app(own_office.work)) as client:
        shown = settled(client)
        assert shown["way"] == "pipeline"
        assert shown["why"].startswith("not proven: ")
        assert client.post("/predict", json=[ROW]).status_code == 200


def test_a_proof_in_a_process_of_its_own_is_the_same_proof(own_office: Office) -> None:
    from ds_workflow.use_cases.predict import proving

    found = predict.champion(own_office.work)
    code = scorer.code(found.model)
    proofs = scorer.Proofs(own_office.work.settings.store / "proofs")
    here = predict.ensure_quick(own_office.work, found)
    proof = proofs.find("adult_income", found.version.digest, code)
    for kept in (own_office.work.settings.store / "proofs").glob("*.json"):
        kept.unlink()
    assert proving._prove_apart(own_office.work, found) == proof
    assert here.why == (proof.detail if proof else "")
