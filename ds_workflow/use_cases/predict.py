"""The champion as an answerer: loaded by digest, never by 'latest', and smoke-tested before it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import models, run_files
from ds_workflow.domain.contract import FieldError, check_rows
from ds_workflow.errors import StateConflict
from registry.errors import NoChampion
from registry.records import Custody, ModelVersion

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Champion:
    """A loaded champion: version and digest are pinned for as long as it lives."""

    problem: Problem
    version: ModelVersion
    custody: Custody
    model: Any

    @property
    def name(self) -> dict[str, Any]:
        """What every answer carries."""
        return {"problem": self.problem.name, "version": self.version.version, "digest": self.version.digest}

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[FieldError]]:
        """One prediction a row, or every bad field of every row and no prediction at all."""
        frame, errors = check_rows(self.problem, rows)
        if errors:
            return [], errors
        features = self.model["features"].transform(frame)
        estimator = self.model["model"]
        values = estimator.predict(features)
        if self.problem.task == "binary":
            return [{"probability": float(p), "label": int(p >= 0.5)} for p in values], []
        if not hasattr(estimator, "predict_interval"):
            return [{"value": float(v)} for v in values], []
        lower, upper = estimator.predict_interval(features, coverage=models.INTERVAL_COVERAGE, answers=values)
        return [
            {"value": float(v), "interval": [float(a), float(b)]} for v, a, b in zip(values, lower, upper, strict=True)
        ], []


def champion(work: Workspace) -> Champion:
    """Load the champion of the workspace's problem.

    Raises NoChampion when none was ever applied; StateConflict when the alias is out of custody.
    """
    name = work.problem.name
    version = work.registry.champion(name)
    if version is None:
        raise NoChampion(f"{name} has no champion yet.", hint="Run 'bootstrap-champion'.")
    custody = work.registry.custody(name)
    if custody.status != "in_custody":
        raise StateConflict(f"The champion of {name} is {custody.status}: {custody.detail}", hint="See 'arena-status'.")
    model = models.read(work.registry.model_path(version))
    run_files.smoke(model, work.registry.run_artifacts(version))
    return Champion(work.problem, version, custody, model)
