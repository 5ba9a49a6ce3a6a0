"""A challenger beside the champion: which unit gets whom, and what came of it.

A unit's place on the line from 0 to 1 is a hash of the experiment's salt and the unit's name, nothing else: it survives
restarts, is the same in every process, and raising the share only adds units to the challenger's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, Contrast, sample_ratio, welch
from ds_workflow.domain.ab_test.samples import Mean
from ds_workflow.domain.sequential import always_valid
from ds_workflow.errors import InvalidInput
from registry.records import VersionRef

Mode = Literal["shadow", "ab"]
CHAMPION, CHALLENGER, SHADOW, FALLBACK = "champion", "challenger", "shadow", "fallback"
BEST_AT = 5_000  # units at which the interval that may always be looked at is tightest


@dataclass(frozen=True)
class Trial:
    """A challenger that runs beside the champion: in `shadow`, seen by nobody, or with a `share` of the traffic.

    `share` is, in shadow, that of the requests which the challenger is shown.
    """

    id: str
    problem: str
    mode: Mode
    champion: VersionRef
    challenger: VersionRef
    proposal_id: str
    salt: str
    share: float
    started_at: str
    started_by: str
    stopped_at: str | None = None
    stopped_by: str | None = None
    reason: str | None = None

    @property
    def running(self) -> bool:
        """Whether nobody stopped it."""
        return self.stopped_at is None

    def arm(self, unit: str) -> str:
        """Whose answer the unit gets, or in shadow whether the challenger is shown the request as well."""
        if place(self.salt, unit) >= self.share:
            return CHAMPION
        return SHADOW if self.mode == "shadow" else CHALLENGER

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(told: Mapping[str, Any]) -> Trial:
        """The trial that `to_dict` wrote."""
        return Trial(**{**told, **{name: VersionRef(**told[name]) for name in (CHAMPION, CHALLENGER)}})


def place(salt: str, unit: str) -> float:
    """The unit's place in [0, 1), uniform over units."""
    digest = hashlib.blake2b(f"{salt}\0{unit}".encode("utf-8", "replace"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)  # 53 bits: every one counts in a float


def new_salt(ident: str, started_at: str) -> str:
    """The salt of a new experiment: no secret, but no other experiment's."""
    return hashlib.blake2b(f"{ident}\0{started_at}".encode(), digest_size=16).hexdigest()


def require_share(share: float) -> float:
    """The share if it lies above 0 and at most at 1."""
    if not 0 < share <= 1:
        raise InvalidInput(f"A share of {share:g} of the traffic can't be given.", hint="Above 0 and at most 1.")
    return share


@dataclass(frozen=True)
class Side:
    """What one arm did: `loss` is the mean over units of their mean loss, None before two units have labels."""

    requests: int
    rows: int
    units: int
    labelled_units: int
    loss: float | None
    milliseconds_p95: float | None


@dataclass(frozen=True)
class Result:
    """Challenger against champion so far. A `difference` below 0 is the challenger's gain; `interval` holds at every
    look at once. `split_p` doubts the split below 0.001. `verdict` never promotes anybody."""

    trial: str
    mode: Mode
    loss_name: str
    arms: Mapping[str, Side]
    difference: float | None
    interval: tuple[float, float] | None
    split_p: float | None
    verdict: Literal["better", "worse", "undecided", "invalid", "no labels"]
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def loss_of(task: str) -> str:
    """The name of the loss that arms are compared by."""
    return {"binary": "squared error of the probability", "forecast": "absolute error"}.get(
        task, "absolute error over the true value"
    )


def losses(task: str, answer: pd.Series[float], label: pd.Series[float]) -> pd.Series[float]:
    """The loss of every labelled row; NaN where it has no meaning (a share of a true value of 0)."""
    if task == "binary":
        return (answer - label) ** 2
    error = (answer - label).abs()
    return error if task == "forecast" else error / label.abs().where(label != 0)


def judge(trial: Trial, task: str, rows: pd.DataFrame, expected: Mapping[str, float]) -> Result:
    """The result from one line per row and arm: `arm`, `unit`, `request`, `answer`, `label` (NaN: not known yet) and
    `milliseconds`. `expected` are the units that each arm should have got by the shares in force, to be compared.

    An A/B test compares the units of the arms as they were assigned: what the champion answered in the challenger's
    place counts as the challenger's. In shadow the same requests were answered by both, and are compared in pairs.
    """
    rows = rows.assign(loss=losses(task, rows["answer"], rows["label"]))
    arms = rows["arm"].replace({FALLBACK: CHALLENGER, SHADOW: CHALLENGER}) if len(rows) else rows["arm"]
    rows = rows.assign(arm=arms)
    by_arm = {arm: rows[rows["arm"] == arm] for arm in (CHAMPION, CHALLENGER)}
    sides = {arm: _side(part) for arm, part in by_arm.items()}
    split = None
    there = any(side.units for side in sides.values()) and all(value > 0 for value in expected.values())
    if trial.mode == "ab" and there:
        split = sample_ratio([sides[arm].units for arm in expected], list(expected.values()))
    found = _paired(rows) if trial.mode == "shadow" else _between(by_arm)
    name = loss_of(task)
    if found is None:
        note = "Fewer than two units of each arm have labels."
        return Result(trial.id, trial.mode, name, sides, None, None, split, "no labels", note)
    low, high = always_valid(found, best_at=BEST_AT)
    verdict: Literal["better", "worse", "undecided", "invalid"] = "undecided"
    note = "The interval holds 0: it may be either."
    if split is not None and split < CALLED_OFF:
        verdict, note = "invalid", f"The arms got other units than their shares say (p = {split:.1e}); find out why."
    elif high < 0:
        verdict, note = "better", "The challenger's loss is smaller, at whatever look."
    elif low > 0:
        verdict, note = "worse", "The challenger's loss is larger, at whatever look."
    return Result(trial.id, trial.mode, name, sides, found.estimate, (low, high), split, verdict, note)


def _side(rows: pd.DataFrame) -> Side:
    units = rows.groupby("unit")["loss"].mean().dropna()
    slow = rows.drop_duplicates("request")["milliseconds"]
    return Side(
        requests=int(rows["request"].nunique()),
        rows=len(rows),
        units=int(rows["unit"].nunique()),
        labelled_units=len(units),
        loss=float(units.mean()) if len(units) >= 2 else None,
        milliseconds_p95=float(slow.quantile(0.95)) if len(slow) else None,
    )


def _between(by_arm: Mapping[str, pd.DataFrame]) -> Contrast | None:
    means = [part.groupby("unit")["loss"].mean().dropna().to_numpy() for part in by_arm.values()]
    if any(len(values) < 2 for values in means):
        return None
    return welch(Mean.of(means[0]), Mean.of(means[1]))


def _paired(rows: pd.DataFrame) -> Contrast | None:
    """Challenger minus champion per unit, over the rows that both answered, against a constant 0."""
    wide = rows.pivot_table(index=["unit", "request", "row"], columns="arm", values="loss")
    if not {CHAMPION, CHALLENGER} <= set(wide.columns):
        return None
    gap = (wide[CHALLENGER] - wide[CHAMPION]).dropna().groupby("unit").mean().to_numpy()
    if len(gap) < 2:
        return None
    sample = Mean.of(gap)
    return welch(Mean(sample.n, 0.0, 0.0), sample)


def expected_units(shares: Sequence[tuple[str, float]], units: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The units that each arm should have got: `shares` are (from when on, share) in the order of time, and `units`
    the times (text) at which each unit was first seen, by arm."""
    total = {CHAMPION: 0.0, CHALLENGER: 0.0}
    for times in units.values():
        for at in times:
            share = next((share for since, share in reversed(shares) if since <= at), shares[0][1])
            total[CHALLENGER] += share
            total[CHAMPION] += 1 - share
    return total
