"""SIGKILL in the writes of the commands that change more than one place.

The points are found, not listed (`deaths`): here, wherever a command goes from one store or folder to the next.
benchmarks/faults.py kills in every write of every command.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sagas
from ground import Ground


@pytest.fixture(scope="module")
def states(built: Ground) -> Iterator[Ground]:
    """Every state up to a trained candidate; the ground is as it was afterwards."""
    built.put_back("champion")
    built.keep_whole("before")
    sagas.build(built, "trained")
    yield built
    built.put_whole_back("before")


@pytest.mark.parametrize("name", ["data-snapshot", "key-add"])
def test_wherever_it_was_killed_it_is_explained_and_the_same_command_finishes_it(
    states: Ground, name: str, tmp_path: Path
) -> None:
    blows = sagas.states(states, sagas.by_name(name), tmp_path)
    assert len(blows) >= 2
    assert [(blow.point, blow.wrong, blow.found) for blow in blows if not blow.sound] == []


def test_wherever_building_the_documents_was_killed_nothing_of_it_counts(states: Ground, tmp_path: Path) -> None:
    blows = sagas.states(states, sagas.by_name("docs-build"), tmp_path, only="file")
    assert len(blows) >= 4
    assert [(blow.point, blow.wrong, blow.found) for blow in blows if not blow.sound] == []


def test_a_version_that_its_training_did_not_tell_of_is_named_and_trained_anew(states: Ground, tmp_path: Path) -> None:
    blows = sagas.states(states, sagas.by_name("train-candidate"), tmp_path, only="arena")
    assert [(blow.point, blow.wrong, blow.found) for blow in blows if not blow.sound] == []
    (orphan,) = (blow for blow in blows if "Version 3 was made by a training that did not finish" in blow.text)
    assert "Train again: ds-workflow --problem adult_income train-candidate" in orphan.text


def test_a_look_without_its_proposal_is_named_and_the_same_question_takes_no_second(
    states: Ground, tmp_path: Path
) -> None:
    blows = sagas.states(states, sagas.by_name("arena-propose"), tmp_path, only="arena")
    assert [(blow.point, blow.wrong, blow.found) for blow in blows if not blow.sound] == []
    assert sum("was taken for version 3 at" in blow.text for blow in blows) >= 2
    assert sum("does not stand in" in blow.text for blow in blows) >= 2, "and an outcome that is not written yet"


def test_a_version_without_its_event_is_refused_before_a_look_is_taken(states: Ground) -> None:
    states.put_whole_back("trained")
    with closing(sqlite3.connect(states.store / "mlflow.db")) as mlflow, mlflow:  # as a killed training leaves one
        for table in ("model_versions", "model_version_tags"):
            names = [row[1] for row in mlflow.execute(f"PRAGMA table_info({table})")]
            others = ", ".join(f'"{name}"' for name in names if name != "version")
            copied = f"INSERT INTO {table} (version, {others}) SELECT 4, {others} FROM {table} WHERE version = 3"
            mlflow.execute(copied)
    done = states.run("command", words=["arena-propose", "--version", "4"]).done
    assert done["code"] == 3, done
    assert "was not registered by this workflow" in done["all"]
    with closing(sqlite3.connect(states.store / "arena.db")) as ledger:
        assert ledger.execute("SELECT body FROM events WHERE kind = 'holdout.reserved'").fetchall() == []


def test_a_real_kill_leaves_what_the_copies_hold(states: Ground) -> None:
    saga = sagas.by_name("model-retire")
    blows = [sagas.strike(states, saga, at) for at in (1, 2)]
    assert [(blow.point, blow.wrong, blow.found) for blow in blows if not blow.sound] == []
