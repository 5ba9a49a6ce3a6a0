"""What a holdout has left: every candidate scored on it takes a part of the error rate, proposed or not.

Rows that are asked again and again give a lucky winner in the end, and training already asks: it shows a candidate's
figures on these rows. So the candidates scored on a holdout have places in a series of levels, in the order in which
they were scored, and the i-th is judged at alpha_i, whenever it is proposed and whoever else is. If all are no better
than the champion, the chance that even one is ever called better is at most

    P(some i: p_i <= alpha_i) <= sum_i P(p_i <= alpha_i) <= sum_i alpha_i <= alpha     (Boole),

whatever the candidates have in common, however one chooses among them and whenever one looks. Dividing the level of a
look by the number m of candidates scored so far would not do: who looks as soon as one seems good gives the i-th one
the level alpha_1 / i, and their sum is alpha_1 (1 + 1/2 + ... + 1/m), without a bound. What the inequality asks is that
each p_i is a p-value, so that no candidate was *made* from what these rows showed. Schemes:

* `decaying` (default): alpha_i = alpha * 6 / (pi^2 i^2), which sums to alpha over all i (Euler's series): most is left
  for the first questions, as in D. P. Foster and R. A. Stine (2008), JRSS B 70, 429-444, and M. Aharoni and S. Rosset
  (2014), JRSS B 76, 771-794. 0.61, 0.15, 0.068, 0.038, 0.024 of alpha.
* `equal`: alpha_i = alpha / looks (Bonferroni) for the first `looks` of them, and nothing after.

A look is one proposal, or a round of them. A candidate that is asked about again otherwise (another champion, another
policy) takes a further place. The same question asked again (same challenger, champion and policy) has the same answer,
so it is the same look at the same level. A refit of the same bytes is the same candidate. The plan (alpha, scheme,
looks) is the one of the first look, whatever a policy says later, and no look is judged at more than alpha less the
levels that are on record. The trials of a first champion have a series of their own: they ask whether one model meets
fixed requirements, and call nobody better than a champion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ds_workflow.errors import InvalidInput
from registry.records import Event, HoldoutUse, Proposal, VersionRef, digest_of

Scheme = Literal["decaying", "equal"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
REGISTERED = "version.registered"  # the ledger's event of a trained version
LOOKS = 10  # the tenth of the decaying series is a 164th of alpha: what it could still show is a huge effect
BOOTSTRAP = "bootstrap"
BASELINE = "BASELINE"  # the hypothesis of a version that can be a first champion and no challenger
NOTHING = 1e-12  # the level of a look for which nothing is left: no number of resamples shows that much


@dataclass(frozen=True)
class Spending:
    """How the error rate `alpha` of one holdout is divided; at most `looks` looks are taken."""

    alpha: float
    scheme: Scheme = "decaying"
    looks: int = LOOKS

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES or self.looks < 1 or not 0 < self.alpha < 1:
            raise InvalidInput(f"No holdout is spent by {self.scheme!r} over {self.looks} looks at {self.alpha:g}.")

    def level(self, place: int) -> float:
        """alpha_i of place i, from 1."""
        if place < 1:
            raise InvalidInput(f"Places are counted from 1, not from {place}.")
        if self.scheme == "equal":
            return self.alpha / self.looks if place <= self.looks else 0.0
        return self.alpha * 6.0 / (math.pi * place) ** 2

    @property
    def words(self) -> str:
        """For people: `alpha 0.05, decaying over 10 looks`."""
        return f"alpha {self.alpha:g}, {self.scheme} over {self.looks} looks"

    @staticmethod
    def of(content: Mapping[str, Any]) -> Spending | None:
        """The plan in a record; None in one of before plans were kept."""
        if not {"alpha", "scheme", "looks"} <= set(content):
            return None
        return Spending(float(content["alpha"]), content["scheme"], int(content["looks"]))


@dataclass(frozen=True)
class Look:
    """One candidate's part of one look: it is the `number`-th at this holdout (0: the trial of a first champion), the
    candidate has the `place`-th level of the series, and `scored` candidates were scored on these rows by then.

    `among` candidates are proposed together; `spent` says that nothing was left for it; `alpha`, `scheme` and `looks`
    are the plan of the holdout.
    """

    number: int
    level: float
    alpha: float
    looks: int
    scheme: Scheme = "decaying"
    among: int = 1
    spent: bool = False
    again: bool = False  # the same question was asked before
    place: int = 0  # 0 in evidence of before places were counted
    scored: int = 0

    @property
    def plan(self) -> Spending:
        """The holdout's."""
        return Spending(self.alpha, self.scheme, self.looks)

    @property
    def chosen(self) -> str:
        """Among how many candidates this one could be chosen, and where its level comes from; "" for the only one."""
        if self.place < 2 and self.scored < 2:
            return ""
        first = self.plan.level(1)
        series = f"{first:.3g}/{self.place}²" if self.scheme == "decaying" else f"{self.alpha:g}/{self.looks}"
        many = f"chosen among {self.scored} candidates scored on these rows, " if self.scored > 1 else ""
        return f"{many}place {self.place} of the series: {series}"

    @property
    def words(self) -> str:
        """For people: which look, at which level."""
        trial = f"trial {self.place or 1} of a first champion on this holdout, no look of a challenger"
        which = f"look {self.number} of {self.looks} at this holdout" if self.number else trial
        said = f"{which}, level {self.level:.3g} of {self.alpha:g}"
        said += f" ({self.chosen})" if self.chosen and not self.spent else ""
        said += f", one of {self.among} proposed together" if self.among > 1 else ""
        return said + (" (asked before; it spends nothing more)" if self.again else "")


