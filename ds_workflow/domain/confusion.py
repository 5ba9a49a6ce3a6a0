"""Right and wrong answers counted: the confusion matrix of two classes, its rates and how sure they are.

Intervals are Wilson's (1927) at 95 % with an effective number of rows (N. Franco et al. 2019, "Comparative study of
confidence intervals for proportions in complex sample surveys"): rows of one cluster rise and fall together, so the
number is divided by the design effect, the variance of the share over clusters relative to that of independent
rows, where it is above 1; Kish's (1965) number first, where rows have weights. A share of 0 or 1 shows no
variance, and its rows count as independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.calibration import Interval, wilson
from ds_workflow.domain.classification import THRESHOLD
from ds_workflow.domain.resample import codes
from ds_workflow.domain.scored import Floats, Scored
from ds_workflow.errors import InvalidInput

Flags = NDArray[np.bool_]

# name -> what it is the share of
RATES: Mapping[str, str] = {
    "accuracy": "right answers, of all rows",
    "recall": "class 1 that is flagged",
    "specificity": "class 0 that is left alone",
    "false_alarms": "class 0 that is flagged",
    "misses": "class 1 that is left alone",
    "precision": "flagged rows that are of class 1",
    "negative_precision": "rows left alone that are of class 0",
    "flagged": "rows that are flagged",
    "class_1": "rows that are of class 1",
}


@dataclass(frozen=True)
class Rate:
    """A share of `rows` rows, `effective` of which would tell as much if they were independent. Value and interval are
    None where there are no rows to take a share of."""

    value: float | None
    interval: Interval | None
    rows: int
    effective: float


@dataclass(frozen=True)
class Matrix:
    """The four counts of one place ("": all rows), in rows or, where rows have weights, in rows of the population."""

    place: str
    rows: int
    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    rates: Mapping[str, Rate]


@dataclass(frozen=True)
class Confusion:
    """All rows and every segment at one threshold: a row is flagged when its probability reaches it."""

    threshold: float
    weighted: bool
    overall: Matrix
    segments: tuple[Matrix, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def confusion(scored: Scored, *, threshold: float = THRESHOLD, by: str = "segment") -> Confusion:
    """Count the answers of one model over all rows and over each value of the group `by`, by name.

    Raises InvalidInput on no rows, a truth that is neither 0 nor 1, and answers that are no probabilities.
    """
    p, y = scored.prediction, scored.truth
    if not len(p):
        raise InvalidInput("A confusion matrix needs rows, and there are none.")
    if not np.isin(y, (0.0, 1.0)).all() or not ((p >= 0) & (p <= 1)).all():
        raise InvalidInput("A confusion matrix is counted of classes 0 and 1 and their probabilities.")
    values = scored.groups[by].astype(str) if by in scored.groups else np.empty(0, dtype=object)
    return Confusion(
        threshold,
        scored.weight is not None,
        _matrix("", scored, threshold),
        tuple(_matrix(value, scored.take(values == value), threshold) for value in np.unique(values)),
    )


def _matrix(place: str, scored: Scored, threshold: float) -> Matrix:
    one, flagged, weight = scored.truth == 1, scored.prediction >= threshold, scored.weights
    whole = np.ones(len(scored), dtype=np.bool_)
    clusters = codes(scored.groups["cluster"])[0] if "cluster" in scored.groups else np.arange(len(scored))
    asked: dict[str, tuple[Flags, Flags]] = {
        "accuracy": (one == flagged, whole),
        "recall": (flagged, one),
        "specificity": (~flagged, ~one),
        "false_alarms": (flagged, ~one),
        "misses": (~flagged, one),
        "precision": (one, flagged),
        "negative_precision": (~one, ~flagged),
        "flagged": (flagged, whole),
        "class_1": (one, whole),
    }
    return Matrix(
        place,
        rows=len(scored),
        true_positive=float(weight[one & flagged].sum()),
        false_positive=float(weight[~one & flagged].sum()),
        false_negative=float(weight[one & ~flagged].sum()),
        true_negative=float(weight[~one & ~flagged].sum()),
        rates={name: rate(hit, among, weight, clusters) for name, (hit, among) in asked.items()},
    )


def rate(hit: Flags, among: Flags, weight: Floats, clusters: NDArray[np.int64]) -> Rate:
    """The share of the rows `among` that are a `hit`, with its interval; all arrays of shape (n,)."""
    rows = int(among.sum())
    if not rows:
        return Rate(None, None, 0, 0.0)
    w, x, place = weight[among], hit[among].astype(np.float64), clusters[among]
    share = float(np.average(x, weights=w))
    effective = float(w.sum() ** 2 / (w**2).sum())
    apart = np.bincount(place, weights=w * (x - share))
    count = len(np.unique(place))
    if count > 1 and 0 < share < 1:
        variance = float((apart**2).sum()) / float(w.sum()) ** 2 * count / (count - 1)
        effective /= max(1.0, variance * effective / (share * (1 - share)))
    return Rate(share, wilson(share, effective), rows, effective)
