"""The commands of code evaluation through the shell script: what they print, what they refuse, what they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flow import Flow

from ds_workflow.adapters.sandbox import seccomp

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(bool(seccomp.unavailable()), reason=seccomp.unavailable() or "confined"),
]


@pytest.fixture
def flow(house: Path, tmp_path: Path) -> Flow:
    return Flow(house, tmp_path)


def test_a_run_prints_one_document_and_writes_its_files(flow: Flow, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [{"task_id": "own/digit_root", "completion": f"    return {n}"} for n in (3, "nothing_of_that_name")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out, page = tmp_path / "out.jsonl", tmp_path / "out.html"
    words = ["codeeval-run", "--completions", str(path), "--k", "1,2", "--out", str(out), "--html", str(page)]
    found = flow(*words, "--json").json
    assert {"tasks", "completions", "pass_at", "intervals", "failures"} <= set(found)
    assert (found["tasks"], found["completions"], found["pass_at"]) == (1, 2, {"1": 0.0, "2": 0.0})
    assert found["failures"] == {"wrong_answer": 1, "hallucination": 1}
    assert len(out.read_text().splitlines()) == 2
    assert page.read_text().startswith("<!doctype html>")


def test_bad_input_is_a_clear_error_and_nothing_is_lost(flow: Flow, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"task_id": "own/digit_root"}\n')
    for words, said in (
        (["codeeval-run", "--completions", str(path)], "Completion 1 (own/digit_root) has no text"),
        (["codeeval-compare", "--completions", str(path)], "Give --owner"),
        (["codeeval-compare", "--completions", str(path), "--owner", "ana"], "Completion 1"),
        (["codeeval-generate", "--model", "m", "--out", str(tmp_path / "x.jsonl"), "--base-url", "here"], "http"),
    ):
        answer = flow(*words, code=2)
        assert said in answer.err, words
    assert path.read_text() == '{"task_id": "own/digit_root"}\n'
    assert not (tmp_path / "x.jsonl").exists()
    assert not (tmp_path / "mlruns").exists()
