"""People who look like those of the public table in the ways that matter here.

What is alike (tests hold it to the public shares): who there is by sex, race, age, education, marital status,
occupation and employer; hours with their heap at 40; rare capital gains and losses at the few amounts that the source
shows, high ones marking high incomes; about 24 % over the line, 11 % of women and 31 % of men. The line is crossed by
chance with log odds that rise with age up to about fifty, schooling, hours, occupation and capital, and that depend on
sex, race and marriage too: those no model here may see, so a part of the income can't be told, and the errors differ
by group, as they do on the real rows.

What is not alike: country of birth knows a handful of countries; households are no households; the survey weight means
nothing; beyond the tables of `population` no two columns depend on one another, so trees gain less over a logistic
regression than on real rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.snapshot import HOLDOUT, SPLIT_COLUMN, TRAIN
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.adult_income import population as p
from ds_workflow.problems.adult_income.source import (
    COLUMNS,
    LEVEL_OF,
    MARITAL_STATUS,
    OCCUPATION,
    RACE,
    RELATIONSHIP,
    SEGMENTS,
    WORKCLASS,
)

Texts = NDArray[np.object_]


def simulate(*, rows: int, seed: int) -> pd.DataFrame:
    """`rows` raw rows with the columns of `load`, a third of them in the holdout; the same seed gives the same rows."""
    if rows < 1:
        raise InvalidInput(f"--rows must be at least 1, not {rows}.")
    rng = np.random.default_rng([seed, 1994])
    sex = np.where(rng.random(rows) < p.FEMALE, "Female", "Male").astype(object)
    race = _by(rng, sex, {s: dict(zip(RACE, shares, strict=True)) for s, shares in p.RACE.items()})
    at = rng.random(rows)
    age = np.where(sex == "Female", np.interp(at, p.AGE_AT, p.AGE["Female"]), np.interp(at, p.AGE_AT, p.AGE["Male"]))
    age = np.floor(age)
    segment = _segment(rng, race, age)
    education = _by(rng, segment, p.EDUCATION)
    names = (*OCCUPATION, "")
    occupation = _by(
        rng,
        np.array([f"{s}|{e}" for s, e in zip(sex, segment, strict=True)], dtype=object),
        {f"{s}|{e}": dict(zip(names, shares, strict=True)) for (s, e), shares in p.OCCUPATION.items()},
    )
    employers = {o: dict(zip(WORKCLASS, shares, strict=True)) for o, shares in p.WORKCLASS.items()}
    workclass = _by(rng, occupation, {**employers, "": {"": 1000}})
    marital = _marital(rng, sex, age)
    hours = _hours(rng, occupation, sex)
    married = np.isin(marital, ("Married-civ-spouse", "Married-AF-spouse"))
    graduate = np.isin(segment, ("BACHELORS", "ADVANCED"))
    gain, loss = _capital(rng, married, graduate)
    frame = pd.DataFrame(
        {
            "age": age,
            "workclass": workclass,
            "education": education,
            "occupation": occupation,
            "race": race,
            "sex": sex,
            "capital_gain": gain,
            "capital_loss": loss,
            "hours_per_week": hours,
        }
    )
    odds = _log_odds(frame, married)
    over = rng.random(rows) < 1 / (1 + np.exp(-odds))
    frame = frame.assign(
        fnlwgt=np.round(np.exp(rng.normal(11.98, 0.63, rows))),
        education_num=frame["education"].map(LEVEL_OF).astype("float64"),
        marital_status=marital,
        relationship=_relationship(rng, sex, marital, married),
        native_country=_by(rng, race, p.COUNTRY),
        income=np.where(over, ">50K", "<=50K"),
    )[list(COLUMNS)]
    frame = frame.mask(frame == "")
    return frame.assign(**{SPLIT_COLUMN: np.where(rng.random(rows) < 1 / 3, HOLDOUT, TRAIN)})


def _by(rng: np.random.Generator, key: Texts, tables: Mapping[str, Mapping[str, float]]) -> Texts:
    """One name per row, drawn by the shares of the row's key."""
    at = rng.random(len(key))
    drawn = np.empty(len(key), dtype=object)
    for name, shares in tables.items():
        mine = key == name
        drawn[mine] = _pick(at[mine], tuple(shares), tuple(shares.values()))
    return drawn


def _pick(at: NDArray[np.float64], names: Sequence[str], shares: Sequence[float]) -> Texts:
    reach = np.cumsum(np.asarray(shares, dtype=np.float64))
    place = np.searchsorted(reach / reach[-1], at, side="right")
    return np.array(names, dtype=object)[np.minimum(place, len(names) - 1)]


