"""A problem that another distribution brings through the entry point goes the whole way, and nothing here names it.

The metadata is that of a real installation, read by a Python of its own; the package lies in a folder on its path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ds_workflow.domain.outcome import BEGIN, END

pytestmark = pytest.mark.end_to_end

# One Python runs the commands one after the other, each as the command line would, and hands back what each printed.
CALLS = """
import contextlib, io, json, sys
from ds_workflow.cli.main import main
answers = []
for words in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            code = main(words, standalone_mode=False) or 0
        except SystemExit as stop:
            code = stop.code
    answers.append([code, out.getvalue()])
print(json.dumps(answers))
"""
# The champion is asked over HTTP, in a Python of its own as well.
SERVED = """
import json, sys
from fastapi.testclient import TestClient
from ds_workflow.workspace import Workspace
from serving.app import create_app
with TestClient(create_app(Workspace.at(sys.argv[1], "machine_failure"))) as client:
    answers = [client.post("/problems/machine_failure/predict", json=rows) for rows in json.load(sys.stdin)]
print(json.dumps([[answer.status_code, answer.json()] for answer in answers]))
"""
HYPOTHESIS = """---
id: H-MCH-001
title: "A line ranks readings better than trees do"
owner: "Ana"
problem: machine_failure
parent: ""
change_type: architecture
claim: {metric: roc_auc, slice: overall, direction: increase, min_effect: 0.001, unit: absolute}
guardrails: [{name: overall_roc_auc_floor, limit: 0.6, unit: absolute}]
plan:
  strategy: logistic
  feature_set_version: v1.0
  dataset_version: any
  dataset_reason: "The claim is about how odds grow with heat, on any rows."
---
"""
SECTIONS = {
    "Observation": "The champion, boosted trees, ranks 2,800 training readings better than the 1,200 held out.",
    "Mechanism": "Odds that grow evenly with heat and shaking are a line, and trees draw steps where there is one.",
    "Claim": "Against the trees, over all holdout rows, ROC-AUC rises by at least 0.001.",
    "How it could be wrong": "Refuted if the interval of the rise lies below 0.001: then there are steps in the odds.",
    "Guardrails": "The overall ROC-AUC stays above 0.6, below which nobody would stop a machine.",
    "Plan": "The strategy logistic on feature set v1.0, no search, on any snapshot of readings.",
    "Decision rule": "Supported with all gates green: propose it. Refuted or inconclusive: keep the champion.",
    "Risks and fairness": "No people are among the rows, so no group of people is treated worse by it.",
    "Rollout and rollback": "Served from the next day on; the version before stays loadable and is returned to.",
}
REQUESTS = """kind,temperature,vibration
PUMP,95.0,9.0
FAN,40.0,0.4
KETTLE,60.0,2.0
"""


def install(house: Path, site: Path, *, module: str = "machine_failure", name: str = "machine_failure") -> None:
    """What an installer leaves behind: the module, its policy, and the distribution's metadata."""
    for file in ("machine_failure.py", "machine_failure.yaml"):
        site.mkdir(exist_ok=True)
        shutil.copy(house / "tests" / "support" / "outside" / file, site)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[ds_workflow.problems]\n{name} = {module}\n", "utf-8")


