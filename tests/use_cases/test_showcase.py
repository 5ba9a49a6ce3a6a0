"""The tour runs from end to end and finds what is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.use_cases.showcase import showcase
from ds_workflow.workspace import Workspace


def test_a_tour_finds_what_is_true(tmp_path: Path) -> None:
    made = showcase(Workspace.at(tmp_path), count=20_000, seed=42)
    assert made.green, made.text()
    assert len(made.steps) == 5
    assert all(step.claims or step.notes for step in made.steps)
    page = made.page.read_text("utf-8")
    for step in made.steps:
        assert step.title in page
        for _, path in step.links:
            assert (made.page.parent / path).is_file(), path
    assert not (tmp_path / "data").exists(), "the workspace itself is left alone"
    with pytest.raises(InvalidInput, match="at least"):
        showcase(Workspace.at(tmp_path), count=10)
    assert made.page.exists(), "what was refused took nothing away"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StateConflict, match="no showcase made"):
        showcase(Workspace.at(tmp_path), out=tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
