"""Local and cluster: the same verbs, the same answers. Two worker processes serve all tests of this file."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ds_workflow.adapters import datasets, engine, fitting, row_files
from ds_workflow.adapters.engine import base
from ds_workflow.adapters.engine import dask as cluster
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain import drift_table
from ds_workflow.domain.strategy import spread_by
from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.strategies import _tuning
from ds_workflow.use_cases.monitor import drift
from ds_workflow.use_cases.predict.batch import Answering
from ds_workflow.workspace import Workspace

AT = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = {"local": "local"}  # what to give as --engine; "here" are the two workers of this file


@pytest.fixture(scope="module")
def dask() -> Iterator[engine.Engine]:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with engine.start("dask:2") as made:
        ADDRESS["here"] = f"dask:{made.address}"
        yield made


@pytest.fixture(params=["local", "dask"])
def working(request: pytest.FixtureRequest) -> Iterator[engine.Engine]:
    if request.param == "dask":
        yield request.getfixturevalue("dask")
        return
    with engine.start("local") as made:
        yield made


def test_map_keeps_the_order_and_takes_items_as_they_are_needed(working: engine.Engine) -> None:
    taken = []

    def items() -> Iterator[int]:
        for i in range(40):
            taken.append(i)
            yield i

    answers = working.map(lambda x: x * x, items())
    assert next(answers) == 0
    assert len(taken) <= 2 * working.width + 1, "a file larger than memory must not be read at once"
    assert [0, *answers] == [x * x for x in range(40)]


def test_fold_merges_from_the_first_to_the_last(working: engine.Engine) -> None:
    # an order that any other way of merging would change, and sums whose last bit depends on it
    assert working.fold(lambda x: f"{x}", lambda a, b: f"({a}{b})", "abcd") == "(((ab)c)d)"
    values = np.random.default_rng(3).normal(size=400) * 10.0 ** np.arange(-200, 200)
    total = 0.0
    for part in np.split(values, 20):
        total += float(part.sum())
    assert working.fold(lambda part: float(part.sum()), lambda a, b: a + b, np.split(values, 20)) == total
    with pytest.raises(InvalidInput, match="no fragment"):
        working.fold(lambda x: x, lambda a, b: a, [])


def test_what_a_fragment_raises_arrives_as_it_was_raised(working: engine.Engine) -> None:
    def refuse(x: int) -> int:
        raise InvalidInput(f"row {x} is bad", hint="mend it")

    with pytest.raises(InvalidInput, match="row 7 is bad") as caught:
        list(working.map(refuse, [7]))
    assert caught.value.hint == "mend it"


def rows(seed: int) -> tuple[Any, Any]:
    """Few distinct values: every engine then cuts features at the same places."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 20, size=(500, 4)).astype(np.float32)
    return X, (X[:, 0] * 2 + np.abs(X[:, 1] - 10) + rng.normal(size=500)).astype(np.float32)


def test_one_booster_of_all_fragments(dask: engine.Engine) -> None:
    import xgboost

    params = {"max_depth": 4, "eta": 0.3, "tree_method": "hist", "base_score": 0.0, "nthread": 1}
    with engine.start("local") as local:
        here = local.fit_xgb(rows, [1, 2, 3], params=params, rounds=20)
    there = dask.fit_xgb(rows, [1, 2, 3], params=params, rounds=20)
    assert type(there) is xgboost.Booster
    assert there.num_boosted_rounds() == 20
    X, y = rows(9)
    a, b = (booster.predict(xgboost.DMatrix(X)) for booster in (here, there))
    assert np.allclose(a, b, rtol=1e-3, atol=1e-3), "the tolerance that the documents state"
    assert np.mean((b - y) ** 2) < 2.0, "the noise has variance 1; a booster of one fragment or shuffled labels is far"
    with pytest.raises(InvalidInput, match="no fragment"):
        dask.fit_xgb(rows, [], params=params, rounds=2)


def test_work_is_done_by_other_processes(dask: engine.Engine) -> None:
    import os

    def who(_: int) -> int:
        import time

        time.sleep(0.05)
        return os.getpid()

    seen = set(dask.map(who, range(8)))
    assert os.getpid() not in seen
    assert len(seen) == dask.width == 2


@pytest.mark.parametrize("name", ["spark", "local:2", "dask:0", "dask:many", "dask:9999", ""])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"engine|number of workers") as caught, engine.start(name):
        pass
    assert "dask:tcp://" in caught.value.hint