def _segment(rng: np.random.Generator, race: Texts, age: NDArray[np.float64]) -> Texts:
    drawn = _by(rng, race, {r: dict(zip(SEGMENTS, shares, strict=True)) for r, shares in p.SEGMENT.items()})
    at, younger = rng.random(len(age)), 0
    for last, shares in p.SEGMENT_BY_AGE:
        mine = (age > younger) & (age <= last)
        drawn[mine] = _pick(at[mine], SEGMENTS, shares)
        younger = last
    return drawn


def _marital(rng: np.random.Generator, sex: Texts, age: NDArray[np.float64]) -> Texts:
    at = rng.random(len(age))
    drawn = np.empty(len(age), dtype=object)
    for who, bands in p.MARITAL.items():
        younger = 0
        for last, shares in bands:
            mine = (sex == who) & (age > younger) & (age <= last)
            drawn[mine] = _pick(at[mine], MARITAL_STATUS, shares)
            younger = last
    return drawn


def _relationship(rng: np.random.Generator, sex: Texts, marital: Texts, married: NDArray[np.bool_]) -> Texts:
    at = rng.random(len(sex))
    drawn = np.empty(len(sex), dtype=object)
    for ever, shares in p.HOUSEHOLD.items():
        mine = (marital != "Never-married") == ever
        drawn[mine] = _pick(at[mine], RELATIONSHIP, shares)
    drawn[married] = np.where(sex[married] == "Female", "Wife", "Husband")
    return drawn


def _hours(rng: np.random.Generator, occupation: Texts, sex: Texts) -> NDArray[np.float64]:
    at, spread = rng.random(len(sex)), rng.normal(size=len(sex))
    hours = np.full(len(sex), 40.0)
    for name, (forty, mean, deviation) in p.HOURS.items():
        other = (occupation == name) & (at >= forty)
        hours[other] = mean + deviation * spread[other] + np.where(sex[other] == "Female", p.HOURS_OF_WOMEN, 0.0)
    return np.clip(np.round(hours), 1, 99)


def _capital(
    rng: np.random.Generator, married: NDArray[np.bool_], graduate: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gains and losses; nobody has both."""
    n = len(married)
    at, amount = rng.random(n), rng.random(n)
    high = np.where(married, 0.052, 0.013) * np.where(graduate, 1.8, 0.75)
    low = np.where(married, 0.049, 0.033)
    gain, loss = np.zeros(n), np.zeros(n)
    mine = at < high
    gain[mine] = _pick(amount[mine], [str(a) for a in p.GAINS_HIGH], tuple(p.GAINS_HIGH.values())).astype(float)
    mine = (at >= high) & (at < high + low)
    gain[mine] = np.round(np.interp(amount[mine], (0, 0.001, 0.25, 0.5, 0.75, 1), p.GAINS_LOW))
    at, amount = rng.random(n), rng.random(n)
    high = np.where(married, 0.036, 0.005) * np.where(graduate, 1.6, 0.8)
    free = gain == 0
    mine = free & (at < high)
    loss[mine] = _pick(amount[mine], [str(a) for a in p.LOSSES_HIGH], tuple(p.LOSSES_HIGH.values())).astype(float)
    mine = free & (at >= high) & (at < high + 0.027)
    loss[mine] = np.round(1_200 + 590 * amount[mine])
    return gain, loss


def _log_odds(people: pd.DataFrame, married: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log odds of an income over the line, shape (n,)."""
    decades, female = (people["age"] - 40) / 10, people["sex"] == "Female"
    terms: dict[str, Any] = {
        "married": married,
        "female": female,
        "female and married": female & married,
        "Black, Other, Amer-Indian-Eskimo": people["race"].isin(("Black", "Other", "Amer-Indian-Eskimo")),
        "age": decades,
        "age squared": np.minimum(decades, 4) ** 2,
        "hours": (people["hours_per_week"].clip(10, 60) - 40) / 10,
        "education": people["education"].map(LEVEL_OF) - 10,
        "high gain": people["capital_gain"] >= 7_000,
        "high loss": (people["capital_loss"] >= 1_800) & (people["capital_loss"] < 2_000),
    }
    tells = np.where(female, p.TELLS_OF_WOMEN, 1.0)
    odds = np.full(len(people), p.INTERCEPT)
    for name, effect in p.EFFECT.items():
        scale = tells if name in ("age", "hours", "education") else 1.0
        odds = odds + scale * effect * np.asarray(terms[name], dtype=np.float64)
    for column, effects, scale in (
        ("occupation", p.OCCUPATION_EFFECT, p.OCCUPATION_SCALE * tells),
        ("workclass", p.WORKCLASS_EFFECT, tells),
    ):
        odds = odds + scale * people[column].map(effects).fillna(0.0).to_numpy(dtype=np.float64)
    return np.asarray(odds, dtype=np.float64)
