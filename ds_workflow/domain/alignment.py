"""Are these answers to the same questions? What makes a comparison invalid, and rows in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.metrics import Floats, Scored
from ds_workflow.errors import InvalidInput
from registry.records import GateResult

NAME = "alignment"
GROUPS = ("segment", "cluster")


@dataclass(frozen=True)
class Frozen:
    """The frozen holdout: `row_id` and, when known, `truth`, both of shape (n,), in any order."""

    row_id: NDArray[Any]
    truth: Floats | None = None


def in_order(scored: Scored) -> Scored:
    """The rows in the order of their ids."""
    return scored.take(np.argsort(scored.row_id, kind="stable"))


def invalid(note: str, *, segment: str = "", rows: int | None = None) -> GateResult:
    """A result that stands for rows that can't be compared."""
    required = "same rows, same labels, finite answers"
    return GateResult(NAME, "invalid", required=required, note=note, segment=segment, rows=rows)


def faults_of(given: Mapping[str, Scored], frozen: Frozen | None) -> tuple[GateResult, ...]:
    """Why the roles can't be compared; empty when they can. Later questions are asked only if earlier ones allow."""
    found = [fault for role, scored in given.items() for fault in _own_faults(role, scored)]
    if found:
        return tuple(found)
    frozen_ids = None if frozen is None else np.asarray(frozen.row_id)
    if frozen_ids is not None and _ids(frozen_ids).has_duplicates:
        return (invalid("The frozen holdout itself holds a row id more than once."),)
    first_role, first = next(iter(given.items()))
    expected = _ids(first.row_id if frozen_ids is None else frozen_ids)
    against = first_role if frozen_ids is None else "the frozen holdout"
    for role, scored in given.items():
        mine_ids = _ids(scored.row_id)
        lost, extra = expected[~expected.isin(mine_ids)], mine_ids[~mine_ids.isin(expected)]
        if len(lost) or len(extra):
            note = f"{role} lacks {len(lost)} rows of {against} and has {len(extra)} others{_example(lost, extra)}."
            found.append(invalid(note, rows=len(scored)))
    if found:
        return tuple(found)
    ordered = {role: in_order(scored) for role, scored in given.items()}
    truth = ordered[first_role].truth
    if frozen is not None and frozen.truth is not None and frozen_ids is not None:
        truth = np.asarray(frozen.truth, dtype=np.float64)[np.argsort(frozen_ids, kind="stable")]
    for role, scored in ordered.items():
        other = int(np.count_nonzero(scored.truth != truth))
        if other:
            found.append(
                invalid(f"{role} was scored on another label version than {against}: {other} true values differ.")
            )
        for group in GROUPS:
            moved = int(np.count_nonzero(scored.groups[group] != ordered[first_role].groups[group]))
            if moved:
                found.append(invalid(f"{role} has another {group} than {first_role} in {moved} rows."))
        heavier = int(np.count_nonzero(scored.weights != ordered[first_role].weights))
        if heavier:
            found.append(invalid(f"{role} has another weight than {first_role} in {heavier} rows."))
    return tuple(found)


def _ids(values: NDArray[Any]) -> pd.Index:
    """An index for set questions. Texts stay Python objects: hashing those is many times quicker than Arrow strings."""
    return pd.Index(values, dtype=object if values.dtype.kind in "OU" else None)


def _example(lost: pd.Index, extra: pd.Index) -> str:
    return f" (such as '{(lost if len(lost) else extra)[0]}')"


def _own_faults(role: str, scored: Scored) -> list[GateResult]:
    """What is wrong with one role's rows by themselves."""
    if not len(scored):
        return [invalid(f"{role} has no rows at all.", rows=0)]
    found = []
    for group in GROUPS:
        if group not in scored.groups:
            found.append(invalid(f"{role}: the rows carry no '{group}'."))
    ids = _ids(scored.row_id)
    if ids.has_duplicates:
        twice = ids[ids.duplicated()].unique()
        found.append(invalid(f"{role} holds {len(twice)} row ids more than once, such as '{twice[0]}'."))
    if not found:
        found += _unfinite(role, scored)
    return found


def _unfinite(role: str, scored: Scored) -> list[GateResult]:
    """NaN and inf by segment. A missing interval is missing evidence, but half an interval is a fault."""
    found = []
    arrays = {"true values": scored.truth, "predictions": scored.prediction}
    arrays |= {name: a for name, a in (("lower", scored.lower), ("upper", scored.upper)) if a is not None}
    for what, values in arrays.items():
        bad = ~np.isfinite(values)
        segments, counts = np.unique(scored.groups["segment"][bad].astype(str), return_counts=True)
        for segment, count in zip(segments.tolist(), counts.tolist(), strict=True):
            found.append(invalid(f"{role}: {count} {what} are NaN or inf.", segment=segment, rows=count))
    return found


def require_valid(faults: Sequence[GateResult]) -> None:
    """InvalidInput with all reasons, for callers that can't go on with an invalid comparison."""
    if faults:
        raise InvalidInput("These rows can't be compared: " + " ".join(f.note for f in faults))
