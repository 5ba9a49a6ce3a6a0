"""How good forecasts of counts are: errors against the volume, against the seasonal naive, against chance.

A forecast problem has many series (zones), each with a count at every step (hour) of a season (week) that repeats.

* WAPE: sum of absolute errors over the sum of true counts; never undefined for a count of 0.
* MASE: absolute error over the error that the seasonal naive made on the training rows of the same series (R. J.
  Hyndman and A. B. Koehler 2006, "Another look at measures of forecast accuracy", International Journal of
  Forecasting 22). A series that never changed in training has no scale and is left out.
* MAPE only means something where counts are large. Who knows the mean of a Poisson count still misses by a share of it:
  `poisson_mape` says by how much. So it is measured on busy rows, see `Series.busy`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.scored import Floats, Metric, Scored
from ds_workflow.errors import InvalidInput

Ints = NDArray[np.int64]

# the group of every row that says whether it is busy; there where the training rows were given
VOLUME = "volume"
BUSY, THIN = "busy", "thin"
WIDE_COVERAGE = 0.95  # of `lower95` and `upper95`
SEASONS_BACK = 8  # beyond, the seasonal naive knows no value
_BITS = 40  # of a packed key: the moment; what is above names the series


@dataclass(frozen=True)
class Series:
    """How the rows of a forecast problem stand in time. `column` names a row's series; a row's moment is its day (the
    problem's time column) x `steps_a_day` + the step in `step_column` ("": one row a day).

    A season has `season` steps. `naive_feature` is the feature that holds the seasonal naive forecast. A row is busy
    from `busy` on: the mean of the training rows of its series at its place in the season.
    """

    column: str
    season: int
    busy: float
    naive_feature: str
    step_column: str = ""
    steps_a_day: int = 1

    def __post_init__(self) -> None:
        if self.season < 1 or self.steps_a_day < 1 or self.season < self.steps_a_day:
            raise InvalidInput(f"A season of {self.season} steps, {self.steps_a_day} of them a day, has no meaning.")

    def moment(self, rows: pd.DataFrame, time_column: str) -> Ints:
        """The step of every row since 1970, shape (n,)."""
        day = rows[time_column].to_numpy(dtype="datetime64[D]").astype(np.int64)
        step = rows[self.step_column].to_numpy(dtype=np.int64) if self.step_column else 0
        return np.asarray(day * self.steps_a_day + step, dtype=np.int64)


class Known:
    """Counts that are known, by series and moment; each may stand once."""

    def __init__(self, series: NDArray[np.generic], moment: Ints, values: Floats) -> None:
        self.names = pd.Index(pd.unique(pd.Series(series, dtype=object)))
        packed = self._pack(series, moment)
        order = np.argsort(packed, kind="stable")
        self._packed = packed[order]
        self.values: Floats = np.asarray(values, dtype=np.float64)[order]
        if len(packed) > 1 and bool((np.diff(self._packed) == 0).any()):
            raise InvalidInput("A series has two counts for one moment; each may stand once.")

    def _pack(self, series: NDArray[np.generic], moment: Ints) -> Ints:
        code = self.names.get_indexer(pd.Index(series, dtype=object)).astype(np.int64)
        return np.where(code < 0, np.int64(-1), (code << _BITS) | np.asarray(moment, dtype=np.int64))

    def at(self, series: NDArray[np.generic], moment: Ints) -> Floats:
        """The counts at these moments, shape (n,); NaN where none is known."""
        packed = self._pack(series, moment)
        place = np.minimum(np.searchsorted(self._packed, packed), max(len(self._packed) - 1, 0))
        if not len(self._packed):
            return np.full(len(packed), np.nan)
        return np.where(self._packed[place] == packed, self.values[place], np.nan)


def seasonal_naive(known: Known, series: NDArray[np.generic], moment: Ints, *, season: int) -> Floats:
    """The newest known count of the same series at the same place of an earlier season, shape (n,); NaN where the
    last `SEASONS_BACK` seasons hold none."""
    answer = np.full(len(moment), np.nan)
    for back in range(1, SEASONS_BACK + 1):
        lost = np.isnan(answer)
        if not lost.any():
            break
        answer[lost] = known.at(series[lost], moment[lost] - back * season)
    return answer


@dataclass(frozen=True)
class Yardstick:
    """What the training rows say about rows to be scored, by which errors are judged; both (n,). `scale`: mean absolute
    error of the seasonal naive on the training rows of the row's series (NaN: no pair of seasons there). `usual`: mean
    count there at the row's place in the season (NaN: none)."""

    scale: Floats
    usual: Floats


def yardstick(declared: Series, train: pd.DataFrame, rows: pd.DataFrame, *, time_column: str, target: str) -> Yardstick:
    """Measure `train` for `rows`; both are conformed rows of the problem."""
    name, moment = train[declared.column].to_numpy(dtype=object), declared.moment(train, time_column)
    truth = train[target].to_numpy(dtype=np.float64)
    before = Known(name, moment, truth).at(name, moment - declared.season)
    error = pd.Series(np.abs(truth - before)).groupby(name).mean()  # pairs without a season before are NaN: left out
    usual = pd.Series(truth).groupby([name, moment % declared.season]).mean()
    asked, place = rows[declared.column].to_numpy(dtype=object), declared.moment(rows, time_column) % declared.season
    return Yardstick(
        error.reindex(asked).to_numpy(dtype=np.float64),
        usual.reindex(pd.MultiIndex.from_arrays([asked, place])).to_numpy(dtype=np.float64),
    )


def volume_groups(usual: Floats, busy: float) -> NDArray[np.object_]:
    """BUSY or THIN for every row, shape (n,)."""
    return np.where(np.nan_to_num(usual) >= busy, BUSY, THIN).astype(object)


# --- what chance leaves ----------------------------------------------------------------------------------------------


def poisson_mape(mean: float) -> float:
    """E(|Y - mean| / Y given Y > 0) for a Poisson count Y: the MAPE of who forecasts its true mean."""
    from scipy.stats import poisson

    count = np.arange(1, int(mean + 12 * np.sqrt(mean) + 30))
    chance = poisson.pmf(count, mean)
    return float(np.sum(chance * np.abs(count - mean) / count) / np.sum(chance))


def poisson_wape(mean: Floats) -> Floats:
    """E|Y - mean| / mean for Poisson counts Y, shape as `mean`: 2 exp(-m) m^floor(m) / floor(m)!, and 2 where the mean
    is 0 (the mean deviation of the Poisson law, E. L. Crow 1958, Biometrika 45)."""
    from scipy.special import gammaln, xlogy

    whole = np.floor(mean)
    return np.asarray(2 * np.exp(-mean + xlogy(whole, mean) - gammaln(whole + 1)), dtype=np.float64)


@dataclass(frozen=True)
class VolumeClass:
    """Rows whose usual count lies from `low` to below `high`: their errors, and what is left of them if every count is
    Poisson with the forecast as its mean. A share is of the volume of all rows; MAPE is of counts above 0."""

    low: float
    high: float
    rows: int
    share: float
    wape: float
    wape_left: float
    mape: float
    mape_left: float


def by_volume(scored: Scored, usual: Floats, *, cuts: Sequence[float]) -> tuple[VolumeClass, ...]:
    """The classes between `cuts` (ascending), and beyond the last, that hold a pick-up; `usual` as in Yardstick."""
    level = np.nan_to_num(usual)
    grid = np.geomspace(0.01, max(float(scored.prediction.max()), 1.0), 200)
    chance = np.array([poisson_mape(float(mean)) for mean in grid])
    found = []
    for low, high in pairwise([*cuts, np.inf]):
        part = (level >= low) & (level < high)
        truth, answer = scored.truth[part], scored.prediction[part]
        above = truth > 0
        if not above.any():
            continue
        error = np.abs(truth - answer)
        found.append(
            VolumeClass(
                low=float(low),
                high=float(high),
                rows=int(part.sum()),
                share=float(truth.sum() / scored.truth.sum()),
                wape=float(error.sum() / truth.sum()),
                wape_left=float((poisson_wape(answer) * answer).sum() / truth.sum()),
                mape=float(np.mean(error[above] / truth[above])),
                mape_left=float(np.mean(np.interp(answer[above], grid, chance))),
            )
        )
    return tuple(found)


def totals(scored: Scored, moment: Ints) -> Scored:
    """All series together, one busy row per moment (n,): true and forecast counts added up."""
    names, place = np.unique(moment, return_inverse=True)
    return Scored(
        names,
        np.asarray(np.bincount(place, weights=scored.truth), dtype=np.float64),
        np.asarray(np.bincount(place, weights=scored.prediction), dtype=np.float64),
        groups={VOLUME: np.full(len(names), BUSY, dtype=object)},
    )


# --- the metrics -----------------------------------------------------------------------------------------------------


def _ratio(weight: Floats, sums: Floats) -> Floats:
    """First column over the second."""
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _summed(
    name: str,
    title: str,
    sums: Callable[[Scored], Floats],
    undefined: Callable[[Scored], str],
    *,
    unit: str = "share",
    needs: tuple[str, ...] = (),
    best: float | None = None,
    greater: bool = False,
) -> Metric:
    def compute(s: Scored) -> float:
        rows, weight = sums(s), s.weights
        return float(_ratio(weight.sum(keepdims=True), (rows * weight[:, None]).sum(axis=0, keepdims=True))[0])

    return Metric(
        name,
        title,
        compute,
        greater,
        unit,
        "sums",
        sums=sums,
        of_sums=_ratio,
        undefined=undefined,
        needs=needs,
        best=best,
    )


def _error(s: Scored) -> Floats:
    return np.asarray(np.abs(s.prediction - s.truth), dtype=np.float64)


def _no_volume(s: Scored) -> str:
    return "" if float(np.sum(s.truth)) > 0 else "all true counts are 0"


def _scaled(s: Scored) -> Floats:
    """Columns: error over the scale, and 1, of the rows that have a scale above 0."""
    scale = np.full(len(s), np.nan) if s.scale is None else s.scale
    there = np.nan_to_num(scale) > 0
    return np.column_stack([np.where(there, _error(s) / np.where(there, scale, 1.0), 0.0), there.astype(np.float64)])


def _no_scale(s: Scored) -> str:
    if s.scale is None:
        return "the training rows, which hold the seasonal naive's error, were not given"
    return "" if bool((np.nan_to_num(s.scale) > 0).any()) else "the seasonal naive made no error in training"


def _busy(s: Scored) -> NDArray[np.bool_]:
    return np.asarray(s.groups[VOLUME] == BUSY) & (s.truth > 0)


def _busy_shares(s: Scored) -> Floats:
    """Columns: error over the truth, and 1, of busy rows with a count above 0."""
    there = _busy(s)
    return np.column_stack([np.where(there, _error(s) / np.where(there, s.truth, 1.0), 0.0), there.astype(np.float64)])


def _none_busy(s: Scored) -> str:
    if VOLUME not in s.groups:
        return "the training rows, which tell busy rows, were not given"
    return "" if bool(_busy(s).any()) else "no row is busy"


def _inside(low: str, high: str) -> Callable[[Scored], Floats]:
    def sums(s: Scored) -> Floats:
        lower, upper = getattr(s, low), getattr(s, high)
        return np.column_stack([((s.truth >= lower) & (s.truth <= upper)).astype(np.float64), np.ones(len(s))])

    return sums


def _width(low: str, high: str) -> Callable[[Scored], Floats]:
    return lambda s: np.column_stack([getattr(s, high) - getattr(s, low), s.truth])


_ENDS = {80: ("lower", "upper"), 95: ("lower95", "upper95")}

METRICS: tuple[Metric, ...] = (
    _summed(
        "wape", "WAPE: absolute errors over the volume", lambda s: np.column_stack([_error(s), s.truth]), _no_volume
    ),
    _summed("mase", "MASE: error over that of the seasonal naive in training", _scaled, _no_scale, unit="ratio"),
    _summed("mape_busy", "Mean absolute percentage error of busy rows", _busy_shares, _none_busy),
    _summed(
        "volume_bias",
        "Signed errors over the volume (above 0: too many foreseen)",
        lambda s: np.column_stack([s.prediction - s.truth, s.truth]),
        _no_volume,
        best=0.0,
    ),
    *(
        _summed(
            f"coverage_{level}",
            f"Share of counts inside the {level} % prediction interval",
            _inside(*ends),
            lambda s: "",
            needs=ends,
            greater=True,
        )
        for level, ends in _ENDS.items()
    ),
    *(
        _summed(
            f"spread_{level}",
            f"Width of the {level} % prediction intervals over the volume",
            _width(*ends),
            _no_volume,
            unit="ratio",
            needs=ends,
        )
        for level, ends in _ENDS.items()
    ),
)
