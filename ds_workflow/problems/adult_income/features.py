"""What a model of adult_income may see: the features, the feature sets, and the transformer that makes them.

Every feature is known when the question is asked; nothing is looked up in other rows, so there is no history.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from ds_workflow.domain.problem import Feature, FeatureSet
from ds_workflow.domain.quick import CompiledFeatures, FeatureRows, SentRows
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.adult_income.source import LEVEL_OF, SEGMENT_OF

SEGMENT = "education_group"
PRIME_AGE = 48  # incomes over 50,000 dollars are most common in the years around it
TRADE_OF = {
    "Exec-managerial": "management",
    "Prof-specialty": "profession",
    "Protective-serv": "technical",
    "Tech-support": "technical",
    "Sales": "office",
    "Adm-clerical": "office",
    "Craft-repair": "manual",
    "Farming-fishing": "manual",
    "Handlers-cleaners": "manual",
    "Machine-op-inspct": "manual",
    "Transport-moving": "manual",
    "Armed-Forces": "service",
    "Other-service": "service",
    "Priv-house-serv": "service",
}
_HOURS = ((0, 20, "under 20"), (20, 35, "20 to 34"), (35, 40, "35 to 39"), (40, 41, "40"), (41, 50, "41 to 49"),
          (50, 60, "50 to 59"), (60, 1_000, "60 and more"))  # fmt: skip

# name, the version that it enters with, its sources, what it is, unit
_TABLE: tuple[tuple[str, str, tuple[str, ...], str, str], ...] = (
    ("age", "v1.0", ("age",), "Age", "years"),
    ("education_level", "v1.0", ("education",), "Schooling in 16 steps, from preschool to doctorate", "level"),
    ("hours_per_week", "v1.0", ("hours_per_week",), "Usual hours of work", "hours"),
    ("workclass", "v1.0", ("workclass",), "Kind of employer", ""),
    ("occupation", "v1.0", ("occupation",), "Occupation", ""),
    ("capital_gain_log", "v2.0", ("capital_gain",), "Log of 1 + capital gains of the year", "log dollars"),
    ("capital_loss_log", "v2.0", ("capital_loss",), "Log of 1 + capital losses of the year", "log dollars"),
    ("capital", "v2.0", ("capital_gain", "capital_loss"), "Whether there was a gain, a loss or neither", ""),
    ("years_from_prime", "v2.0", ("age",), f"Distance of the age from {PRIME_AGE}", "years"),
    ("hours_band", "v2.0", ("hours_per_week",), "Hours of work in seven bands; exactly 40 is one", ""),
    ("trade", "v2.0", ("education", "occupation"), "Group of education x group of occupation", ""),
    ("age_by_education", "v2.0", ("age", "education"), "(Age - 38) x (level - 10)", ""),
)  # fmt: skip
_NOTES = {
    "v1.0": "Basic: age, education, hours, employer and occupation as they are.",
    "v2.0": "And capital gains and losses, the years of highest earnings, hours in bands, interactions.",
}
FEATURES = tuple(Feature(name, words, "request", unit, sources) for name, _, sources, words, unit in _TABLE)
FEATURE_SETS = FeatureSet.grown(((name, entered) for name, entered, *_ in _TABLE), _NOTES)


class IncomeFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of feature set `version`: numbers as float64, categories as text, and the segment."""

    def __init__(self, version: str) -> None:
        self.version = version

    def fit(self, rows: pd.DataFrame, y: Any = None) -> IncomeFeatures:
        """Nothing is learned; raises InvalidInput on no rows."""
        if not len(rows):
            raise InvalidInput("Features need rows, and there are none.")
        self.fitted_ = True
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns of the feature set and the segment, (n, p + 1), in the order and with the index of `rows`."""
        level = rows["education"].map(LEVEL_OF).astype("float64")
        group = rows["education"].map(SEGMENT_OF)
        gain, loss = rows["capital_gain"].fillna(0.0), rows["capital_loss"].fillna(0.0)
        made: dict[str, Any] = {
            "age": rows["age"].astype("float64"),
            "education_level": level,
            "hours_per_week": rows["hours_per_week"].astype("float64"),
            "workclass": rows["workclass"],
            "occupation": rows["occupation"],
            "capital_gain_log": np.log1p(gain.astype("float64")),
            "capital_loss_log": np.log1p(loss.astype("float64")),
            "capital": np.where(gain > 0, "gain", np.where(loss > 0, "loss", "none")),
            "years_from_prime": (rows["age"].astype("float64") - PRIME_AGE).abs(),
            "hours_band": _bands(rows["hours_per_week"]),
            "trade": group.str.cat(rows["occupation"].map(TRADE_OF).fillna("unknown"), sep=" "),
            "age_by_education": (rows["age"].astype("float64") - 38) * (level - 10),
        }
        frame = pd.DataFrame({name: made[name] for name in self._names()}, index=rows.index)
        return frame.assign(**{SEGMENT: group})

    def compiled(self) -> CompiledFeatures:
        """`transform` for parsed rows, outside pandas."""
        makers = [_OF_ROW[name] for name in self._names()]

        def features(rows: SentRows) -> FeatureRows:
            values = [[make(row) for make in makers] for row in rows]
            return FeatureRows(values, [SEGMENT_OF[row["education"]] for row in rows])

        return features

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The columns that `transform` gives, in order."""
        return np.array([*self._names(), SEGMENT], dtype=object)

    def _names(self) -> tuple[str, ...]:
        for feature_set in FEATURE_SETS:
            if feature_set.version == self.version:
                return feature_set.features
        raise UnknownName("feature-set version", self.version, (fs.version for fs in FEATURE_SETS))


def _bands(hours: pd.Series[Any]) -> np.ndarray[Any, Any]:
    value = hours.to_numpy(dtype=np.float64)
    band = np.full(len(value), None, dtype=object)
    for low, high, name in _HOURS:
        band[(value >= low) & (value < high)] = name
    return band


def _band(hours: float) -> str | None:
    return next((name for low, high, name in _HOURS if low <= hours < high), None)


def _capital(row: Mapping[str, Any]) -> str:
    return "gain" if (row["capital_gain"] or 0) > 0 else "loss" if (row["capital_loss"] or 0) > 0 else "none"


# each feature of one parsed row, as `transform` makes it of a table
_OF_ROW: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "age": lambda row: row["age"],
    "education_level": lambda row: LEVEL_OF[row["education"]],
    "hours_per_week": lambda row: row["hours_per_week"],
    "workclass": lambda row: row["workclass"],
    "occupation": lambda row: row["occupation"],
    "capital_gain_log": lambda row: math.log1p(row["capital_gain"] or 0.0),
    "capital_loss_log": lambda row: math.log1p(row["capital_loss"] or 0.0),
    "capital": _capital,
    "years_from_prime": lambda row: abs(row["age"] - PRIME_AGE),
    "hours_band": lambda row: _band(row["hours_per_week"]),
    "trade": lambda row: f"{SEGMENT_OF[row['education']]} {TRADE_OF.get(row['occupation'], 'unknown')}",
    "age_by_education": lambda row: (row["age"] - 38) * (LEVEL_OF[row["education"]] - 10),
}
