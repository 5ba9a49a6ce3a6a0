"""What a release check believes of the run of the tests that is on record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.use_cases.release import gates, papers
from ds_workflow.use_cases.release.walk import Walk
from ds_workflow.workspace import Workspace

CHECK = tuple((gate, tuple(c for c in checks if c[0] == "tests")) for gate, checks in gates.GATES)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "pass"),
        ({"passed": 0}, "fail"),  # no test at all
        ({"failed": 1}, "fail"),
        ({"files": ["tests/test_packaging.py"]}, "fail"),  # tests of something else
        ({"files": [papers.PROOFS[0]]}, "fail"),
        ({"commit": "0" * 40}, "fail"),
        ("{", "unknown"),  # a broken record says nothing, and the rest of the report stands
        (None, "unknown"),
    ],
)
def test_only_a_whole_green_run_at_this_commit_counts(
    champion_workspace: Path, tmp_path: Path, change: dict[str, Any] | str | None, status: str
) -> None:
    root = tmp_path / "home"
    shutil.copytree(champion_workspace, root)
    work = Workspace.at(root, "nyc_sales")
    record = work.settings.reports / "tests.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(change, dict):
        whole = {"commit": work.commit, "passed": 9, "failed": 0, "skipped": 0, "files": list(papers.PROOFS)}
        record.write_text(json.dumps(whole | change), "utf-8")
    elif change is not None:
        record.write_text(change, "utf-8")
    asked, _ = gates.ask(Walk(work), CHECK)
    assert [c["status"] for g in asked for c in g["checks"]] == [status]
