"""Holdouts that hold the same rows share one account of looks, whichever was frozen or asked first.

The fingerprints of a holdout's rows (see `domain.same_rows`) are kept beside the snapshots, so that no table is read
again to compare them; what shares rows is told to the registry, once, and holds from then on.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ds_workflow.adapters import unfinished
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.holdout_spending import REGISTERED, trained
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.same_rows import Prints, overlap, prints
from ds_workflow.errors import WorkflowError

if TYPE_CHECKING:
    from ds_workflow.domain.snapshot import SnapshotRecord

MOST = 0.1  # share of the smaller holdout's rows that may stand in the other one
FOLDER = ".prints"  # below the snapshots of a problem
_RULE = "1"  # of how a row is told: fingerprints of another rule are made anew
# what numpy and zipfile raise of a file that is not there, or is no such file any more
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def prints_of(store: SnapshotStore, problem: Problem, record: SnapshotRecord) -> Prints:
    """The fingerprints of a snapshot's holdout, as they are kept, else made of its rows and kept.

    Raises what loading the snapshot raises.
    """
    path = store.root / problem.name / FOLDER / f"{record.holdout_digest[:32]}-{_RULE}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return Prints(tuple(kept["columns"].tolist()), kept["ids"], kept["cells"])
    except _DAMAGED:
        made = prints(store.load(problem, record.dataset_version).holdout, row_id=problem.row_id)
    _keep(path, made)
    return made


def _keep(path: Path, made: Prints) -> None:
    """Write them whole or not at all; where nothing can be written they are made again next time."""
    try:
        with unfinished.building(path.parent, ".new-") as folder:
            np.savez(folder / path.name, columns=np.array(made.columns, dtype=np.str_), ids=made.ids, cells=made.cells)
            (folder / path.name).replace(path)
    except OSError:
        return


def join(
    registry: Any, store: SnapshotStore, problem: Problem, record: SnapshotRecord, *, say: Callable[[str], None]
) -> None:
    """Tell the `Registry` which other holdouts of the problem the one of `record` shares rows with.

    Asked before every look and when a snapshot is frozen, so that it does not matter which came first. One that can't
    be read shares them if anything was asked of it, or trained beside it.
    """
    done, mine = set(registry.holdouts_sharing(record.holdout_digest)), None
    for other in registry.snapshots(problem.name):
        digest = other.holdout_digest
        if digest in done:
            continue
        done.add(digest)
        try:
            mine = prints_of(store, problem, record) if mine is None else mine
            found = overlap(mine, prints_of(store, problem, other))
        except (WorkflowError, OSError):
            found = 1.0 if _asked(registry, digest) else 0.0
        if found > MOST:
            registry.continue_holdout(record.holdout_digest, of=digest, share=found)
            say(
                f"the rows held out stand in {other.dataset_version} too ({found:.0%} of the smaller of the two), so "
                "they share one account of looks; 'holdout-freeze' finds a fresh window"
            )


def _asked(registry: Any, digest: str) -> bool:
    """Whether anything was asked of that holdout: a look taken or begun, or a candidate's figures shown by training."""
    if registry.holdout_uses(digest) or registry.holdout_reserved(digest):
        return True
    return bool(trained(registry.events(kind=REGISTERED), {digest}))
