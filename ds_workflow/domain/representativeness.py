"""Does the holdout hold the same kind of rows as training? Every column's shift, and whether rows can be told apart.

* Per column: the population stability index against training, its mean without any shift at these rows, and the test of
  `drift` (which takes rows as independent), adjusted over columns (Benjamini and Hochberg). A column `moved` when its
  index is above 0.1 and that is not chance.
* All columns together: the area under the ROC curve of trees that were shown half of the rows with the part each is
  from, and asked for the other half; 0.5 when nobody can tell, 1 when anybody can. Interval: DeLong, DeLong and
  Clarke-Pearson (1988), Biometrics 44.

Columns that follow the calendar or the market are expected to move where the split is one in time: their shift is said,
and the trees don't see them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.domain import drift
from ds_workflow.domain.free_text import is_free_text
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scored import Floats
from ds_workflow.domain.snapshot import SPLIT_COLUMN
from ds_workflow.errors import InvalidInput

MOVED = 0.1
ALPHA = 0.05
ROWS = 20_000  # of each part, for the index
TOLD_ROWS = 3_000  # of each part, for the trees


@dataclass(frozen=True)
class Shift:
    """One column: its index, what no shift at all would give on average, the adjusted p-value, and whether it moved."""

    name: str
    psi: float
    expected: float
    p_adjusted: float
    trending: bool
    moved: bool


@dataclass(frozen=True)
class Representativeness:
    """Training against holdout; `train_rows` and `holdout_rows` were looked at. Shifts come the largest first. `auc` is
    None where fewer than two columns could be shown; of the columns `by_length` only the lengths are compared."""

    train_rows: int
    holdout_rows: int
    shifts: tuple[Shift, ...]
    auc: float | None
    interval: tuple[float, float] | None
    by_length: tuple[str, ...] = ()

    @property
    def surprising(self) -> tuple[Shift, ...]:
        """What moved and was not expected to."""
        return tuple(s for s in self.shifts if s.moved and not s.trending)

    @property
    def expected(self) -> tuple[Shift, ...]:
        """What moved as declared."""
        return tuple(s for s in self.shifts if s.moved and s.trending)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; the limits stand beside the figures."""
        return {**asdict(self), "moved_above": MOVED, "alpha": ALPHA}


def represent(
    train: pd.DataFrame, holdout: pd.DataFrame, *, trending: Collection[str] = (), seed: int, tell: bool = True
) -> Representativeness:
    """Compare two tables of the same columns, on at most 20,000 rows of each, drawn with the seed.

    `trending` columns are expected to move. Without `tell` no trees are grown. Raises InvalidInput on an empty table.
    """
    if not len(train) or not len(holdout):
        raise InvalidInput("Representativeness needs rows on both sides; one of them is empty.")
    rng = np.random.default_rng([seed, 7])
    train, holdout = (_some(part, ROWS, rng) for part in (train, holdout))
    by_length = tuple(str(c) for c in train if is_free_text(train[c]))  # only its length is compared
    for name in by_length:
        train, holdout = (t.assign(**{name: t[name].str.len().astype("float64")}) for t in (train, holdout))
    names = [c for c in train if c in holdout]
    found = drift.compare(drift.profile(train[names]), holdout[names]).features if names else {}
    shifts = [
        Shift(n, f.psi, f.expected, f.p_adjusted, n in trending, f.psi > MOVED and f.p_adjusted <= ALPHA)
        for n, f in found.items()
    ]
    shown = [n for n in names if n not in trending]
    auc, interval = None, None
    if tell and len(shown) > 1:
        auc, interval = _told(_some(train[shown], TOLD_ROWS, rng), _some(holdout[shown], TOLD_ROWS, rng))
    ordered = tuple(sorted(shifts, key=lambda s: (-s.psi, s.name)))
    return Representativeness(len(train), len(holdout), ordered, auc, interval, by_length)


def of_rows(problem: Problem, train: pd.DataFrame, holdout: pd.DataFrame) -> Representativeness:
    """The declared columns of cleaned rows, for the snapshot's quality report. Names of rows and clusters, and what the
    split itself is made of, say nothing."""
    silent = {problem.row_id, problem.cluster_column, problem.split.by, SPLIT_COLUMN}
    if problem.split.method == "chronological":
        silent.add(problem.time_column)
    names = [c.name for c in problem.columns if c.kind != "date" and c.name not in silent]
    trending = [f.name for f in problem.features if f.trending]
    if train.empty:  # nothing is trained on, so nothing can have moved since
        train = holdout
    return represent(train[names], holdout[names], trending=trending, seed=0, tell=False)


def _some(table: pd.DataFrame, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    return table if len(table) <= rows else table.iloc[np.sort(rng.permutation(len(table))[:rows])]


def _told(train: pd.DataFrame, holdout: pd.DataFrame) -> tuple[float, tuple[float, float]]:
    """How well trees that saw every other row tell the parts of the rest apart, with a 95 % interval."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    table = pd.concat([train, holdout], ignore_index=True)
    matrix = np.column_stack([_numbers(table[c]) for c in table])
    late = np.repeat([0, 1], [len(train), len(holdout)])
    trees = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=8, learning_rate=0.2, early_stopping=False, random_state=0
    ).fit(matrix[::2], late[::2])
    return auc_with_interval(late[1::2], trees.predict_proba(matrix[1::2])[:, 1])


def _numbers(values: pd.Series[Any]) -> Floats:
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    coded = pd.factorize(values, sort=True)[0].astype(np.float64)
    return np.asarray(np.where(coded < 0, np.nan, coded), dtype=np.float64)


def auc_with_interval(label: Any, score: Floats, *, level: float = 0.95) -> tuple[float, tuple[float, float]]:
    """Area under the ROC curve of scores (n,) for labels (n,) of 0 and 1, and its DeLong interval, held in 0 to 1."""
    from scipy.stats import rankdata

    one = np.asarray(label) == 1
    m, n = int(one.sum()), int((~one).sum())
    ranks = rankdata(score)
    above = (ranks[one] - rankdata(score[one])) / n  # share of the other class below each
    below = 1.0 - (ranks[~one] - rankdata(score[~one])) / m
    area = float(above.mean())
    error = float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n))
    reach = NormalDist().inv_cdf(0.5 + level / 2) * error
    return area, (max(0.0, area - reach), min(1.0, area + reach))
