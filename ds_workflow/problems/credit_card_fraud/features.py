"""What a model of credit_card_fraud may see: the features, the feature sets, and the transformer that makes them.

The time of day is none of them: the table covers two days, so a model could only learn those two, and the last hours,
which are held out, are no sample of the hours before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.problem import Feature, FeatureSet
from ds_workflow.domain.quick import CompiledFeatures, FeatureRows, SentRows
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.credit_card_fraud.source import COMPONENTS, bands

Floats = NDArray[np.float64]

SEGMENT = "amount_band"
FAR = 3.0  # standard deviations of honest rows
TRIAL = 1.0  # euros: amounts up to this much are often cards being tried out

# name, its sources, what it is, unit, availability
_ADDED: tuple[tuple[str, tuple[str, ...], str, str, str], ...] = (
    ("amount_log", ("amount",), "Log of 1 + the amount", "log euros", "request"),
    ("tried_out", ("amount",), "1 where the amount is at most one euro, as when a card is tried out", "", "request"),
    ("whole_euros", ("amount",), "1 where the amount has no cents", "", "request"),
    (
        "distance",
        COMPONENTS,
        "Root mean square of the components, each in standard deviations of honest training rows",
        "standard deviations",
        "learned",
    ),
    (
        "far_components",
        COMPONENTS,
        f"How many components lie more than {FAR:g} standard deviations of honest training rows from their mean",
        "components",
        "learned",
    ),
)
FEATURES = (
    *(Feature(name, "Principal component of the undisclosed inputs", "request", "", (name,)) for name in COMPONENTS),
    Feature("amount", "Amount of the transaction", "request", "euros", ("amount",)),
    *(Feature(name, words, availability, unit, sources) for name, sources, words, unit, availability in _ADDED),  # type: ignore[arg-type]
)
FEATURE_SETS = (
    FeatureSet("v1.0", (*COMPONENTS, "amount"), "Basic: the components and the amount as they are."),
    FeatureSet(
        "v2.0",
        (*COMPONENTS, *(name for name, *_ in _ADDED)),
        "And amounts as people choose them, and how far a row lies from honest ones in all components together.",
        "v1.0",
    ),
)


class FraudFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of feature set `version` as float64, and the segment as text."""

    def __init__(self, version: str) -> None:
        self.version = version

    def fit(self, rows: pd.DataFrame, y: Any = None) -> FraudFeatures:
        """Learn mean and spread of the components of honest rows: those of class 0 in `y` (n,), or all without it.

        Raises InvalidInput when there are none."""
        honest = rows if y is None else rows[np.asarray(y, dtype=np.float64) == 0]
        if not len(honest):
            raise InvalidInput("Features need honest rows to learn their spread from, and there are none.")
        values = honest[list(COMPONENTS)].to_numpy(dtype=np.float64)
        self.mean_ = values.mean(axis=0)
        deviation = values.std(axis=0)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns of the feature set and the segment, (n, p + 1), in the order and with the index of `rows`."""
        check_is_fitted(self, "mean_")
        amount = rows["amount"].to_numpy(dtype=np.float64)
        made = self._made(rows[list(COMPONENTS)].to_numpy(dtype=np.float64), amount)
        frame = pd.DataFrame({name: made[name] for name in self._names()}, index=rows.index)
        return frame.assign(**{SEGMENT: bands(amount)})

    def compiled(self) -> CompiledFeatures:
        """`transform` for parsed rows, outside pandas."""
        check_is_fitted(self, "mean_")
        names = self._names()

        def features(rows: SentRows) -> FeatureRows:
            sent = np.array([[row[name] for name in (*COMPONENTS, "amount")] for row in rows], dtype=np.float64)
            made = self._made(sent[:, :-1], sent[:, -1])
            return FeatureRows(np.column_stack([made[name] for name in names]), bands(sent[:, -1]).tolist())

        return features

    def _made(self, values: Floats, amount: Floats) -> dict[str, Floats]:
        """Every feature of components (n, 28) and amounts (n,)."""
        away = (values - self.mean_) / self.deviation_
        return {
            **{name: values[:, i] for i, name in enumerate(COMPONENTS)},
            "amount": amount,
            "amount_log": np.log1p(amount),
            "tried_out": (amount <= TRIAL).astype(np.float64),
            "whole_euros": (amount == np.round(amount)).astype(np.float64),
            "distance": np.sqrt((away**2).mean(axis=1)),
            "far_components": (np.abs(away) > FAR).sum(axis=1).astype(np.float64),
        }

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The columns that `transform` gives, in order."""
        return np.array([*self._names(), SEGMENT], dtype=object)

    def _names(self) -> tuple[str, ...]:
        for feature_set in FEATURE_SETS:
            if feature_set.version == self.version:
                return feature_set.features
        raise UnknownName("feature-set version", self.version, (fs.version for fs in FEATURE_SETS))