def python(house: Path, site: Path, *words: str, text: str = "") -> Any:
    """What a fresh Python prints, as JSON; `site` is on its path as an environment's site-packages would be."""
    path = os.pathsep.join([str(house), str(site)])
    done = subprocess.run(
        [sys.executable, "-P", *words], input=text, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def calls(house: Path, site: Path, home: Path, *commands: list[str]) -> list[tuple[int, Any]]:
    text = json.dumps([["--workspace", str(home), "--json", *words] for words in commands])
    return [(code, json.loads(out)) for code, out in python(house, site, "-c", CALLS, text=text)]


def test_a_problem_from_outside_goes_the_whole_way(house: Path, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    install(house, site)
    mine = ["--problem", "machine_failure"]
    (tmp_path / "in.csv").write_text(REQUESTS, "utf-8")
    done = calls(
        house, site, home,
        ["problems"],
        ["data-snapshot", *mine, "--dataset-version", "sim-v1", "--simulate", "--rows", "4000"],
        ["bootstrap-champion", *mine, "--dataset-version", "sim-v1", "--feature-set-version", "v1.0",
         "--owner", "ana", "--approved-by", "ana"],
        ["predict", *mine, "--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv")],
        ["train", *mine, "--simulate", "--rows", "2000", "--outdir", str(tmp_path / "out")],
        ["data-dictionary", *mine, "--out", str(tmp_path / "page.md")],
    )  # fmt: skip
    assert [code for code, _ in done] == [0, 0, 0, 1, 0, 0], done  # 1: a row could not be used
    listed, snapshot, proposal, answered, trained, _ = (answer for _, answer in done)

    entry = next(p for p in listed if p["name"] == "machine_failure")
    assert {p["name"] for p in listed} > {"nyc_sales", "machine_failure"}
    assert entry["policy_version"] == "outside-1", "the policy beside the module is the one that holds"
    assert {"overall_roc_auc_floor", "leakage"} <= {gate["name"] for gate in entry["gates"]}
    assert snapshot["rows"] == 4000
    assert (proposal["effect"], proposal["champion"]) == ("applied", None)
    assert trained["metrics"]["roc_auc"] > 0.6 > trained["naive"]["roc_auc"]
    assert "Velocity of the housing" in (tmp_path / "page.md").read_text("utf-8")

    answers = pd.read_csv(tmp_path / "out.csv")
    hot, cool = answers.filter(like="probability").iloc[:, 0]
    assert hot > 0.5 > cool
    assert answered["rows"] == 2
    (refused,) = pd.read_csv(answered["rejects"]).to_dict("records")
    assert "KETTLE" in str(refused) and "FAN" in str(refused)


def test_a_challenger_of_a_problem_from_outside_is_trained_approved_and_served(house: Path, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    install(house, site)
    (home / "docs" / "hypotheses").mkdir(parents=True)
    body = "\n".join(f"## {title}\n\n{text}\n" for title, text in SECTIONS.items())
    blocks = "## Outcome\n\n" + "\n".join((BEGIN, END)) + "\n"
    (home / "docs" / "hypotheses" / "H-MCH-001.md").write_text(f"{HYPOTHESIS}\n{body}\n{blocks}", "utf-8")
    mine = ["--problem", "machine_failure"]
    done = calls(
        house, site, home,
        ["data-snapshot", *mine, "--dataset-version", "sim-v1", "--simulate", "--rows", "4000"],
        ["bootstrap-champion", *mine, "--dataset-version", "sim-v1", "--feature-set-version", "v1.0",
         "--strategy", "global", "--owner", "ana", "--approved-by", "ana"],
        ["hypothesis-check", *mine, "H-MCH-001"],
        ["train-candidate", *mine, "--hypothesis-id", "H-MCH-001", "--change-type", "architecture", "--change-summary",
         "A line for trees", "--owner", "ana", "--feature-set-version", "v1.0", "--dataset-version", "sim-v1"],
        ["arena-propose", *mine],
    )  # fmt: skip
    assert [code for code, _ in done] == [0] * 5, done
    (candidate, proposed) = (answer for _, answer in done[3:])
    assert candidate["version"] == 2
    proposal = proposed
    assert (proposal["verdict"], proposal["problem"]) == ("pass", "machine_failure"), proposal
    approve = [
        "arena-approve",
        *mine,
        "--proposal-id",
        proposal["id"],
        "--approved-by",
        "ben",
        "--reason",
        "ranks better",
    ]
    ((code, approved),) = calls(house, site, home, approve)
    assert (code, approved["effect"]) == (0, "applied")

    hot = {"kind": "PUMP", "temperature": 95.0, "vibration": 9.0}
    asked = [[hot, {"kind": "FAN", "temperature": 40.0, "vibration": None}], [{**hot, "failed": 1}]]
    (status, answer), (code, refused) = python(house, site, "-c", SERVED, str(home), text=json.dumps(asked))
    assert status == 200, answer
    assert answer["model"]["version"] == 2
    high, low = (one["probability"] for one in answer["predictions"])
    assert high > 0.5 > low
    assert code == 400 and "what is predicted" in str(refused), refused


def test_the_workspaces_own_policy_wins_over_the_shipped_one(house: Path, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    install(house, site)
    (home / "config" / "policies").mkdir(parents=True)
    shipped = (site / "machine_failure.yaml").read_text("utf-8")
    (home / "config/policies/machine_failure.yaml").write_text(shipped.replace("outside-1", "house-7"), "utf-8")
    (site / "machine_failure.yaml").unlink()
    ((code, detail),) = calls(house, site, home, ["problems", "machine_failure"])
    assert (code, detail["policy_version"]) == (0, "house-7")
    (home / "config/policies/machine_failure.yaml").unlink()
    ((code, detail),) = calls(house, site, home, ["problems", "machine_failure"])
    assert (code, detail["policy_version"], detail["gates"]) == (0, None, [])
    assert "config/policies/machine_failure.yaml" in detail["without_policy"]


def test_a_broken_plug_in_is_named_and_nothing_crashes(house: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(house, site, module="no_such_module", name="kettles")
    ((code, answer),) = calls(house, site, tmp_path / "home", ["problems", "kettles"])
    assert code == 2
    assert "kettles" in answer["error"]["message"] and "no_such_module" in answer["error"]["message"]
    assert "uninstall" in answer["error"]["hint"]