def test_a_scheduler_that_is_not_there_is_said() -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with (
        pytest.raises(SourceUnavailable, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1"),
        engine.start("dask:tcp://127.0.0.1:1", answer_seconds=0.2),
    ):
        pass


def test_without_the_extra_the_way_to_it_is_told(tmp_path: Path) -> None:
    """In an interpreter of its own, whose path holds this project and nothing that was installed."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "sys.path = [p for p in sys.path if 'site-packages' not in p]\n"
        f"sys.path.insert(0, {str(Path(base.__file__).parents[3])!r})\n"
        "from ds_workflow.adapters import engine\n"
        "try:\n"
        "    engine.start('dask').__enter__()\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("InvalidInput The engine 'dask' needs dask, which is not installed.")
    assert ".[dask]" in done.stdout


# --- what the product does with it -----------------------------------------------------------------------------------


def test_drift_is_the_same_to_the_bit(dask: engine.Engine, tmp_path: Path) -> None:
    import pandas as pd

    rng = np.random.default_rng(5)
    old = pd.DataFrame({f"x{i}": rng.normal(size=600) for i in range(5)} | {"kind": rng.choice(["a", "b"], 600)})
    new = old.sample(300, random_state=1).assign(x2=lambda t: t["x2"] + 2, kind="c", stranger=1)
    old.to_parquet(tmp_path / "old.parquet")
    new.to_csv(tmp_path / "new.csv", index=False)
    files = (tmp_path / "old.parquet", tmp_path / "new.csv")
    whole = drift_table.compare(old, pd.read_csv(files[1]), threshold=0.2)
    assert set(whole.drifted) == {"x2", "kind"}
    for name in ("local", "here"):
        found = drift.compare(*files, out=tmp_path / f"{name}.json", threshold=0.2, say=print, engine=ADDRESS[name])
        assert found.table == whole
        assert list(found.table.columns) == list(whole.columns)


def test_a_search_draws_the_same_trials(dask: engine.Engine) -> None:
    def error(trial: Any) -> float:
        return float((trial.suggest_float("a", 0.0, 1.0) - 0.3) ** 2 + trial.suggest_int("b", 1, 9))

    told: dict[str, list[str]] = {}
    best = {}
    for name, way in (("local", map), ("dask", dask.map)):
        with spread_by(way):
            best[name] = _tuning.study(
                error,
                first={"a": 1.0, "b": 5},
                trials=14,
                seed=3,
                say=told.setdefault(name, []).append,
                what="error",
            )
    assert told["local"] == told["dask"]
    assert best["local"] == best["dask"]
    assert len(told["local"]) == 15
    assert told["local"][0] == "trial 1 of 14: error 5.4900", "the first trial is the one that was given"
    assert (best["local"]["a"] - 0.3) ** 2 + best["local"]["b"] < 3.0


def test_parts_of_a_file_are_answered_the_same(dask: engine.Engine, tmp_path: Path) -> None:
    """The work of `predict` on two parts, its model sent to the workers; bad rows come back with their numbers."""
    work = Workspace.at(tmp_path, "adult_income")
    problem = work.problem
    store = SnapshotStore(tmp_path)
    datasets.freeze(store, work.plugin, "sim-v1", created_at=AT, simulate=True, rows=1_000, seed=4)
    frozen = store.load(problem, "sim-v1")
    parts = {"rows": frozen.rows, "train": frozen.train, "holdout": frozen.holdout}
    made = fitting.fit(work.plugin, fitting.Recipe("v1.0", "logistic"), **parts, say=print)
    people, _ = work.plugin.clean(work.plugin.simulate(rows=600, seed=11))
    people["age"] = people["age"].astype(object)
    people.loc[[7, 350], "age"] = "very old"
    people.to_csv(tmp_path / "people.csv", index=False)
    (whole,) = row_files.RowFile(tmp_path / "people.csv").parts()
    halves = [row_files.Part(1, whole.table.slice(0, 300)), row_files.Part(301, whole.table.slice(300))]
    assert len(pickle.dumps(halves[0])) < 0.6 * len(pickle.dumps(whole)), "a slice travels without the rest"
    answering = Answering(problem, 1, made.model, 0.5, as_text=True, missing=frozenset("?"))
    answers = {}
    for name, way in (("local", map), ("dask", dask.map)):
        answers[name] = list(way(answering, halves))
    for (first, table, bad), here in zip(answers["dask"], answers["local"], strict=True):
        assert (first, bad) == (here[0], here[2])
        assert [error.field for error in bad] == ["age"]
        assert table.equals(here[1])
    shown = answers["dask"][0][1]["predicted_probability"].to_numpy()
    assert len(shown) == 299
    assert 0 < shown.min() < shown.max() < 1


def test_workers_with_other_code_or_libraries_are_refused(dask: engine.Engine) -> None:
    """The workers of this file run this very code; a reader that has another asks them in vain."""
    client, mine = dask._client, cluster.versions()
    cluster.require_alike(client, "here", here=mine)
    for name in (cluster.CODE, "xgboost"):
        with pytest.raises(SourceUnavailable, match=f"Worker .* has {name} {mine[name]} .here other.; its answers"):
            cluster.require_alike(client, "here", here=mine | {name: "other"})


def test_the_digest_of_code_is_of_paths_and_bytes(tmp_path: Path) -> None:
    for name in ("ds_workflow", "registry"):
        (tmp_path / name).mkdir()
    source = tmp_path / "ds_workflow" / "a.py"
    source.write_text("answer = 1")
    seen = {cluster.code_digest(tmp_path)}
    source.write_text("answer = 2")
    seen.add(cluster.code_digest(tmp_path))
    source.rename(tmp_path / "registry" / "a.py")
    seen.add(cluster.code_digest(tmp_path))
    (tmp_path / "ds_workflow" / "notes.txt").write_text("no code")
    assert len(seen) == 3
    assert cluster.code_digest(tmp_path) in seen


def test_an_engine_without_work_is_refused() -> None:
    problem = Workspace.at(problem="adult_income").problem
    with pytest.raises(InvalidInput, match="there is none") as caught:
        fitting.check(problem, fitting.Recipe("v1.0", "logistic", engine="dask"))
    assert "--optuna-trials" in caught.value.hint
