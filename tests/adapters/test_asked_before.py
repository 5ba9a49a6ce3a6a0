"""Nearly the same rows under a new name are no fresh holdout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ds_workflow.adapters.asked_before import share
from ds_workflow.domain.holdout_spending import account
from ds_workflow.use_cases import data
from ds_workflow.workspace import Workspace


def rows(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = {f"x{n}": rng.normal(size=200) for n in range(9)}
    return pd.DataFrame({"id": [f"r{n}" for n in range(200)], **made, "y": rng.integers(0, 2, 200)})


def test_rows_are_known_again_though_a_column_was_touched() -> None:
    old = rows(1)
    assert share(old, old, row_id="id") == 1.0
    touched = old.assign(x0=old["x0"] + 1e-9)
    assert share(touched, old, row_id="id") == 1.0
    assert share(pd.concat([touched[:50], rows(2)[50:]]), old, row_id="id") == 0.25
    assert share(rows(2), old, row_id="id") == 0.0, "the same ids of other rows"
    assert share(old.assign(id=old["id"] + "x"), old, row_id="id") == 1.0, "the same rows under other ids"
    assert share(touched.assign(id=old["id"] + "x"), old, row_id="id") == 0.0


def test_the_looks_taken_go_on_where_rows_do(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "nyc_sales")

    def freeze(name: str, n: int, seed: int) -> str:
        options = {"source": None, "references": (), "simulate": True, "seed": seed, "rows": n}
        return data.snapshot(work, name, **options).record.holdout_digest  # type: ignore[arg-type]

    first = freeze("d1", 1500, 1)
    begun = {"kind": "promotion", "round": "", "alpha": 0.03, "counted": 0}
    work.registry.reserve_look(first, question="q", **begun)  # type: ignore[arg-type]
    store = data.snapshots.SnapshotStore(work.settings.data)
    held = store.load(work.problem, "d1")
    near = tmp_path / "near.csv"
    named = {name: f"{name}_at_time_of_sale" for name in ("tax_class", "building_class")}
    pd.concat([held.train[5:], held.holdout[5:]]).rename(columns=named).to_csv(near, index=False)
    options = {"source": near, "references": (), "simulate": False, "seed": 1}
    second = data.snapshot(work, "d2", **options).record.holdout_digest  # type: ignore[arg-type]
    other = freeze("d3", 1500, 2)

    def taken(digest: str) -> int:
        registry = work.registry
        return account(registry.holdout_uses(digest), registry.proposal, registry.holdout_reserved(digest)).taken

    assert len({first, second, other}) == 3
    assert [taken(digest) for digest in (first, second, other)] == [1, 1, 0]
    with pytest.raises(Exception, match="meanwhile"):
        work.registry.reserve_look(second, question="r", **begun)  # type: ignore[arg-type]