@dataclass(frozen=True)
class Counted:
    """One comparison as the ledger holds it: what was asked, in which round ("" for none), at which level."""

    question: str
    round: str
    use: HoldoutUse
    looks: bool = True  # False: the trial of a first champion
    challenger: str = ""  # its digest; "" where it is not on record
    plan: Spending | None = None  # the holdout's, where it is on record
    begun: str = ""  # when it was reserved; "" of before that was done
    seq: int = 0  # of the event that reserved it; 0 of before that was done

    @property
    def at(self) -> str:
        """When the look was taken."""
        return min(self.begun or self.use.at, self.use.at)


@dataclass(frozen=True)
class Trained:
    """One candidate that training scored on these rows: its digest, whether it may only be a first champion, and its
    version's number ("" where it is not on record)."""

    digest: str
    at: str
    first: bool = False
    version: str = ""
    seq: int = 0  # of the event that told of it; 0 where it is not on record


@dataclass(frozen=True)
class Account:
    """All comparisons on one holdout, oldest first, and the candidates that were scored on it.

    It holds two accounts: the challengers' looks, and (`trial`) the trials of a first champion.
    """

    counted: tuple[Counted, ...]
    trained: tuple[Trained, ...] = ()

    @property
    def taken(self) -> int:
        """Looks taken: a round is one, and a question asked again is none."""
        return len(set(self._numbers().values()))

    def mine(self, trial: bool) -> tuple[Counted, ...]:
        """The comparisons of one of the two accounts, each question once."""
        found: dict[str, Counted] = {}
        for one in self.counted:
            if one.looks != trial:
                found.setdefault(one.question, one)
        return tuple(found.values())

    def _numbers(self, trial: bool = False) -> dict[str, int]:
        """Which look (or trial) each question was first part of, from 1."""
        by_key: dict[str, int] = {}
        return {one.question: by_key.setdefault(one.round or one.question, len(by_key) + 1)
                for one in self.mine(trial)}  # fmt: skip

    def _places(self, trial: bool) -> tuple[dict[str, int], dict[str, int], int]:
        """The place of each question, of each candidate that was not asked about yet, and how many are taken."""
        told: list[Trained | Counted] = [*(t for t in self.trained if t.first == trial), *self.mine(trial)]
        asked: dict[str, int] = {}
        waiting: dict[str, int] = {}
        seen: set[str] = set()
        last = 0
        for one in _in_order(told):
            digest = one.digest if isinstance(one, Trained) else one.challenger
            if isinstance(one, Trained):
                if digest not in seen:
                    last += 1
                    waiting[digest] = last
            elif digest in waiting:
                asked[one.question] = waiting.pop(digest)
            else:
                last += 1
                asked[one.question] = last
            seen |= {digest} - {""}
        return asked, waiting, last

    def scored(self, *, trial: bool = False) -> int:
        """How many different candidates were scored on these rows."""
        return len(self._candidates(trial))

    def _candidates(self, trial: bool) -> set[str]:
        asked = {c.challenger or c.question for c in self.mine(trial)}
        return asked | {t.digest for t in self.trained if t.first == trial}

    def waiting(self, plan: Spending, *, trial: bool = False) -> list[dict[str, Any]]:
        """Those that no look has judged, with the level at which each would be: version, place and level."""
        versions = {t.digest: t.version for t in reversed(self.trained)}
        return [
            {"version": versions[digest], "place": place, "level": self._left(plan, place, trial=trial)}
            for digest, place in self._places(trial)[1].items()
        ]

    def plan(self, *, trial: bool = False) -> Spending | None:
        """The plan that the first look bound this account to; None while there was none."""
        return next((one.plan for one in self.mine(trial) if one.plan is not None), None)

    def spent(self, plan: Spending, *, trial: bool = False) -> float:
        """The sum of the levels on record; looks beyond the last gave no winner and spent nothing."""
        return math.fsum(one.use.alpha for one in self._spending(plan, trial))

    def _spending(self, plan: Spending, trial: bool) -> list[Counted]:
        """The comparisons that spent something: all candidates of the looks that the plan has."""
        numbers = self._numbers(trial)
        return [one for one in self.mine(trial) if numbers[one.question] <= plan.looks]

    def number_of(self, question: str) -> int:
        """Which look that question was part of; 0 for the trial of a first champion."""
        return self._numbers().get(question, 0)

    def look(
        self, question: str, plan: Spending, *, kind: str = "promotion", among: int = 1, round: str = "",
        challenger: str = "",
    ) -> Look:  # fmt: skip
        """The look that asking `question` of the candidate with the digest `challenger` now is; one of `among`
        candidates of `round`. `plan` is the policy's, which counts while no look has bound the account to one."""
        trial = kind == BOOTSTRAP
        plan = self.plan(trial=trial) or plan
        numbers, (places, waiting, last) = self._numbers(trial), self._places(trial)
        known = {one.question: one for one in self.mine(trial)}
        again = question in known
        if again:
            number, place = numbers[question], places[question]
        else:
            held = [numbers[one.question] for one in known.values() if round and one.round == round]
            number = held[0] if held else len(set(numbers.values())) + 1
            place = waiting.get(challenger, last + 1)
        level = known[question].use.alpha if again else self._left(plan, place, trial=trial)
        spent = number > plan.looks or level <= NOTHING
        if spent and not again:
            level = NOTHING
        mine = {challenger or question} if not again else set()
        return Look(
            0 if trial else number, level, plan.alpha, plan.looks, plan.scheme, among, spent, again, place,
            len(self._candidates(trial) | mine),
        )  # fmt: skip

    def _left(self, plan: Spending, place: int, *, trial: bool) -> float:
        """The level of a place, and never more than alpha less what is on record: accounts that were joined, or were
        kept by another plan, may have spent more than the series says."""
        level, left = plan.level(place), plan.alpha - self.spent(plan, trial=trial)
        return level if level <= left * (1 + 1e-9) else max(left, 0.0)

    def told(self, plan: Spending, *, trial: bool = False) -> dict[str, Any]:
        """Plain figures for documents and pages. `plan` is the policy's; the account's own counts where it has one,
        and `policy` says the other then. `next` is the level of a candidate that is not scored yet, None for none.
        `levels` are those on record and `places` theirs; `exhausted` says that nobody, scored or not, has one left."""
        bound = self.plan(trial=trial)
        used = bound or plan
        taken = len(set(self._numbers(trial).values()))
        places, _, last = self._places(trial)
        after, waiting = self._left(used, last + 1, trial=trial), self.waiting(used, trial=trial)
        kept = any(one["level"] > NOTHING for one in waiting)
        done = taken >= used.looks or (after <= NOTHING and not kept)
        counted = self._spending(used, trial)
        return {
            "taken": taken,
            "looks": used.looks,
            "scheme": used.scheme,
            "alpha": used.alpha,
            "spent": self.spent(used, trial=trial),
            "next": None if done or after <= NOTHING else after,
            "exhausted": done,
            "scored": self.scored(trial=trial),
            "unjudged": waiting,
            "levels": [one.use.alpha for one in counted],
            "places": [places[one.question] for one in counted],
            "policy": asdict(plan) if bound not in (None, plan) else None,
        }


