"""Write, check and list hypotheses; check also says whether the data could decide the claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import claim_reach, holdout_account, hypotheses, policies, snapshots
from ds_workflow.domain import guardrails
from ds_workflow.domain.holdout_spending import NOTHING
from ds_workflow.domain.hypothesis import OVERALL
from ds_workflow.domain.power import Assumptions, PowerRow, power_of
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.reports import spending, tables
from registry import deciding
from registry.errors import InvalidRecord, NotFound, OutOfCustody

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Checked:
    """What a check found. `power` is empty when the document or the data say too little; `note` then says what."""

    id: str
    complete: bool
    missing: tuple[str, ...]
    power: tuple[PowerRow, ...]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The document of `hypothesis-check --json`."""
        return {
            "id": self.id,
            "complete": self.complete,
            "missing": list(self.missing),
            "power": [row.as_json() for row in self.power],
            "advice": self.advice,
            "note": self.note,
        }

    @property
    def advice(self) -> str:
        """What the first row, the claim's own, says of training for this claim; "" without power."""
        if not self.power:
            return ""
        own = self.power[0]
        where = "the holdout" if own.slice == OVERALL else f"the holdout's rows of {own.slice}"
        if own.enough is None:
            return f"Whether {where} can show the claim can't be told: {own.assumption}."
        supported = f"a true effect of about {own.supported_from or 0.0:.4f}"
        if own.enough:
            return (
                f"Enough: with {where}, a claim behind which there is nothing is refuted in four of five tries. It is "
                f"supported so often from {supported} on, since the arena wants it shown to exceed the claim."
            )
        needed = "more rows" if own.rows_needed is None else f"about {own.rows_needed:,} rows there"
        return (
            f"Not enough: with {where}, even a claim behind which there is nothing probably comes out inconclusive. It "
            f"takes {needed}. To be supported in four of five tries on these, it takes {supported}."
        )

    def text(self) -> str:
        """For the terminal."""
        if not self.complete:
            listed = "\n".join(f"  - {line}" for line in self.missing)
            return f"{self.id} is not complete. Missing:\n{listed}"
        lines = [f"{self.id} is complete: its claim can come out either way."]
        if self.power:
            rows = [
                [
                    row.slice,
                    f"{row.rows:,}",
                    "unknown" if row.detectable is None else f"{row.detectable:.4f}",
                    f"{row.claimed:.4f}",
                    {True: "yes", False: "no", None: "unknown"}[row.enough],
                    "unknown" if row.rows_needed is None else f"{row.rows_needed:,}",
                ]
                for row in self.power
            ]
            head = ["slice", "holdout rows", "detectable", "claimed", "enough", "rows needed"]
            lines += ["", *tables.text_table(head, rows, align="lrrrlr")]
            lines += tables.paragraph(self.advice, width=100)
            lines += [f"Assumed: {self.power[0].assumption}."]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines)


def new(work: Workspace, hypothesis_id: str, *, owner: str, title: str, parent: str) -> Path:
    """Write a new document from the template; an existing one is never overwritten."""
    path: Path = hypotheses.of(work.settings).new(
        hypothesis_id, owner=owner, title=title, problem=work.problem.name, parent=parent
    )
    return path


def check(work: Workspace, hypothesis_id: str, *, dataset_version: str | None) -> Checked:
    """What is missing, and the power on a snapshot (default: the one it plans, else the newest) against the champion,
    when there is one."""
    store = hypotheses.of(work.settings)
    store.adopt(hypothesis_id)
    found = store.check(hypothesis_id)
    if not found.complete or found.hypothesis is None:
        return Checked(found.id, False, tuple(map(str, found.missing)), ())
    claim = found.hypothesis.claim
    problem = work.problem
    if found.hypothesis.problem != problem.name:
        raise InvalidInput(
            f"{found.id} is about {found.hypothesis.problem}, and this call is about {problem.name}.",
            hint=f"Add --problem {found.hypothesis.problem}.",
        )
    try:
        deciding.require_author(work.people, work.known_as(found.hypothesis.owner), ident=found.id)
    except InvalidRecord as error:
        return Checked(found.id, False, (f"owner: {error} {error.hint}",), ())
    known = work.registry.snapshots(problem.name)
    if not known:
        return Checked(found.id, True, (), (), "No snapshot yet, so the power is unknown: run 'data-snapshot'.")
    newest = max(known, key=lambda s: s.created_at).dataset_version
    names = {s.dataset_version for s in known}
    planned = next((v for v in found.hypothesis.plan.dataset_versions if v in names), newest)
    version = dataset_version or planned
    if version not in names:
        raise UnknownName("snapshot", version, (s.dataset_version for s in known))
    frozen = snapshots.SnapshotStore(work.settings.data).load(problem, version)
    holdout = frozen.holdout
    policy = policies.load(work.settings.policy(problem.name), problem)
    rows = {str(name): int(n) for name, n in holdout[problem.segment_column].value_counts().sort_index().items()}
    try:
        standing = claim_reach.standing(work.registry, problem, frozen, claim)
    except (NotFound, OutOfCustody) as error:
        standing = claim_reach.Standing({}, {}, str(error))
    told = holdout_account.read(work.registry, frozen.record.holdout_digest).told(policy.spending)
    said = filter(None, (spending.words(told), spending.scored_words(told), spending.plan_words(told)))
    note = f"On the holdout of snapshot {version}: {' '.join(said)}"
    tests = guardrails.family(found.hypothesis.guardrails, policy)  # Holm is at its strictest for the first of them
    assume = Assumptions(alpha=(told["next"] or NOTHING) / tests)
    note += f" The claim is tested beside its guardrails, one of at most {tests} tests (Holm)."
    if standing.unknown:
        note += f" Whether the claim is within reach is not known: {standing.unknown}."
    if why := standing.why_not(claim, policy):
        return Checked(found.id, False, (f"claim.min_effect: {why}",), (), note)
    power = power_of(
        claim,
        rows=rows,
        champion=standing.values or None,
        levels=standing.levels or None,
        weights=policy.weights,
        assume=assume,
    )
    return Checked(found.id, True, (), power, note)


@dataclass(frozen=True)
class Row:
    """One hypothesis of the list."""

    id: str
    title: str
    change_type: str
    owner: str
    problem: str
    parent: str
    status: str
    outcome: str
    missing: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def listed(work: Workspace, *, write: bool = False) -> list[Row]:
    """All hypotheses of the workspace and those that ship with the checkout; `write` brings the backlog page up to
    date."""
    store = hypotheses.of(work.settings)
    found = store.list()
    if write:
        work.say(f"wrote {store.write_index()}")
    return [Row(**{name: getattr(one, name) for name in Row.__dataclass_fields__}) for one in found]


def table(rows: Sequence[Row]) -> str:
    """For the terminal."""
    if not rows:
        return "No hypotheses yet. Write one: ds-workflow hypothesis-new H-AREA-001 --owner you"
    body = [
        [r.id, r.problem, r.change_type, r.owner, r.parent or "-", r.status, r.outcome or "-", r.title] for r in rows
    ]
    head = ["id", "problem", "change", "owner", "parent", "status", "outcome", "title"]
    return "\n".join(tables.text_table(head, body))
