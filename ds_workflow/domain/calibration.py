"""Can a probability be read as one? Reliability by bins, what is left of an error when it is taken apart, and the two
usual ways to put probabilities right.

* Reliability: bins of equal information, the sum of p (1 - p), so that rare positives spread over them as well as
  common ones. The interval of a bin's observed share is Wilson's (1927) at 95 %, with Kish's (1965) effective number of
  rows where rows have weights.
* Calibration error (ECE) is that of `classification`, 15 bins of equal mass. It is biased upwards, so it stands beside
  what a perfectly calibrated model with these very answers would show on so many rows: 200 seeded draws of the classes
  from the probabilities. Where rows of one class weigh more than those of the other (all rare ones kept, others
  sampled), classes are drawn as such a sample shows them.
* Brier score = reliability - resolution + uncertainty (A. H. Murphy 1973, "A new vector partition of the probability
  score"), over the bins of equal information; `within` is what the bins blur (D. Stephenson, C. Coelho, I. Jolliffe
  2008).
* Calibration line (D. R. Cox 1958, "Two further applications of a model for binary regression"): log odds of the truth
  = intercept + slope x log odds answered. Slope below 1: too sure; above: too unsure. In the large: the intercept when
  the slope is held at 1; above 0 the answers are too low. Intervals at 95 % from a variance that is robust to clusters
  (K.-Y. Liang, S. Zeger 1986).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ds_workflow.domain.classification import bin_of
from ds_workflow.domain.resample import codes
from ds_workflow.domain.scored import Floats, Scored
from ds_workflow.errors import InvalidInput

RELIABILITY_BINS = 10
DRAWS = 200
_Z = 1.959963984540054  # of a 95 % interval
_STEPS = 100
_NEAREST = float(np.finfo(np.float64).eps)
Interval = tuple[float, float]


@dataclass(frozen=True)
class Bin:
    """Answers from `low` to `high`: their mean `predicted`, the share of class 1 `observed` with its interval, rows."""

    low: float
    high: float
    predicted: float
    observed: float
    interval: Interval
    rows: int


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Calibration:
    """How calibrated one model's answers are on `rows` rows, `positives` of class 1.

    `predicted` and `observed` are the mean answer and the share of class 1. `by_chance` is the mean calibration error
    of a perfect model, `by_chance_high` what it stays below in 19 of 20 draws. `slope` and `intercept` are None where
    the classes are told apart without error and a line has no end; `in_the_large` is None where there is one class
    only.
    """

    rows: int
    positives: int
    predicted: float
    observed: float
    bins: tuple[Bin, ...]
    ece: float
    by_chance: float
    by_chance_high: float
    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    slope: Estimate | None
    intercept: Estimate | None
    in_the_large: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def calibration(scored: Scored, *, seed: int, bins: int = RELIABILITY_BINS) -> Calibration:
    """Everything of the module's text about one model's answers. InvalidInput on no rows, or answers that are no
    probabilities."""
    p, y, weight = scored.prediction, scored.truth, scored.weights
    if not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise InvalidInput("Calibration is asked of probabilities, at least one.")
    place = bin_of(p, weight=scored.weight)
    brier = float(np.average((p - y) ** 2, weights=weight))
    terms = brier_terms(p, y, weight, information_bin(scored, bins=bins))
    clusters = codes(scored.groups["cluster"])[0] if "cluster" in scored.groups else None
    odds = log_odds(p)
    line = logistic_line(odds, y, weight=weight, clusters=clusters)
    large = logistic_line(None, y, weight=weight, offset=odds, clusters=clusters)
    chance = error_by_chance(p, y, weight, place, seed=seed)
    return Calibration(
        rows=len(p),
        positives=int(y.sum()),
        predicted=float(np.average(p, weights=weight)),
        observed=float(np.average(y, weights=weight)),
        bins=reliability_bins(scored, bins=bins),
        ece=calibration_error(p, y, weight, place),
        by_chance=float(chance.mean()),
        by_chance_high=float(np.quantile(chance, 0.95)),
        brier=brier,
        **terms,
        within=brier - (terms["reliability"] - terms["resolution"] + terms["uncertainty"]),
        slope=None if line is None else _estimate(line.slope, line.covariance[1, 1]),
        intercept=None if line is None else _estimate(line.intercept, line.covariance[0, 0]),
        in_the_large=None if large is None else _estimate(large.intercept, large.covariance[0, 0]),
    )


def log_odds(probability: Floats) -> Floats:
    """log(p / (1 - p)), no probability taken nearer to 0 or 1 than float64 tells apart from 1."""
    p = np.clip(probability, _NEAREST, 1 - _NEAREST)
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)


def reliability_bins(scored: Scored, *, bins: int = RELIABILITY_BINS) -> tuple[Bin, ...]:
    """Bins of equal information, from the lowest answers to the highest."""
    p, y, weight = scored.prediction, scored.truth, scored.weights
    place = information_bin(scored, bins=bins)
    found = []
    for b in np.unique(place):
        mine = place == b
        w = weight[mine]
        observed = float(np.average(y[mine], weights=w))
        effective = float(w.sum() ** 2 / (w**2).sum())
        found.append(
            Bin(
                float(p[mine].min()),
                float(p[mine].max()),
                float(np.average(p[mine], weights=w)),
                observed,
                wilson(observed, effective),
                int(mine.sum()),
            )
        )
    return tuple(found)


def information_bin(scored: Scored, *, bins: int) -> NDArray[np.int64]:
    """The bin of every row, shape (n,), all of them with about the same sum of weight x p (1 - p)."""
    p = scored.prediction
    return bin_of(p, bins=bins, weight=scored.weights * np.maximum(p * (1 - p), _NEAREST))


def wilson(share: float, rows: float) -> Interval:
    """Wilson's 95 % interval of a share seen on `rows` rows (E. B. Wilson 1927)."""
    middle = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * np.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def calibration_error(p: Floats, y: Floats, weight: Floats, place: NDArray[np.int64]) -> float:
    """Mean over rows of |mean truth - mean answer| in the row's bin."""
    return float(np.abs(np.bincount(place, weights=weight * (y - p))).sum() / weight.sum())


