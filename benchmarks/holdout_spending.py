"""Forty equal challengers on one holdout, by the arena's own account, rounds and gates: how often does any of them win?

Run: python benchmarks/holdout_spending.py [--histories 3000] [--challengers 40] [--processes 2] [--seed 1]
One history is a champion and forty challengers of its quality, trained on other rows and scored on one holdout of 120
rows in clusters of two. Each look is reckoned by `Account.look` from what the history did before it, the policy draws
as many resamples as its level needs, and `evaluate` asks three gates corrected by Holm, of which two are met by
everybody: a winner is a challenger whose verdict is `pass`. Ways to ask:

* one by one: each is proposed as soon as it is scored;
* best of five: five are scored, the one with the best figure on these rows is proposed, and so on;
* first good one: they are scored one by one, and one is proposed only if its figure seems good enough for its level;
* rounds of four: four are scored and proposed together, and so on;
* few clusters: one by one, on 24 rows in 12 clusters.

Target: in each way the UPPER end of the 95 % Clopper-Pearson interval of histories with any winner is at most alpha.
Beside it, without target, what would come of the first good one if a look's level were divided by the candidates scored
so far, and (in a tenth of the histories) of one by one with the whole alpha for each look. A challenger whose normal
p-value is above ten times its level is not put through the bootstrap, since it could not pass; one in five hundred of
those is, and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binomtest

from ds_workflow.domain import few_clusters
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gate_spec import GateSpec
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.holdout_spending import Account, Counted, Look, Spending, Trained
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Feature, FeatureSet, Problem
from registry.records import HoldoutUse

ALPHA, ROWS, FEW = 0.05, 120, 24
PLAN = Spending(ALPHA)
SEGMENTS = ("NORTH", "SOUTH")
PROBLEM = Problem(
    name="houses", title="Houses", task="regression", target="price", target_unit="dollars", row_id="row_id",
    time_column="day", cluster_column="building", segment_column="part", segments=SEGMENTS, columns=(),
    features=(Feature("area", "area", "request"),), feature_sets=(FeatureSet("v1", ("area",), "all"),), forbidden={},
    sensitive=(), metrics=("mape", "ppe10"), primary_metric="mape", strategies=("global_model",), source="made",
    licence="none", intended_use="a benchmark", limits="none",
)  # fmt: skip
ONLY = ("promotion",)
GATES = (
    GateSpec("better", "weighted_improvement", ONLY, "mape", "absolute", thresholds={"promotion": 0.0}),
    GateSpec("no_drop", "max_drop", ONLY, "ppe10", "absolute", thresholds={"promotion": 0.9}),
    GateSpec("ceiling", "ceiling", ONLY, "mape", "share", thresholds={"promotion": 0.9}),
)
POLICY = Policy("houses", "1", 14, 180, ALPHA, 999, 10, 10, 10, {"NORTH": 0.5, "SOUTH": 0.5}, "made up", GATES)
SCREEN, RECHECK = 10.0, 500


@dataclass
class History:
    """One holdout, its champion, and the account of what was asked of it."""

    seed: int
    rows: int = ROWS
    rule: Callable[[Account, Look], Look] = lambda _, look: look
    counted: list[Counted] = field(default_factory=list)
    trained: list[Trained] = field(default_factory=list)
    skipped: int = 0
    skipped_won: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, self.rows])
        ids = np.array([f"r{i:03d}" for i in range(self.rows)], dtype=object)
        groups = {
            "cluster": np.array([f"c{i // 2:03d}" for i in range(self.rows)], dtype=object),
            "segment": np.repeat(np.array(SEGMENTS, dtype=object), self.rows // 2),
        }
        self.base = Scored(ids, np.full(self.rows, 100.0), np.full(self.rows, 100.0), groups=groups)
        self.hard = self.rng.normal(size=self.rows)  # what is hard about a row, for every model
        self.champion = self._model()
        self.models: dict[str, Scored] = {}

    def _model(self) -> Scored:
        cluster = np.repeat(self.rng.normal(size=self.rows // 2), 2)
        error = 0.2 * (0.6 * self.hard + 0.5 * cluster + 0.62 * self.rng.normal(size=self.rows))
        return replace(self.base, prediction=100.0 * np.exp(error))

    @property
    def account(self) -> Account:
        return Account(tuple(self.counted), tuple(self.trained))

    def at(self) -> str:
        return f"{len(self.counted) + len(self.trained):06d}"

    def score(self) -> str:
        """Train a candidate: its figures on these rows are known from now on."""
        name = f"m{len(self.models)}"
        self.models[name] = self._model()
        self.trained.append(Trained(name, self.at()))
        return name

    def seems(self, name: str) -> float:
        """How good it looks: the normal p-value of the gain in mean absolute error, clusters as units."""
        gain = np.abs(self.champion.prediction - 100.0) - np.abs(self.models[name].prediction - 100.0)
        means: NDArray[np.float64] = gain.reshape(-1, 2).mean(axis=1)
        return float(ndtr(-means.mean() / (means.std(ddof=1) / np.sqrt(len(means)))))

    def would_be(self, name: str) -> Look:
        return self.rule(self.account, self.account.look(f"is {name} better", PLAN, challenger=name))

    def propose(self, names: list[str], *, round: str = "") -> bool:
        """Take a look with one candidate or a round of them; whether any verdict is `pass`."""
        won = False
        for name in names:
            asked = f"is {name} better"
            look = self.account.look(asked, PLAN, among=len(names), round=round, challenger=name)
            look = self.rule(self.account, look)
            use = HoldoutUse("h", "houses", name, self.at(), look.level)
            self.counted.append(Counted(asked, round, use, True, name, look.plan))
            won |= self._judged(name, look)
        return won

    def _judged(self, name: str, look: Look) -> bool:
        if look.spent:
            return False
        far = self.seems(name) > SCREEN * look.level
        if far and (self.seed + len(self.counted)) % RECHECK:
            return False
        clusters = few_clusters.fewest(self.base, minimum_rows=POLICY.segment_min_rows)
        comparison = Comparison.align(
            problem=PROBLEM, policy=POLICY.for_look(look, "promotion", clusters=clusters), seed=self.seed, look=look,
            challenger=self.models[name], champion=self.champion,
        )  # fmt: skip
        won = evaluate(comparison, kind="promotion").verdict == "pass"
        self.skipped += far
        self.skipped_won += far and won
        return won


def one_by_one(history: History, challengers: int) -> bool:
    won = [history.propose([history.score()]) for _ in range(challengers)]
    return any(won)


def best_of_five(history: History, challengers: int) -> bool:
    won = False
    for _ in range(challengers // 5):
        won |= history.propose([min((history.score() for _ in range(5)), key=history.seems)])
    return won


def first_good_one(history: History, challengers: int) -> bool:
    """The hardest: no look is wasted on a candidate whose figure does not seem to be enough."""
    won = False
    for _ in range(challengers):
        name = history.score()
        if history.seems(name) <= 2 * history.would_be(name).level:
            won |= history.propose([name])
    return won


def rounds_of_four(history: History, challengers: int) -> bool:
    won = False
    for number in range(challengers // 4):
        won |= history.propose([history.score() for _ in range(4)], round=f"R-{number}")
    return won


def divided(account: Account, look: Look) -> Look:
    """The level of the look's number, divided by the candidates that it could be chosen among."""
    waiting = len({t.digest for t in account.trained} - {c.challenger for c in account.counted})
    return replace(look, level=PLAN.level(look.number) / max(1, waiting))


