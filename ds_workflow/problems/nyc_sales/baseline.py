"""What everybody knows without a model: the median price of the neighbourhood and segment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

_LEVELS = (("neighborhood", "borough", "segment"), ("borough", "segment"), ("segment",))


class MedianPrice(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts the training median of neighbourhood x segment, else borough x segment, segment, everything.

    A group speaks from `least` sales on.
    """

    def __init__(self, least: int = 5) -> None:
        self.least = least

    def fit(self, rows: pd.DataFrame, y: Any) -> MedianPrice:
        """Remember the medians of `y` (n,), in dollars, of cleaned rows (n)."""
        prices = np.asarray(y, dtype=np.float64)
        self.overall_ = float(np.median(prices))
        self.medians_: list[dict[str, float]] = []
        for level in _LEVELS:
            grouped = pd.Series(prices).groupby(self._key(rows, level))
            medians, counts = grouped.median(), grouped.size()
            self.medians_.append({str(k): float(v) for k, v in medians[counts >= self.least].items()})
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Prices in dollars, shape (n,)."""
        answer = pd.Series(np.nan, index=range(len(rows)))
        for level, medians in zip(_LEVELS, self.medians_, strict=True):
            answer = answer.fillna(pd.Series(self._key(rows, level)).map(medians))
        return np.asarray(answer.fillna(self.overall_), dtype=np.float64)

    @staticmethod
    def _key(rows: pd.DataFrame, level: tuple[str, ...]) -> np.ndarray[Any, Any]:
        parts = [rows[name].astype("str").fillna("").reset_index(drop=True) for name in level]
        key = parts[0]
        for part in parts[1:]:
            key = key + "|" + part
        return np.asarray(key, dtype=object)
