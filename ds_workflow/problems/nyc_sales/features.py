"""The as-of featurizer of nyc_sales: cleaned rows in, one row of features per sale out.

A row sees sales strictly before its own date and nothing else. Training, evaluation and serving run the same code on
the same stored history, so that a request gets, to the last bit, what it would have got in a table.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.quick import CompiledFeatures, FeatureRows, SentRows
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.nyc_sales import hedonics, price_tier
from ds_workflow.problems.nyc_sales.attributes import (
    Floats,
    Homes,
    ParsedRows,
    Places,
    hashed,
    homes,
    mixed,
    segments,
)
from ds_workflow.problems.nyc_sales.feature_table import FEATURE_SETS, TIER
from ds_workflow.problems.nyc_sales.hedonics import Hedonics
from ds_workflow.problems.nyc_sales.known_homes import known_homes
from ds_workflow.problems.nyc_sales.market import LOOKED_UP, Market
from ds_workflow.problems.nyc_sales.price_tier import FOLDS, INPUTS, TierModel


class PriceFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of feature set `version`. `seed` draws the folds behind price_tier_proxy.

    `lag_days` hides the sales of the last days before a row's date, as where they are published late; 0: everything
    strictly before the date is known.
    """

    def __init__(self, version: str, seed: int = 42, lag_days: int = 0) -> None:
        self.version = version
        self.seed = seed
        self.lag_days = lag_days

    def fit(self, rows: pd.DataFrame, y: Any) -> PriceFeatures:
        """Learn from cleaned training rows (n) and prices (n,), and keep them as the history.

        Raises InvalidInput on no rows, on a price that is not positive, and when `sale_id` is absent.
        """
        self.fit_transform(rows, y)
        return self

    def fit_transform(self, rows: pd.DataFrame, y: Any) -> pd.DataFrame:
        """`fit`, then the features of the same rows, learned ones out of fold."""
        self._names()
        ordered, log_price, order = _history(rows, y)
        places = Places.learn(ordered)
        self.place_keys_, self.place_where_ = places.keys, places.where
        known = known_homes(ordered, places)
        learned = hedonics.learn(known, log_price)
        self.hedonics_, self.typical_ = dict(learned.families), learned.typical
        self._keep(Market(known, log_price, learned, lag_days=self.lag_days))
        asked = known.take(np.argsort(order))  # in the order the rows came in
        values = self._values(asked)
        if TIER in self._names():
            seed = np.full(len(rows), self.seed, dtype=np.uint64)
            fold = (mixed(hashed(rows["sale_id"].to_numpy(dtype=object)), seed) % np.uint64(FOLDS)).astype(np.int64)
            price = np.log(np.asarray(y, dtype=np.float64))
            model, values[TIER] = price_tier.learn(_stacked(values), asked.family, price, fold)
            self.tier_edges_, self.tier_blends_ = model.edges, dict(model.blends)
        return self._frame(rows, asked, values)

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Features of cleaned rows (prices are not looked at): float32 columns of the feature set, and `segment`.

        Raises InvalidInput when a row lacks what every history is looked up by.
        """
        check_is_fitted(self, "history_")
        asked = homes(rows, self._places())
        return self._frame(rows, asked, self._answered(asked))

    def compiled(self) -> CompiledFeatures:
        """`transform` for parsed rows, outside pandas: the same code on the same history."""
        check_is_fitted(self, "history_")
        names, places = self._names(), self._places()
        self._ready()

        def features(rows: SentRows) -> FeatureRows:
            asked = homes(ParsedRows(rows), places)
            return FeatureRows(_matrix(self._answered(asked), names), segments(asked).tolist())

        return features

    def with_history(self, rows: pd.DataFrame, y: Any) -> PriceFeatures:
        """A copy that looks sales up among `rows` (n) with prices `y` (n,), keeping what was learned in training."""
        check_is_fitted(self, "history_")
        ordered, log_price, _ = _history(rows, y)
        other = copy.copy(self)
        known = known_homes(ordered, self._places())
        other._keep(Market(known, log_price, self._hedonics(), lag_days=self.lag_days))
        return other

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The columns that `transform` gives, in order."""
        return np.array([*self._names(), "segment"], dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_market", None)  # shelves are rebuilt from the history in a second or two
        return state

    def _names(self) -> tuple[str, ...]:
        for feature_set in FEATURE_SETS:
            if feature_set.version == self.version:
                return feature_set.features
        raise UnknownName("feature-set version", self.version, (fs.version for fs in FEATURE_SETS))

    def _places(self) -> Places:
        return Places(self.place_keys_, self.place_where_)

    def _hedonics(self) -> Hedonics:
        return Hedonics(self.hedonics_, self.typical_)

    def _keep(self, market: Market) -> None:
        past = market.homes
        self.history_: dict[str, Any] = {
            "day": past.day.astype(np.int32),
            "family": past.family.astype(np.int8),
            "values": {name: past.values[name].astype(np.float32) for name in LOOKED_UP},
            "keys": dict(past.keys),
            "log_price": market.log_price,
        }
        self._market = market

    def _ready(self) -> Market:
        """The prepared history, built on first use after a model was read from disk."""
        if not hasattr(self, "_market"):
            kept = self.history_
            values = {name: array.astype(np.float64) for name, array in kept["values"].items()}
            past = Homes(kept["day"].astype(np.int64), kept["family"].astype(np.int64), values, kept["keys"])
            self._market = Market(past, kept["log_price"], self._hedonics(), lag_days=self.lag_days)
        return self._market

    def _values(self, asked: Homes) -> dict[str, Floats]:
        month = asked.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
        return {
            **asked.values,
            **self._ready().features(asked, self._names()),
            "season_sine": np.sin(2 * np.pi * month / 12),
            "season_cosine": np.cos(2 * np.pi * month / 12),
            "day_number": asked.day.astype(np.float64),
        }

    def _answered(self, asked: Homes) -> dict[str, Floats]:
        """All features of rows that are no training rows."""
        values = self._values(asked)
        if TIER in self._names():
            values[TIER] = TierModel(self.tier_edges_, self.tier_blends_).predict(_stacked(values), asked.family)
        return values

    def _frame(self, rows: pd.DataFrame, asked: Homes, values: Mapping[str, Floats]) -> pd.DataFrame:
        names = self._names()
        frame = pd.DataFrame(_matrix(values, names), columns=list(names), index=rows.index, copy=False)
        frame["segment"] = segments(asked)
        return frame


def _stacked(values: Mapping[str, Floats]) -> Floats:
    return np.column_stack([values[name] for name in INPUTS])


def _matrix(values: Mapping[str, Floats], names: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    matrix = np.empty((len(values[names[0]]), len(names)), dtype=np.float32)
    for i, name in enumerate(names):
        matrix[:, i] = values[name]
    return matrix


def _history(rows: pd.DataFrame, y: Any) -> tuple[pd.DataFrame, Floats, NDArray[np.int64]]:
    """Rows and log prices in the order of day and id, and that order, whatever the order they came in."""
    price = np.asarray(y, dtype=np.float64)
    if "sale_id" not in rows:
        raise InvalidInput("The history needs 'sale_id', by which sales of one day are put in order.")
    if len(rows) != len(price) or not len(rows):
        raise InvalidInput(f"The history needs sales and a price for each; got {len(rows)} rows, {len(price)} prices.")
    if not (np.isfinite(price) & (price > 0)).all():
        raise InvalidInput("The history holds a price that is missing, zero or negative; clean the rows first.")
    day = rows["sale_date"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    order = np.lexsort((rows["sale_id"].to_numpy(dtype=str), day))
    return rows.iloc[order], np.log(price[order]), order
