"""The agent's plan through the shell script: byte-stable, and nothing written on bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from flow import Flow

from ds_workflow.adapters.rationale_endpoint import Reworded
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import agent

WEEK = [{"date": f"2026-03-0{d}", "roc_auc": 0.9, "pr_auc": 0.5, "latency_p95_ms": 200} for d in range(1, 8)]
NEW = [
    {"date": "2026-03-08", "roc_auc": 0.9, "pr_auc": 0.5, "latency_p95_ms": 412},
    {"date": "2026-03-09", "roc_auc": 0.8658, "pr_auc": 0.5, "latency_p95_ms": 412},
]


def write(metrics: Path, drift: Path | None, out: Path, **more: Any) -> agent.Written:
    """As the command does it."""
    verdict = None if drift is None else agent.verdict(drift)
    return agent.write(agent.plan_of(agent.history(metrics), verdict), out, **more)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "metrics_history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in [*WEEK, *NEW]))
    return path


@pytest.mark.end_to_end
def test_the_documented_example_gives_the_same_bytes_twice(house: Path, tmp_path: Path, history: Path) -> None:
    drift = tmp_path / "drift_latest.json"
    drift.write_text(json.dumps({"threshold": 0.2, "overall_drift": False, "features": {"x": 0.01}}))
    out = tmp_path / "artifacts" / "agent_plan.yaml"
    words = ["monitor", "--metrics", str(history), "--drift", str(drift), "--out", str(out)]
    said = Flow(house, tmp_path)(*words, "--json", code=1).json
    first = out.read_bytes()
    assert yaml.safe_load(first) == said
    assert said["status"] == "warn"
    assert said["actions"] == ["trigger_retraining", "raise_thresholds"]
    assert {"roc_auc_drop_pct": 3.8} in said["findings"]
    write(history, drift, out)
    assert out.read_bytes() == first


def test_bad_input_is_told_and_nothing_is_written(tmp_path: Path, history: Path) -> None:
    out = tmp_path / "artifacts" / "plan.yaml"
    broken, latin = tmp_path / "broken.jsonl", tmp_path / "latin.jsonl"
    broken.write_text('{"date": "2026-01-01"}\nnot json\n')
    latin.write_bytes(b"\xff\xfe")
    for metrics, drift, words in (
        (tmp_path / "none.jsonl", None, "no history"),
        (broken, None, "Line 2 of broken.jsonl is no JSON"),
        (latin, None, "not UTF-8"),
        (history, tmp_path / "none.json", "no drift verdict"),
        (history, history, "can't be read"),
    ):
        with pytest.raises(InvalidInput, match=words):
            write(metrics, drift, out)
    assert not out.parent.exists()


def test_other_words_stand_beside_the_agents_own_and_are_marked(tmp_path: Path, history: Path) -> None:
    plain = write(history, None, tmp_path / "plain.yaml")
    said = write(history, None, tmp_path / "said.yaml", rewrite=lambda _: Reworded("Other words.", "small"))
    assert said.plan == plain.plan, "what is carried out is the agent's own"
    written = yaml.safe_load(said.path.read_text("utf-8"))
    assert written == said.to_dict()
    assert written == {
        **plain.plan.to_dict(), "rationale_reworded_by": "small", "rationale_reworded": "Other words.",
    }  # fmt: skip
    refused = write(history, None, tmp_path / "refused.yaml", rewrite=lambda _: None)
    assert refused.path.read_bytes() == plain.path.read_bytes()


def test_an_empty_history_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    made = write(tmp_path / "empty.jsonl", None, tmp_path / "plan.yaml")
    assert made.plan.status == "unknown"