def whole(account: Account, look: Look) -> Look:
    return replace(look, level=ALPHA, spent=False)


Way = tuple[Callable[[History, int], bool], int, Callable[[Account, Look], Look] | None]
WAYS: dict[str, Way] = {
    "one by one": (one_by_one, ROWS, None),
    "best of five": (best_of_five, ROWS, None),
    "first good one": (first_good_one, ROWS, None),
    "rounds of four": (rounds_of_four, ROWS, None),
    "few clusters": (one_by_one, FEW, None),
    "first good one, level divided by candidates": (first_good_one, ROWS, divided),
    "one by one, each at alpha": (one_by_one, ROWS, whole),
}


def run(seed: int, *, way: str, challengers: int) -> tuple[bool, int, int]:
    """Whether the history had a winner; challengers that the screen would have skipped, and how many of them won."""
    ask, rows, rule = WAYS[way]
    history = History(seed, rows) if rule is None else History(seed, rows, rule)
    won = ask(history, challengers)
    return won, history.skipped, history.skipped_won


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=3000)
    parser.add_argument("--challengers", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--way", choices=[*WAYS], help="One way only.")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    seeds = range(given.seed * 1_000_000, given.seed * 1_000_000 + given.histories)
    told: dict[str, int] = {}
    with ProcessPoolExecutor(given.processes) as pool:
        for way in [given.way] if given.way else WAYS:
            start = time.perf_counter()
            many = given.histories if WAYS[way][2] is not whole else max(1, given.histories // 10)  # nobody doubts it
            found = list(pool.map(partial(run, way=way, challengers=given.challengers), seeds[:many], chunksize=20))
            told[way] = sum(won for won, _, _ in found)
            share = binomtest(told[way], many).proportion_ci(0.95, method="exact")
            met = f"; target: upper end at most {ALPHA}: {'met' if share.high <= ALPHA else 'MISSED'}"
            skipped, lost = (sum(one[k] for one in found) for k in (1, 2))
            print(
                f"{way}: any winner in {told[way]} of {many} histories: {told[way] / many:.4f} "
                f"[{share.low:.4f}, {share.high:.4f}]{met if WAYS[way][2] is None else ''} "
                f"({lost} of {skipped} below the screen won; {time.perf_counter() - start:.0f} s)",
                flush=True,
            )
    print(json.dumps({"challengers": given.challengers, "histories": given.histories, **told}))


if __name__ == "__main__":
    main()