def question(kind: str, challenger: VersionRef, champion: VersionRef | None, *, policy_digest: str) -> str:
    """What a comparison asks of its holdout; the same text for the same question."""
    if kind == "adopt":  # judged as what it would have been in time
        kind = "promotion" if champion else BOOTSTRAP
    return digest_of([kind, challenger.digest, champion.digest if champion else "", policy_digest])


def account(
    uses: Sequence[HoldoutUse],
    proposal: Callable[[str], Proposal],
    reserved: Sequence[Event] = (),
    trained: Sequence[Trained] = (),
) -> Account:
    """The account of one holdout from the ledger's lines, oldest first; `proposal` finds the one of an id.

    A look counts from when it was `reserved`, before anything was scored; one that came to no proposal is counted with
    an empty id of it.
    """
    begun: dict[str, Event] = {}
    for told in reserved:
        begun.setdefault(str(told.body["question"]), told)
    counted: list[Counted] = []
    for use in uses:
        found = proposal(use.proposal_id)
        e = found.evidence
        asked = question(e.kind, e.challenger, e.champion, policy_digest=e.policy_digest)
        trial = e.kind == BOOTSTRAP or (e.kind == "adopt" and e.champion is None)
        kept = begun[asked].body.get("plan") if asked in begun else None
        plan = Spending.of(kept or (found.summary.get("holdout") or {}).get("spending") or {})
        since, seq = (begun[asked].at, begun[asked].seq) if asked in begun else ("", 0)
        counted.append(Counted(asked, found.round, use, not trial, e.challenger.digest, plan, since, seq))
    known = {one.question for one in counted}
    for asked in [one for one in begun if one not in known]:
        told, body = begun[asked], begun[asked].body
        lost = HoldoutUse(told.subject, "", "", told.at, float(body["alpha"]))
        plan, digest = Spending.of(body.get("plan") or {}), str(body.get("challenger") or "")
        looks = body["kind"] != BOOTSTRAP
        counted.append(Counted(asked, str(body["round"]), lost, looks, digest, plan, told.at, told.seq))
    order = _in_order([*trained, *counted])
    return Account(tuple(one for one in order if isinstance(one, Counted)), tuple(trained))


def _in_order(lines: Sequence[Trained | Counted]) -> list[Trained | Counted]:
    """By their events, since a clock may go back and two may say the same; a line without one comes after all whose
    time is no later, and of two such lines training comes first."""

    def place(one: Trained | Counted) -> tuple[int, str, bool]:
        if one.seq:
            return one.seq, "", False
        before = max((known.seq for known in lines if known.seq and known.at <= one.at), default=0)
        return before, one.at, isinstance(one, Counted)

    return sorted(lines, key=place)


def trained(registered: Sequence[Event], holdouts: Collection[str]) -> tuple[Trained, ...]:
    """The candidates that were trained beside one of these holdouts, and so showed their figures on it, from the events
    of kind REGISTERED, oldest first."""
    found = []
    for told in registered:
        lineage = told.body.get("lineage", {})
        if lineage.get("holdout_digest") in holdouts:
            first = lineage.get("hypothesis_id") == BASELINE
            version = told.subject.rpartition("/")[2]
            found.append(Trained(str(told.body.get("digest", "")), told.at, first, version, told.seq))
    return tuple(found)
