"""What a finished training offers to whoever describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from ds_workflow.domain.problem import Problem
    from ds_workflow.domain.scored import Scored


@dataclass(frozen=True)
class Run:
    """A fitted model with its rows: cleaned (`train`, `holdout`), as the featurizer's tables (`features`,
    `holdout_features`), and its answers on the holdout (`scored`)."""

    problem: Problem
    model: Pipeline
    seed: int
    train: pd.DataFrame
    holdout: pd.DataFrame
    features: pd.DataFrame
    holdout_features: pd.DataFrame
    scored: Scored
