"""What a holdout has left: every look at it spends a part of the error rate, and when all are taken it is spent.

Rows that are asked again and again give a lucky winner in the end. So the k-th look at a holdout is judged at a level
alpha_k of its own, and the levels of all looks add up to at most alpha: whatever the looks have in common, the chance
that even one of them calls an equal challenger better is at most alpha (Boole). Schemes:

* `decaying` (default): alpha_k = alpha * 6 / (pi^2 k^2), which sums to alpha over all k (Euler's series): most is left
  for the first questions, as in D. P. Foster and R. A. Stine (2008), JRSS B 70, 429-444, and M. Aharoni and S. Rosset
  (2014), JRSS B 76, 771-794. 0.61, 0.15, 0.068, 0.038, 0.024 of alpha.
* `equal`: alpha_k = alpha / looks (Bonferroni).

A round of m candidates is one look, whose level they share (level / m each). The same question asked again (same
challenger, champion and policy) has the same answer, so it is the same look at the same level and spends nothing more.
The trial of a first champion is no look (number 0): it asks whether one model meets fixed requirements, at the whole
alpha, and calls nobody better than a champion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ds_workflow.errors import InvalidInput
from registry.records import Event, HoldoutUse, Proposal, VersionRef, digest_of

Scheme = Literal["decaying", "equal"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
REGISTERED = "version.registered"  # the ledger's event of a trained version
LOOKS = 10  # the tenth of the decaying series is a 164th of alpha: what it could still show is a huge effect
BOOTSTRAP = "bootstrap"
_SPARE = 2.0  # resamples for each one that the smallest corrected level needs at least


@dataclass(frozen=True)
class Spending:
    """How the error rate `alpha` of one holdout is divided among at most `looks` looks."""

    alpha: float
    scheme: Scheme = "decaying"
    looks: int = LOOKS

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES or self.looks < 1 or not 0 < self.alpha < 1:
            raise InvalidInput(f"No holdout is spent by {self.scheme!r} over {self.looks} looks at {self.alpha:g}.")

    def level(self, number: int) -> float:
        """alpha_k of look `number`, from 1."""
        if number < 1:
            raise InvalidInput(f"Looks are counted from 1, not from {number}.")
        if self.scheme == "equal":
            return self.alpha / self.looks
        return self.alpha * 6.0 / (math.pi * number) ** 2

    def spent(self, taken: int) -> float:
        """What `taken` looks have spent; looks beyond the last give no winner and spend nothing."""
        return math.fsum(self.level(k) for k in range(1, min(taken, self.looks) + 1))

    def exhausted(self, taken: int) -> bool:
        """Whether all looks are taken."""
        return taken >= self.looks

    def told(self, taken: int) -> dict[str, Any]:
        """Plain figures for documents and pages after `taken` looks; `next` is None once it is spent."""
        done = self.exhausted(taken)
        return {
            "taken": taken,
            "looks": self.looks,
            "scheme": self.scheme,
            "alpha": self.alpha,
            "spent": self.spent(taken),
            "next": None if done else self.level(taken + 1),
            "exhausted": done,
        }


@dataclass(frozen=True)
class Look:
    """One candidate's part of one look: it is the `number`-th at this holdout, and this candidate is judged at `level`.
    `among` candidates share the look; `spent` says that no look was left for it; `alpha` is the holdout's whole."""

    number: int
    level: float
    alpha: float
    looks: int
    scheme: Scheme = "decaying"
    among: int = 1
    spent: bool = False
    again: bool = False  # the same question was asked before

    @property
    def words(self) -> str:
        """For people: which look, at which level."""
        if not self.number:
            return f"the trial of a first champion: no look at this holdout, level {self.level:.3g}"
        shared = f", shared by {self.among} candidates" if self.among > 1 else ""
        again = " (asked before; it spends nothing more)" if self.again else ""
        which = f"look {self.number} of {self.looks} at this holdout"
        return f"{which}, level {self.level:.3g} of {self.alpha:g}{shared}{again}"


@dataclass(frozen=True)
class Counted:
    """One comparison as the ledger holds it: what was asked, in which round ("" for none), at which level."""

    question: str
    round: str
    use: HoldoutUse
    looks: bool = True  # False: the trial of a first champion


