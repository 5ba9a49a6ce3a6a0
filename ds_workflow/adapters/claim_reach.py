"""The champion's figures where a claim is made, and whether the claim lies within what is left to gain there.

Asked by `hypothesis-check` and, before anything is locked or trained, by training. The champion's stored answers are
used where it was trained beside the same holdout; on another snapshot it is loaded by digest and answers its holdout.
That looks at one model that is already in office: no comparison, and so nothing of the holdout is spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ds_workflow.adapters import models, run_files, trial
from ds_workflow.domain.hypothesis import OVERALL, Claim
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.power import out_of_reach
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.snapshot import Snapshot
from ds_workflow.errors import InvalidInput


class Office(trial.Shelf, Protocol):
    """What knows the champion and where versions lie: the registry."""

    def champion(self, problem: str) -> Any: ...


@dataclass(frozen=True)
class Standing:
    """The champion's values per row and its figure, overall and by segment; empty, with the reason, without them."""

    values: Mapping[str, Any]
    levels: Mapping[str, float]
    unknown: str = ""

    def figure(self, claim: Claim, policy: Policy) -> float | None:
        """The champion's figure where the claim is made; None while it is not known."""
        if not claim.weighted:
            return self.levels.get(claim.slice)
        parts = {name: weight for name, weight in policy.weights.items() if weight > 0}
        if any(name not in self.levels for name in parts):
            return None
        return sum(weight * self.levels[name] for name, weight in parts.items())

    def why_not(self, claim: Claim, policy: Policy) -> str:
        """Why no model could fulfil the claim, or ""."""
        now = self.figure(claim, policy)
        return "" if now is None else out_of_reach(claim, now)


def standing(office: Office, problem: Problem, snapshot: Snapshot, claim: Claim) -> Standing:
    """The champion on the holdout of a snapshot, by the claim's metric. Raises what `office` does for a version that is
    gone or was changed."""
    champion = office.champion(problem.name)
    if champion is None:
        return Standing({}, {}, "there is no champion yet")
    try:
        scored = _scored(office, champion, problem, snapshot)
    except InvalidInput as error:
        return Standing({}, {}, f"version {champion.version} can't answer this holdout: {error}")
    segment = scored.groups["segment"]
    values: dict[str, Any] = {}
    levels: dict[str, float] = {}
    for name in (OVERALL, *sorted(set(segment.astype(str)))):
        part = scored if name == OVERALL else scored.take(np.flatnonzero(segment == name))
        if len(part) and not claim.base.absent(part):
            levels[name] = claim.base(part)
            if claim.base.per_row is not None:
                values[name] = claim.base.per_row(part)
    return Standing(values, levels)


def _scored(office: Office, champion: Any, problem: Problem, snapshot: Snapshot) -> Scored:
    """Its stored answers, or those that it gives now."""
    if champion.lineage.holdout_digest == snapshot.record.holdout_digest:
        path = office.run_artifacts(champion) / run_files.PREDICTIONS
        if path.exists():
            return models.read_scored(path)
    rows = snapshot.rows
    fitted = models.read(office.model_path(champion))
    model = models.with_history(fitted, rows, rows[problem.target].to_numpy(dtype=np.float64))
    features = model["features"].transform(snapshot.holdout)
    return models.score(model, problem, snapshot.holdout, features=features, past=snapshot.train)
