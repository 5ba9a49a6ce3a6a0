"""The release report: nothing that was not seen to be green looks green."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from ds_workflow.reports import release_report as release

REPORT: dict[str, Any] = {
    "problem": "nyc_sales",
    "champion": {"version": 2, "digest": "ab" * 32},
    "ready": False,
    "at": "2026-02-01T10:00:00.000000Z",
    "gates": [
        {
            "name": "Data",
            "checks": [
                {"name": "snapshot", "status": "pass", "detail": "2024-12, 302,560 rows, digest agrees.", "fix": ""},
                {
                    "name": "drift",
                    "status": "unknown",
                    "detail": "No drift file.",
                    "fix": "Run 'drift --ref REF --new NEW'.",
                },
            ],
        },
        {
            "name": "Model",
            "checks": [
                {"name": "decision", "status": "fail", "detail": "No decision applied.", "fix": "Run 'arena-approve'."},
                {"name": "custody", "status": "fail", "detail": "Not the applied one.", "fix": "Run 'arena-approve'."},
                {"name": "replay", "status": "skipped", "detail": "Needs a decision.", "fix": ""},
            ],
        },
    ],
}


def all_green() -> dict[str, Any]:
    report = deepcopy(REPORT)
    report["ready"] = True
    for gate in report["gates"]:
        for check in gate["checks"]:
            check["status"] = "pass"
    return report


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("release.txt", release.text(REPORT, explained=True))
    golden("release.md", release.markdown(REPORT))
    golden("release.json", json.dumps(release.to_json(REPORT, report_path="r.md", explained=True), indent=1) + "\n")


def test_green_is_green() -> None:
    assert release.ready(all_green())
    assert release.text(all_green()).startswith("READY")
    assert release.explain(all_green()) == []
    assert "Nothing is missing" in release.explain_text(all_green())


@pytest.mark.parametrize("status", ["fail", "unknown", "skipped", "", "PASS", None, "ok"])
def test_one_check_that_is_not_pass_makes_all_not_ready(status: str | None) -> None:
    for g, gate in enumerate(REPORT["gates"]):
        for c in range(len(gate["checks"])):
            report = all_green()
            report["gates"][g]["checks"][c]["status"] = status
            assert not release.ready(report)
            assert not release.to_json(report)["ready"]
            assert release.text(report).startswith("NOT READY")
            assert release.markdown(report).startswith("# NOT READY")
            assert release.explain(report)


def test_a_report_without_gates_or_a_gate_without_checks_is_not_ready() -> None:
    assert not release.ready({**all_green(), "gates": []})
    report = all_green()
    report["gates"][0]["checks"] = []
    assert not release.ready(report)
    assert release.gate_status(report["gates"][0]) == "unknown"
    assert "Data" in release.explain(report)[0]["fix"]


def test_a_report_that_says_not_ready_is_believed() -> None:
    report = {**all_green(), "ready": False}
    assert not release.ready(report)
    assert release.explain(report)


def test_explain_is_the_smallest_set() -> None:
    steps = release.explain(REPORT)
    assert [s["fix"] for s in steps[:2]] == ["Run 'drift --ref REF --new NEW'.", "Run 'arena-approve'."]
    assert steps[1]["turns"] == ["Model/decision", "Model/custody"]  # one fix, two checks
    assert steps[2]["turns"] == ["Model/replay"]
    assert len(steps) == 3


def test_explain_names_every_check_that_is_not_green_once() -> None:
    turned = [where for step in release.explain(REPORT) for where in step["turns"]]
    red = [f"{g['name']}/{c['name']}" for g in REPORT["gates"] for c in g["checks"] if c["status"] != "pass"]
    assert sorted(turned) == sorted(red)


def test_no_champion_has_a_report_too() -> None:
    report = {**REPORT, "champion": None}
    assert "without a champion" in release.text(report)
    assert release.to_json(report)["champion"] is None
