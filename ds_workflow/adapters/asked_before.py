"""A new holdout that holds much of one that was asked already goes on with its account: its looks stay taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import WorkflowError

if TYPE_CHECKING:
    import pandas as pd

MOST = 0.1  # share of the new holdout's rows that may have been asked before
ALIKE = 0.8  # of a row's columns; ids are counted anew by a simulation, so an id alone says nothing


def share(new: pd.DataFrame, old: pd.DataFrame, *, row_id: str) -> float:
    """The share of the rows of `new` that stand in `old`: under the same id with at least `ALIKE` of the columns equal
    (missing equals missing), or under any id with all of them equal."""
    import pandas as pd

    columns = [name for name in new.columns if name != row_id and name in old.columns]
    both = new[[row_id]].assign(_new=range(len(new))).merge(old[[row_id]].assign(_old=range(len(old))), on=row_id)
    if not columns or new.empty:
        return 0.0
    prints = [pd.util.hash_pandas_object(rows[columns].astype(str), index=False).to_numpy() for rows in (new, old)]
    known = np.isin(prints[0], prints[1])
    one, two = new[columns].iloc[both["_new"]].reset_index(drop=True), old[columns].iloc[both["_old"]]
    two = two.reset_index(drop=True)
    alike = sum((one[name].astype(str) == two[name].astype(str)).astype(float) for name in columns) / len(columns)
    known[both["_new"].to_numpy()[(alike >= ALIKE).to_numpy()]] = True
    return float(known.mean())


def carry_over(
    registry: Any, store: SnapshotStore, problem: Problem, record: Any, *, say: Callable[[str], None]
) -> None:
    """Tell the `Registry` which asked holdouts the one of `record` (a SnapshotRecord) goes on from.

    One that can't be read counts as such.
    """
    done, new = {record.holdout_digest}, None
    for other in registry.snapshots(problem.name):
        if other.holdout_digest in done:
            continue
        done.add(other.holdout_digest)
        if not registry.holdout_uses(other.holdout_digest) and not registry.holdout_reserved(other.holdout_digest):
            continue
        try:
            new = store.load(problem, record.dataset_version).holdout if new is None else new
            found = share(new, store.load(problem, other.dataset_version).holdout, row_id=problem.row_id)
        except (WorkflowError, OSError):
            found = 1.0
        if found > MOST:
            registry.continue_holdout(record.holdout_digest, of=other.holdout_digest, share=found)
            say(
                f"{found:.0%} of the rows held out were asked already in {other.dataset_version}, so the looks taken "
                "there count here too; 'holdout-freeze' finds a fresh window"
            )