@dataclass(frozen=True)
class Account:
    """All comparisons on one holdout, oldest first."""

    counted: tuple[Counted, ...]

    @property
    def taken(self) -> int:
        """Looks taken: a round is one, and a question asked again is none."""
        return len(set(self._numbers().values()))

    def _numbers(self) -> dict[str, int]:
        """Which look each question was first part of, from 1."""
        by_key: dict[str, int] = {}
        first: dict[str, int] = {}
        for one in self.counted:
            if one.looks and one.question not in first:
                first[one.question] = by_key.setdefault(one.round or one.question, len(by_key) + 1)
        return first

    def number_of(self, question: str) -> int:
        """Which look that question was part of; 0 for the trial of a first champion."""
        return self._numbers().get(question, 0)

    def look(
        self, question: str, spending: Spending, *, kind: str = "promotion", among: int = 1, round: str = ""
    ) -> Look:
        """The look that asking `question` now is; one of `among` candidates of `round`."""
        if kind == BOOTSTRAP:
            again = any(one.question == question for one in self.counted)
            return Look(0, spending.alpha, spending.alpha, spending.looks, spending.scheme, again=again)
        numbers = self._numbers()
        for one in self.counted:
            if one.question == question:
                number = numbers[question]
                return Look(
                    number, one.use.alpha, spending.alpha, spending.looks, spending.scheme, 1,
                    number > spending.looks, again=True,
                )  # fmt: skip
        mine = [numbers[one.question] for one in self.counted if round and one.round == round]
        number = mine[0] if mine else self.taken + 1
        level = spending.level(number) / among
        return Look(
            number, level, spending.alpha, spending.looks, spending.scheme, among, number > spending.looks
        )  # fmt: skip


def question(kind: str, challenger: VersionRef, champion: VersionRef | None, *, policy_digest: str) -> str:
    """What a comparison asks of its holdout; the same text for the same question."""
    if kind == "adopt":  # judged as what it would have been in time
        kind = "promotion" if champion else BOOTSTRAP
    return digest_of([kind, challenger.digest, champion.digest if champion else "", policy_digest])


def account(uses: Sequence[HoldoutUse], proposal: Callable[[str], Proposal], reserved: Sequence[Event] = ()) -> Account:
    """The account of one holdout from the ledger's lines, oldest first; `proposal` finds the one of an id.

    A look counts from when it was `reserved`, before anything was scored; one that came to no proposal is counted with
    an empty id of it.
    """
    begun = {str(told.body["question"]): told for told in reversed(reserved)}
    counted = []
    for use in uses:
        found = proposal(use.proposal_id)
        e = found.evidence
        asked = question(e.kind, e.challenger, e.champion, policy_digest=e.policy_digest)
        trial = e.kind == BOOTSTRAP or (e.kind == "adopt" and e.champion is None)
        counted.append(Counted(asked, found.round, use, looks=not trial))
    since = {asked: told.at for asked, told in begun.items()}
    for asked in begun.keys() - {one.question for one in counted}:
        told, body = begun[asked], begun[asked].body
        lost = HoldoutUse(told.subject, "", "", told.at, float(body["alpha"]))
        counted.append(Counted(asked, str(body["round"]), lost, looks=body["kind"] != BOOTSTRAP))
    return Account(tuple(sorted(counted, key=lambda one: min(since.get(one.question, one.use.at), one.use.at))))


def candidates_scored(registered: Sequence[Event], holdout_digest: str) -> int:
    """How many candidates were trained beside this holdout, and so showed their figures on it, from the events of kind
    REGISTERED. A first champion is none: no hypothesis stands behind it and nobody chose it among others."""
    lineages = [told.body.get("lineage", {}) for told in registered]
    return sum(one.get("holdout_digest") == holdout_digest and one.get("hypothesis_id") != "BASELINE"
               for one in lineages)  # fmt: skip


def scored_words(scored: int, taken: int) -> str:
    """The warning where more candidates were scored than looks were taken; "" where not."""
    if scored <= taken:
        return ""
    return (
        f"{scored} candidates were scored on this holdout when they were trained, and {taken} "
        f"{'look was' if taken == 1 else 'looks were'} taken: whoever chose among them by those figures looked more "
        "often than is counted, and a winner may be luck."
    )


def spending_told(look: Look, spending: Spending) -> dict[str, Any]:
    """A proposal's look for documents and pages: its number and level, and what is left after it."""
    mine = {"number": look.number, "level": look.level, "among": look.among, "again": look.again}
    return {**spending.told(look.number), **mine}


def resamples_for(tests: int, level: float, *, at_least: int) -> int:
    """Resamples with which `tests` tests, corrected over one another, can show something at `level`, with room for
    chance: the smallest p-value is 1 / (resamples + 1) and Holm multiplies it by `tests`."""
    return max(at_least, math.ceil(_SPARE * tests / level))
