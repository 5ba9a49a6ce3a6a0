"""Why a model answers as it does: single rows, and the shape of what it learned of each feature.

* A case is one holdout row with what each feature contributed to its answer (SHAP values, in the estimator's
  `contribution_unit`): those that were answered worst, best, and as well as the middle one.
* Partial dependence (Friedman 2001, Annals of Statistics 29): the mean answer when a feature is set to one value in all
  rows. Beside it the quantiles of the rows' own answers there (individual conditional expectation: Goldstein et al.
  2015, Journal of Computational and Graphical Statistics 24): how far rows lie apart for all that differs besides. They
  are answers of the model, so those of probabilities stay within 0 and 1, and they are no interval of the mean. Rows
  are set to values that they might never have together with the rest, so the shape is the model's, not the world's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.free_text import is_free_text
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.scored import Floats

Predict = Callable[[pd.DataFrame], Floats]
Role = Literal["worst", "typical", "best"]
ROLES: tuple[Role, ...] = ("worst", "typical", "best")
CASES = 3  # of each role
TOLD = 10  # features of a case that are told apart
FEATURES, ROWS, TEXT_ROWS = 6, 300, 30
GRID, CATEGORIES = 20, 12  # values of a number, and of a category: the most frequent
QUANTILES = (0.1, 0.5, 0.9)
_LONGEST = 500  # characters of a text that are kept with a case


@dataclass(frozen=True)
class Contribution:
    """What one feature, at its value in the row, added to the answer."""

    feature: str
    value: float | str | None
    contribution: float


@dataclass(frozen=True)
class Case:
    """One row: its answer, how far off it was (see `errors`), the features that moved the answer most, and what all
    `others` added together."""

    role: Role
    row_id: str
    truth: float
    prediction: float
    error: float
    contributions: tuple[Contribution, ...]
    others: float


@dataclass(frozen=True)
class Point:
    """Answers with the feature at `value` (None: missing) in all rows: their mean, and their 0.1, 0.5 and 0.9
    quantiles over rows."""

    value: float | str | None
    mean: float
    quantiles: tuple[float, float, float]


@dataclass(frozen=True)
class Curve:
    """The partial dependence of one feature over its grid, on `rows` rows."""

    feature: str
    kind: Literal["number", "category"]
    rows: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Explanations:
    """What is stored of a version: mean absolute contribution by feature, single rows, and curves. `base` is the answer
    before any feature is looked at, in `unit`, or None; `absent` says which features have no curve and why."""

    unit: str
    base: float | None
    summary: Mapping[str, float]
    cases: tuple[Case, ...]
    curves: tuple[Curve, ...]
    absent: Mapping[str, str]

    def local(self) -> dict[str, Any]:
        """Plain JSON of the single rows."""
        return {"unit": self.unit, "base": self.base, "cases": [asdict(case) for case in self.cases]}

    def shapes(self) -> dict[str, Any]:
        """Plain JSON of the curves."""
        return {
            "quantiles": list(QUANTILES),
            "curves": [asdict(curve) for curve in self.curves],
            "absent": dict(self.absent),
        }

    @staticmethod
    def read(summary: Mapping[str, float], local: Mapping[str, Any], shapes: Mapping[str, Any]) -> Explanations:
        """What `local` and `shapes` wrote, with the summary."""
        cases = tuple(
            Case(**{**case, "contributions": tuple(Contribution(**c) for c in case["contributions"])})
            for case in local["cases"]
        )
        curves = tuple(
            Curve(**{**c, "points": tuple(Point(p["value"], p["mean"], tuple(p["quantiles"])) for p in c["points"])})
            for c in shapes["curves"]
        )
        return Explanations(local["unit"], local["base"], summary, cases, curves, shapes["absent"])


def errors(scored: Scored, *, binary: bool) -> Floats:
    """How far off each answer is, shape (n,): of classes the probability of the wrong one; of positive values the share
    of the truth; else the distance."""
    off = np.abs(scored.prediction - scored.truth)
    return off if binary or not (scored.truth > 0).all() else np.asarray(off / scored.truth, dtype=np.float64)


def chosen(error: Floats) -> list[tuple[Role, int]]:
    """Roles and positions of the rows to explain; a row has one role, and few rows have fewer cases."""
    order = np.argsort(error, kind="stable")
    middle = order[np.argsort(np.abs(error[order] - np.median(error)), kind="stable")]
    wanted: dict[Role, NDArray[np.int64]] = {"worst": order[::-1], "best": order, "typical": middle}
    taken: dict[int, Role] = {}
    for role, ranked in wanted.items():
        free = [int(i) for i in ranked if int(i) not in taken]
        taken |= dict.fromkeys(free[:CASES], role)
    return sorted(((role, i) for i, role in taken.items()), key=lambda found: (ROLES.index(found[0]), found[1]))


def cases(
    scored: Scored, error: Floats, places: Sequence[tuple[Role, int]], values: pd.DataFrame, table: pd.DataFrame
) -> tuple[Case, ...]:
    """The rows at `places`, told by `values` (their contributions, one row each in that order) and `table` (the feature
    table of all rows)."""
    found = []
    for k, (role, i) in enumerate(places):
        row = values.iloc[k]
        top = row.abs().sort_values(ascending=False, kind="stable").index[:TOLD]
        told = tuple(Contribution(str(n), _plain(table[n].iloc[i]) if n in table else None, float(row[n])) for n in top)
        others = float(row.sum() - row[top].sum())
        found.append(
            Case(
                role,
                str(scored.row_id[i]),
                float(scored.truth[i]),
                float(scored.prediction[i]),
                float(error[i]),
                told,
                others,
            )
        )
    return tuple(found)


def some(table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """At most 300 rows of a feature table for curves, drawn with the seed; 30 where a column is free text, which takes
    a model its time."""
    texts = (c for c in table if not pd.api.types.is_numeric_dtype(table[c]))
    rows = TEXT_ROWS if any(is_free_text(table[c].head(ROWS)) for c in texts) else ROWS
    if len(table) <= rows:
        return table.reset_index(drop=True)
    drawn = np.random.default_rng([seed, 11]).permutation(len(table))[:rows]
    return table.iloc[np.sort(drawn)].reset_index(drop=True)


def curve(predict: Predict, table: pd.DataFrame, feature: str) -> Curve | str:
    """The partial dependence of a feature over its grid, on all rows of `table`; or why there is none."""
    if feature not in table:
        return "it is no column of the feature table"
    grid = _grid(table[feature])
    if isinstance(grid, str):
        return grid
    if len(grid) < 2:
        return "it has but one value here"
    many = table.loc[table.index.repeat(len(grid))].reset_index(drop=True)
    many[feature] = _column(table[feature], grid * len(table))
    answers = np.asarray(predict(many), dtype=np.float64).reshape(len(table), len(grid))
    low, middle, high = np.quantile(answers, QUANTILES, axis=0)
    points = tuple(
        Point(value, float(answers[:, k].mean()), (float(low[k]), float(middle[k]), float(high[k])))
        for k, value in enumerate(grid)
    )
    kind: Literal["number", "category"] = "number" if pd.api.types.is_numeric_dtype(table[feature]) else "category"
    return Curve(feature, kind, len(table), points)


def _grid(values: pd.Series[Any]) -> list[Any] | str:
    known = values.dropna()
    missing: list[Any] = [None] if len(known) < len(values) else []
    if pd.api.types.is_numeric_dtype(values):
        distinct = np.unique(known.to_numpy(dtype=np.float64))
        if len(distinct) > GRID:
            distinct = np.unique(np.quantile(known.to_numpy(dtype=np.float64), np.linspace(0.02, 0.98, GRID)))
        return [*(float(v) for v in distinct), *missing]
    if is_free_text(values):
        return "free text has no grid of values"
    return [*sorted(str(v) for v in known.astype(str).value_counts().index[:CATEGORIES]), *missing]


def _column(like: pd.Series[Any], values: list[Any]) -> pd.Series[Any]:
    if pd.api.types.is_numeric_dtype(like):
        return pd.Series([np.nan if v is None else v for v in values], dtype="float64")
    return pd.Series(values, dtype=like.dtype)


def _plain(value: Any) -> float | str | None:
    if pd.isna(value):
        return None
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return float(value)
    return str(value)[:_LONGEST]
