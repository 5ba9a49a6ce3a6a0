"""What a finished training offers to whoever describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from ds_workflow.domain.problem import Problem
    from ds_workflow.domain.scored import Scored


@dataclass(frozen=True)
class Run:
    """A fitted model with its rows: cleaned (`train`, `holdout`), as the featurizer's tables (`features`,
    `holdout_features`), its answers on the holdout (`scored`), the mean absolute SHAP value by feature (`shap`),
    and the strategy that made it."""

    problem: Problem
    model: Pipeline
    seed: int
    train: pd.DataFrame
    holdout: pd.DataFrame
    features: pd.DataFrame
    holdout_features: pd.DataFrame
    scored: Scored
    shap: Mapping[str, float] = field(default_factory=dict)
    strategy: str = ""
