"""The same work on this machine and on a two-worker cluster: seconds, their ratio, and whether the answers are equal.

    python benchmarks/engine.py [--rows 200000] [--workers 2]

Drift of a table (columns measured by workers), answers for a file of rows, a search for hyperparameters, one booster of
many fragments. Starting the cluster is told apart, since it is paid once. On a machine with few cores the local engine
already uses them inside a fit, so ratios near 1 say that spreading costs nothing; more machines are what it is for.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow import plugins
from ds_workflow.adapters import datasets, engine, fitting, row_files
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.strategy import StrategyOptions, spread_by
from ds_workflow.use_cases.monitor import drift
from ds_workflow.use_cases.predict.batch import Answering
from ds_workflow.workspace import Workspace, system_clock

FRAGMENTS, COLUMNS = 8, 20
PARAMS = {"max_depth": 6, "eta": 0.1, "tree_method": "hist", "base_score": 0.0, "nthread": 1}


def fragment(seed_and_rows: tuple[int, int]) -> tuple[Any, Any]:
    """Rows that whoever grows the trees makes for himself."""
    seed, rows = seed_and_rows
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    return X, (X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + rng.normal(size=rows)).astype(np.float32)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and the answer."""
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


def tables(folder: Path, rows: int) -> tuple[Path, Path]:
    """A reference and a new table of numbers and categories."""
    rng = np.random.default_rng(1)
    found = []
    for name, moved in (("old", 0.0), ("new", 0.1)):
        table = pd.DataFrame({f"x{i}": rng.normal(moved, 1.0, rows) for i in range(COLUMNS)})
        table["kind"] = rng.choice(list("abcdef"), rows)
        table.to_parquet(folder / f"{name}.parquet")
        found.append(folder / f"{name}.parquet")
    return found[0], found[1]


def main() -> None:
    """Print one line for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), asked.rows, asked.workers)


def measure(folder: Path, rows: int, workers: int) -> None:
    """All kinds of work, by both engines."""
    old, new = tables(folder, rows)
    work = Workspace.at(folder / "home", "adult_income")
    store = SnapshotStore(folder / "home")
    datasets.freeze(store, work.plugin, "sim", created_at=system_clock(), simulate=True, rows=20_000, seed=4)
    frozen = store.load(work.problem, "sim")
    parts = {"rows": frozen.rows, "train": frozen.train, "holdout": frozen.holdout}
    quiet: Callable[[str], None] = lambda _: None  # noqa: E731
    model = fitting.fit(work.plugin, fitting.Recipe("v1.0", "global"), **parts, say=quiet).model
    people, _ = work.plugin.clean(work.plugin.simulate(rows=min(rows, 100_000), seed=11))
    people.to_parquet(folder / "people.parquet")
    answering = Answering(work.problem, 1, model, 0.5, as_text=False, missing=frozenset())

    def compared(address: str) -> Any:
        return drift.compare(old, new, out=folder / "d.json", threshold=0.2, say=quiet, engine=address).table

    def answered(who: engine.Engine) -> Any:
        found = who.map(answering, row_files.RowFile(folder / "people.parquet").parts())
        return np.concatenate([table["predicted_probability"].to_numpy() for _, table, _ in found])

    def searched(who: engine.Engine) -> Any:
        recipe = fitting.Recipe("v1.0", "global", StrategyOptions(seed=3), trials=9)
        with spread_by(who.map):  # the recipe's own engine would start another cluster
            truth = frozen.train[work.problem.target].to_numpy(dtype=np.float64)
            features = work.plugin.featurizer("v1.0", seed=3).fit_transform(frozen.train, truth)
            names = work.problem.feature_set("v1.0").features
            return plugins.load("strategies", "global").tune(
                work.problem, recipe.options, names, features, truth, trials=recipe.trials, say=quiet
            )

    def grown(who: engine.Engine) -> Any:
        import xgboost

        pieces = [(seed, rows // FRAGMENTS) for seed in range(FRAGMENTS)]
        booster = who.fit_xgb(fragment, pieces, params=PARAMS, rounds=60)
        X, y = fragment((99, 20_000))
        return float(np.sqrt(np.mean((booster.predict(xgboost.DMatrix(X)) - y) ** 2)))

    began = time.perf_counter()
    with engine.start("local") as local, engine.start(f"dask:{workers}") as dask:
        address = f"dask:{dask.address}"  # type: ignore[attr-defined]
        list(dask.map(fragment, [(0, 10)] * workers))
        print(f"{workers} workers were ready after {time.perf_counter() - began:.1f} s")
        kinds: tuple[tuple[str, Callable[[], Any], Callable[[], Any]], ...] = (
            (f"drift, {rows:,} x {COLUMNS + 1}", lambda: compared("local"), lambda: compared(address)),
            (f"answers for {len(people):,} rows", lambda: answered(local), lambda: answered(dask)),
            ("search, 9 trials on 16,000 rows", lambda: searched(local), lambda: searched(dask)),
            (f"booster of {rows:,} rows, 60 rounds", lambda: grown(local), lambda: grown(dask)),
        )
        print(f"{'work':40} {'local':>8} {'dask':>8} {'ratio':>6}  answers")
        for kind, here, there in kinds:
            (a, mine), (b, theirs) = timed(here), timed(there)
            same = np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs
            said = "equal" if same else f"{mine:.5f} and {theirs:.5f} (root mean squared error)"
            print(f"{kind:40} {a:7.1f}s {b:7.1f}s {a / b:6.2f}  {said}")


if __name__ == "__main__":
    main()
