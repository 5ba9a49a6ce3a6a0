"""A dense design matrix for linear models: numbers imputed and scaled, categories one column per level."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Floats = NDArray[np.float64]

LEAST_ROWS = 20  # of a category, to have a column of its own
MISSING = "missing"


class Design(BaseEstimator):  # type: ignore[misc]
    """Learns medians, scales and levels on training rows; never sees another table's.

    A number is filled with its median and divided by its standard deviation from its mean; a column that has missing
    values gets a second one that says so. A column of text gets one column per level of at least 20 rows, but none for
    its most frequent level, the reference; rare levels and levels that training never saw count as the reference.
    """

    def fit(self, X: pd.DataFrame, features: tuple[str, ...]) -> Design:
        """Learn from the columns `features` of X (n)."""
        self.features_ = list(features)
        self.numbers_: dict[str, dict[str, float]] = {}
        self.levels_: dict[str, list[str]] = {}
        self.reference_: dict[str, str] = {}
        for name in features:
            if pd.api.types.is_numeric_dtype(X[name]):
                self.numbers_[name] = _scale(X[name].to_numpy(dtype=np.float64))
            else:
                counts = _text(X[name]).value_counts()
                ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
                self.reference_[name] = str(ordered[0][0])
                self.levels_[name] = [str(level) for level, n in ordered[1:] if n >= LEAST_ROWS]
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """The matrix, float64 of shape (n, terms)."""
        columns: list[Floats] = []
        for name in self.features_:
            if name in self.numbers_:
                scale = self.numbers_[name]
                values = X[name].to_numpy(dtype=np.float64)
                absent = ~np.isfinite(values)
                columns.append((np.where(absent, scale["median"], values) - scale["mean"]) / scale["deviation"])
                if scale["absent"]:
                    columns.append(absent.astype(np.float64))
            else:
                place = pd.Index(self.levels_[name]).get_indexer(pd.Index(_text(X[name]).to_numpy(dtype=object)))
                columns.extend((place == i).astype(np.float64) for i in range(len(self.levels_[name])))
        return np.column_stack(columns) if columns else np.empty((len(X), 0))

    def addends(self, coefficients: Floats) -> dict[str, Callable[[Any], float]]:
        """For each feature, a function from its value in one row to what it adds to the row of `transform` times the
        `coefficients` (terms,)."""
        left = iter(coefficients.tolist())
        found: dict[str, Callable[[Any], float]] = {}
        for name in self.features_:
            if name in self.numbers_:
                scale = self.numbers_[name]
                found[name] = _number_adds(scale, next(left), next(left) if scale["absent"] else 0.0)
            else:
                found[name] = _level_adds({level: next(left) for level in self.levels_[name]})
        return found

    @property
    def terms(self) -> list[dict[str, str]]:
        """One entry per column: the `feature` it is made from, its name as `term`, what one step of it is as `per`."""
        found = []
        for name in self.features_:
            if name in self.numbers_:
                scale = self.numbers_[name]
                step = f"per standard deviation, {scale['deviation']:.4g}"
                found.append({"feature": name, "term": name, "per": step})
                if scale["absent"]:
                    found.append({"feature": name, "term": f"{name}={MISSING}", "per": "against a known value"})
            else:
                against = f"against {self.reference_[name]}"
                found += [{"feature": name, "term": f"{name}={v}", "per": against} for v in self.levels_[name]]
        return found


def _scale(values: Floats) -> dict[str, float]:
    absent = ~np.isfinite(values)
    known = values[~absent]
    median = float(np.median(known)) if len(known) else 0.0
    filled = np.where(absent, median, values)
    deviation = float(filled.std())
    return {
        "median": median,
        "mean": float(filled.mean()),
        "deviation": deviation if deviation > 0 else 1.0,
        "absent": float(absent.any()),
    }


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.astype(object).where(values.notna(), MISSING).astype(str)


def _number_adds(scale: dict[str, float], step: float, absent: float) -> Callable[[Any], float]:
    median, mean, slope = scale["median"], scale["mean"], step / scale["deviation"]
    instead = (median - mean) * slope + absent

    def add(value: Any) -> float:
        return (value - mean) * slope if value is not None and math.isfinite(value) else instead

    return add


def _level_adds(steps: dict[str, float]) -> Callable[[Any], float]:
    return lambda value: steps.get(MISSING if value is None else str(value), 0.0)