def error_by_chance(p: Floats, y: Floats, weight: Floats, place: NDArray[np.int64], *, seed: int) -> Floats:
    """Calibration errors, shape (200,), of a perfect model that answers `p` on rows with such weights."""
    heavy = [float(weight[y == c].mean()) if (y == c).any() else 1.0 for c in (0, 1)]
    seen = (p / heavy[1]) / (p / heavy[1] + (1 - p) / heavy[0])  # of class 1, among rows that were sampled
    rng = np.random.default_rng([seed, 1958])
    found = np.empty(DRAWS)
    for draw in range(DRAWS):
        one = rng.random(len(p)) < seen
        drawn = np.where(one, heavy[1], heavy[0])
        found[draw] = np.abs(np.bincount(place, weights=drawn * (one - p))).sum() / drawn.sum()
    return found


def brier_terms(p: Floats, y: Floats, weight: Floats, place: NDArray[np.int64]) -> dict[str, float]:
    """Reliability, resolution and uncertainty of the mean squared error over bins."""
    mass = np.bincount(place, weights=weight)
    filled = mass > 0
    mass = mass[filled]
    said, seen = (np.bincount(place, weights=weight * v)[filled] / mass for v in (p, y))
    base = float(np.average(y, weights=weight))
    return {
        "reliability": float(np.average((said - seen) ** 2, weights=mass)),
        "resolution": float(np.average((seen - base) ** 2, weights=mass)),
        "uncertainty": base * (1 - base),
    }


def _estimate(value: float, variance: float) -> Estimate:
    reach = _Z * float(np.sqrt(variance))
    return Estimate(value, (value - reach, value + reach))


# --- putting probabilities right -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """log odds = intercept + slope x, with the covariance of both, shape (2, 2)."""

    intercept: float
    slope: float
    covariance: Floats


