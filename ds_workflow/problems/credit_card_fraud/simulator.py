"""Transactions that look like those of the public table in the ways that matter here.

What is alike (tests hold it to the public figures): about 3.5 % of the rows are frauds and 0.173 % of what the rows
stand for, because all frauds are there and one in twenty of the other transactions, as in the public subset; hours of
the day; amounts with their heaps, small ones where cards are tried out; spread and heavy tails of the components; by
how much, and how unequally, frauds differ in them. One fraud in seven differs in hardly anything, so no model finds
all. Frauds come in runs of one stolen card. Some honest transactions are as far off as frauds in a part of the
components and not in the others: trees tell them apart, a linear model does not. Components 1, 3 and 11 shift on the
second day. A few rows stand there twice.

What is not alike: beyond that, components are independent of one another and of the amount; frauds of the second day
are made as those of the first; the copies are spread evenly, where the public ones come in heaps.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.credit_card_fraud.source import COLUMNS, COMPONENTS, DAYS, FRAUDS, ROWS, WEIGHT

Floats = NDArray[np.float64]

FRAUD_SHARE = 0.0345  # of the rows
REPEATED = 0.003
HIDDEN = 0.15
_HOURS = (28, 16, 13, 13, 7, 11, 15, 27, 38, 56, 60, 61, 56, 55, 57, 57, 56, 55, 62, 56, 61, 64, 53, 25)
_FRAUD_HOURS = (12, 20, 90, 35, 47, 22, 18, 47, 18, 33, 16, 90, 35, 35, 47, 53, 45, 59, 67, 39, 37, 33, 18, 43)
_AT = (0.0, 0.01, 0.05, 0.1, 0.25, 0.37, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
_AMOUNTS = (0.0, 0.1, 1, 1, 6, 12.5, 14, 23, 37, 78, 205, 367, 1_050, 2_700, 12_000)
_FRAUD_AMOUNTS = (0.0, 0.0, 0.0, 0.8, 1, 1, 2.3, 10, 35, 95, 320, 580, 1_150, 1_800, 2_130)

# component: spread of honest rows, frauds' mean distance by how bold (`loud`) and by how odd (`odd`) they are, their
# own spread; rounded from the public table
_SHAPES: dict[str, tuple[float, float, float, float]] = {
    "v1": (1.92, -4.5, 0.0, 2.0),
    "v2": (1.66, 3.4, 0.0, 1.7),
    "v3": (1.41, -4.6, -2.4, 1.6),
    "v4": (1.38, 0.8, 3.6, 1.7),
    "v5": (1.34, -2.9, 0.0, 2.2),
    "v6": (1.31, -0.6, -0.8, 1.4),
    "v7": (1.18, -4.2, -1.0, 2.2),
    "v8": (1.13, 0.9, 0.0, 3.6),
    "v9": (1.11, -0.9, -1.6, 1.5),
    "v10": (1.07, -2.3, -3.1, 1.5),
    "v11": (1.02, 0.4, 3.2, 1.3),
    "v12": (0.97, -1.2, -4.9, 1.4),
    "v13": (1.00, 0.0, 0.0, 1.1),
    "v14": (0.88, 0.0, -6.8, 1.4),
    "v15": (0.92, 0.0, 0.0, 1.0),
    "v16": (0.85, -1.2, -2.8, 1.5),
    "v17": (0.75, -2.4, -4.1, 2.6),
    "v18": (0.82, -0.9, -1.3, 1.4),
    "v19": (0.80, 0.2, 0.5, 1.3),
    "v20": (0.79, 0.4, 0.0, 1.2),
    "v21": (0.71, 0.3, 0.2, 2.4),
    "v22": (0.69, 0.0, 0.1, 1.1),
    "v23": (0.58, 0.0, -0.1, 1.3),
    "v24": (0.61, 0.0, -0.1, 0.5),
    "v25": (0.50, 0.0, 0.1, 0.8),
    "v26": (0.49, 0.0, 0.0, 0.5),
    "v27": (0.41, 0.2, 0.0, 1.2),
    "v28": (0.34, 0.1, 0.0, 0.5),
}
_TAIL = 3.0  # degrees of freedom of the tails that the components of a row share
_SECOND_DAY = {"v1": 0.55, "v3": -1.25, "v11": -0.35}
_DECOYS = 0.015  # of honest rows: odd in one half of what frauds are odd in, and in that half alone
_HALF = ("v4", "v9", "v10", "v11")


def simulate(*, rows: int, seed: int) -> pd.DataFrame:
    """`rows` raw rows with the columns of `load`; the same seed gives the same rows."""
    if rows < 1:
        raise InvalidInput(f"--rows must be at least 1, not {rows}.")
    rng = np.random.default_rng([seed, 2013])
    repeated = int(REPEATED * rows)
    distinct = rows - repeated
    frauds = round(FRAUD_SHARE * distinct)
    run = _runs(rng, frauds)
    fraud = np.arange(distinct) < frauds
    seconds = np.concatenate([_fraud_seconds(rng, run), _seconds(rng, _HOURS, distinct - frauds)])
    made = np.concatenate([_fraud_components(rng, run), _honest_components(rng, distinct - frauds)])
    second_day = seconds >= 86_400
    for place, name in enumerate(COMPONENTS):
        made[:, place] += np.where(second_day, 0.5, -0.5) * _SECOND_DAY.get(name, 0.0)
    amount = np.interp(rng.random(distinct), _AT, _AMOUNTS)
    amount[:frauds] = np.interp(rng.random(frauds), _AT, _FRAUD_AMOUNTS)
    whole = rng.random(distinct) < np.where(fraud, 0.2, 0.22)
    amount = np.where(whole, np.round(amount), np.round(amount, 2))
    content = np.column_stack([seconds, np.round(made, 9), amount, fraud])
    frame = pd.DataFrame(content, columns=list(COLUMNS))
    frame[WEIGHT] = np.where(fraud, 1.0, (ROWS - FRAUDS) / FRAUDS * frauds / max(distinct - frauds, 1))
    copies = frame.iloc[rng.integers(0, distinct, repeated)]
    everything = pd.concat([frame, copies]).sort_values(["Time", "Amount"], kind="stable", ignore_index=True)
    return everything.astype({"Time": "int64", "Class": "int64"})


def _runs(rng: np.random.Generator, frauds: int) -> NDArray[np.int64]:
    """The run of every fraud, shape (frauds,): most are alone, some come in threes and more."""
    first = rng.random(frauds) < 0.7
    return np.cumsum(first).astype(np.int64)


def _seconds(rng: np.random.Generator, hours: tuple[int, ...], n: int) -> Floats:
    """Whole seconds since the first transaction, over two days that begin at midnight."""
    share = np.array(hours, dtype=np.float64)
    hour = rng.choice(24, n, p=share / share.sum())
    return np.asarray(rng.integers(0, DAYS, n) * 86_400 + hour * 3_600 + rng.integers(0, 3_600, n), dtype=np.float64)


def _fraud_seconds(rng: np.random.Generator, run: NDArray[np.int64]) -> Floats:
    """A run lasts a minute or so."""
    names, place = np.unique(run, return_inverse=True)
    start = _seconds(rng, _FRAUD_HOURS, len(names))
    return np.asarray(np.minimum(start[place] + rng.integers(0, 60, len(run)), DAYS * 86_400 - 1), dtype=np.float64)


def _fraud_components(rng: np.random.Generator, run: NDArray[np.int64]) -> Floats:
    names, place = np.unique(run, return_inverse=True)
    n = len(names)
    plain = np.where(rng.random(n) < HIDDEN, 0.08, 1 / (1 - HIDDEN))
    loud = (plain * rng.gamma(0.7, 1 / 0.7, n))[place]
    odd = (plain * rng.gamma(2.2, 1 / 2.2, n))[place]
    columns = []
    for name in COMPONENTS:
        spread, by_loud, by_odd, own = _SHAPES[name]
        spread_now = np.where(plain[place] < 1, spread, own)
        columns.append(by_loud * loud + by_odd * odd + spread_now * rng.normal(size=len(run)))
    return np.column_stack(columns) if len(run) else np.empty((0, len(COMPONENTS)))


def _honest_components(rng: np.random.Generator, n: int) -> Floats:
    stretch = np.sqrt(_TAIL / rng.chisquare(_TAIL, n)) * np.sqrt((_TAIL - 2) / _TAIL)
    decoy = rng.random(n) < _DECOYS
    odd = 1.1 * rng.gamma(2.2, 1 / 2.2, n) * decoy
    side = rng.random(n) < 0.5
    columns = []
    for name in COMPONENTS:
        spread, _, by_odd, _ = _SHAPES[name]
        turned = np.where(side == (name in _HALF), 0.0, 1.0)
        columns.append(spread * stretch * rng.normal(size=n) + by_odd * odd * turned)
    return np.column_stack(columns)
