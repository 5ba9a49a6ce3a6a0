"""What everybody knows without a model: the share of class 1, the naive baseline of two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class BaseRate:
    """Answers every row with the training share of class 1; with a `weight` column, of what the rows stand for."""

    def __init__(self, *, weight: str = "") -> None:
        self.weight = weight

    def fit(self, rows: pd.DataFrame, y: Any) -> BaseRate:
        """Remember the mean of the classes `y` (n,), which are 0 and 1."""
        weights = rows[self.weight].to_numpy(dtype=np.float64) if self.weight else None
        self.rate_ = float(np.average(np.asarray(y, dtype=np.float64), weights=weights))
        return self

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Probabilities, shape (n,)."""
        return np.full(len(rows), self.rate_)