def logistic_line(
    x: Floats | None,
    target: Floats,
    *,
    weight: Floats,
    offset: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Line | None:
    """Logistic regression of `target` (n,), shares from 0 to 1, on one number `x` (n,), or on nothing but an intercept,
    beside a fixed `offset` (n,), by Newton's method. `clusters` (n,) are codes of rows that rise and fall together.

    None where no finite line fits best: one class only, no spread in `x`, or classes that `x` parts without error.
    """
    n = len(target)
    fixed = np.zeros(n) if offset is None else offset
    centre, scale = (0.0, 1.0) if x is None else (float(np.average(x, weights=weight)), float(np.std(x)))
    if scale <= 0 or not 0 < np.average(target, weights=weight) < 1:
        return None
    design = np.ones((n, 1)) if x is None else np.column_stack([np.ones(n), (x - centre) / scale])
    beta = np.zeros(design.shape[1])

    def loss(at: Floats) -> float:
        odds = design @ at + fixed
        return float(np.sum(weight * (np.logaddexp(0.0, odds) - target * odds)))

    now = loss(beta)
    for _ in range(_STEPS):
        p = expit(design @ beta + fixed)
        gradient = design.T @ (weight * (target - p))
        information = (design * (weight * p * (1 - p))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, gradient)
        while (new := loss(beta + step)) > now + 1e-12 * abs(now) and np.abs(step).max() > 1e-12:
            step = step / 2
        beta, now = beta + step, new
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    score = design * (weight * (target - expit(design @ beta + fixed)))[:, None]
    if clusters is not None:
        score = np.column_stack([np.bincount(clusters, weights=column) for column in score.T])
    inverse = np.linalg.inv(information)
    covariance = inverse @ (score.T @ score) @ inverse
    if x is None:
        return Line(float(beta[0]), 1.0, np.diag([covariance[0, 0], 0.0]))
    back = np.array([[1.0, -centre / scale], [0.0, 1.0 / scale]])
    intercept, slope = back @ beta
    return Line(float(intercept), float(slope), back @ covariance @ back.T)


def platt(odds: Floats, y: Floats, weight: Floats) -> Line:
    """Platt scaling: the line that turns a model's log odds (n,) into calibrated ones, fitted on rows that the model
    did not learn from. Targets are drawn in from 0 and 1 by the numbers of rows, so that it ends even where the classes
    are parted without error (J. Platt 1999, "Probabilistic outputs for support vector machines", section 2.2).

    Raises InvalidInput when the log odds are all the same or order the classes backwards."""
    ones, zeros = float(y.sum()), float((1 - y).sum())
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    line = logistic_line(odds, target, weight=weight)
    if line is None or line.slope <= 0:
        raise InvalidInput("The model's answers don't rise with the truth on rows held back, so they can't be scaled.")
    return line


def isotonic(odds: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Isotonic regression (B. Zadrozny, C. Elkan 2002): knots, log odds and rising probabilities, between which is read
    linearly, fitted on rows that the model did not learn from. Needs many rows of both classes: below about 1,000 of
    the rarer one Platt's two numbers do better (A. Niculescu-Mizil, R. Caruana 2005). No probability is nearer to 0 or
    1 than Platt's targets."""
    from sklearn.isotonic import IsotonicRegression

    ones, zeros = float(y.sum()), float((1 - y).sum())
    fitted = IsotonicRegression(y_min=1 / (zeros + 2), y_max=(ones + 1) / (ones + 2), out_of_bounds="clip")
    fitted.fit(odds, y, sample_weight=weight)
    return np.asarray(fitted.X_thresholds_, dtype=np.float64), np.asarray(fitted.y_thresholds_, dtype=np.float64)


def prior_shift(trained: tuple[float, float], true: tuple[float, float]) -> float:
    """What to add to the log odds of a model that learned where the classes (0, 1) weighed `trained`, so that it
    answers for a population where they weigh `true`, each class by itself being the same (C. Elkan 2001, theorem 2)."""
    return float(np.log(true[1] / true[0]) - np.log(trained[1] / trained[0]))
