"""What everybody knows without a model: the share of frauds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ds_workflow.problems.credit_card_fraud.source import WEIGHT


class FraudRate(BaseEstimator):  # type: ignore[misc]
    """Answers every row with the share of frauds in what the training rows stand for."""

    def fit(self, rows: pd.DataFrame, y: Any) -> FraudRate:
        """Remember the mean of `y` (n,) with the rows' weights."""
        self.rate_ = float(np.average(np.asarray(y, dtype=np.float64), weights=rows[WEIGHT]))
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Probabilities, shape (n,)."""
        return np.full(len(rows), self.rate_)
