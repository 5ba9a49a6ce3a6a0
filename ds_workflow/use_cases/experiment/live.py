"""A challenger's A/B test in live traffic as the table of an experiment: what the request log and the labels say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.request_log import RequestLog
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain import traffic
from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, sample_ratio
from ds_workflow.domain.ab_test.forms import Layout, Measure
from ds_workflow.domain.traffic import CHALLENGER, CHAMPION, FALLBACK
from ds_workflow.errors import InvalidInput, StateConflict
from registry.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ds_workflow.workspace import Workspace

LABELLED = frozenset({"loss", "label"})
COLUMNS = ("loss", "answer", "label", "milliseconds")


@dataclass(frozen=True)
class Live:
    """One line per answered row: `arm`, `unit`, `at` and the columns that can be compared. `assigned` counts all units
    of the arms, also those whose labels have not come; `shares` are those that the shares in force should have given.
    `origin` names the rows for a record."""

    table: pd.DataFrame
    assigned: Mapping[str, int]
    shares: tuple[float, ...]
    origin: Mapping[str, Any]
    warnings: tuple[str, ...]

    @property
    def layout(self) -> Layout:
        """Champion against challenger, by the unit that was hashed."""
        return Layout("arm", CHAMPION, unit="unit", shares=self.shares)


def read(work: Workspace, ident: str, measures: Sequence[Measure]) -> Live:
    """The rows of a trial (`newest` for the problem's newest) that `measures` can be taken of.

    What the champion answered in the challenger's place counts as the challenger's: arms are compared as they were
    assigned. Raises StateConflict for a trial in shadow, whose arms answered the same requests, and InvalidInput for a
    column that there is not or a trial without answers.
    """
    import pandas as pd

    wanted = [c for m in measures for c in (m.outcome, m.denominator, m.covariate) if c]
    unknown = [c for c in wanted if c not in COLUMNS]
    if unknown:
        raise InvalidInput(f"The request log has no column {', '.join(unknown)}.", hint=f"It has {', '.join(COLUMNS)}.")
    trials = Trials(work.settings.store)
    listed = trials.listed(work.problem.name)
    if not listed:
        raise StateConflict(f"{work.problem.name} had no trial in traffic.", hint="Start one: traffic-start.")
    trial = listed[-1] if ident == "newest" else trials.find(ident)
    if trial.mode != "ab":
        raise StateConflict(
            f"{trial.id} ran in shadow: both arms answered the same requests, so nothing was split.",
            hint="Run 'traffic-result', which compares them in pairs.",
        )
    log = RequestLog(work.settings.store, clock=work.clock)
    columns = ["arm", "unit", "request", "row", "answer", "milliseconds", "at", "label"]
    rows = pd.DataFrame(list(log.trial_rows(trial.id)), columns=columns)
    if rows.empty:
        raise InvalidInput(f"{trial.id} has no answers yet.", hint="Wait for requests.")
    rows = rows.astype({"label": "float64", "answer": "float64", "milliseconds": "float64"})
    rows = rows.assign(
        arm=rows["arm"].replace({FALLBACK: CHALLENGER}),
        loss=traffic.losses(work.problem.task, rows["answer"], rows["label"]),
    )
    first = rows.groupby(["arm", "unit"])["at"].min()
    seen = {arm: [str(at) for at in first[arm]] if arm in first else [] for arm in (CHAMPION, CHALLENGER)}
    expected = traffic.expected_units(trials.shares(trial.id), seen)
    table = rows.dropna(subset=sorted(LABELLED & set(wanted))) if LABELLED & set(wanted) else rows
    assigned = {arm: len(times) for arm, times in seen.items()}
    origin = {"trial": trial.id, "digest": digest_of(rows.to_csv(index=False)), "rows": len(rows)}
    return Live(table, assigned, tuple(expected.values()), origin, _unlabelled(rows, table, assigned))


def measured(measures: Sequence[Measure]) -> list[Measure]:
    """The measures as the log has them: less loss and less time are better."""
    return [replace(m, greater_is_better=False) if m.outcome in {"loss", "milliseconds"} else m for m in measures]


def _unlabelled(rows: pd.DataFrame, table: pd.DataFrame, assigned: Mapping[str, int]) -> tuple[str, ...]:
    """What the labels that have not come may do to the answer."""
    lost = len(rows) - len(table)
    if not lost:
        return ()
    said = [f"{lost:,} of {len(rows):,} answers have no label yet and are left out."]
    there = [int(table[table["arm"] == arm]["unit"].nunique()) for arm in assigned]
    if sum(there) and min(assigned.values()) > 0:
        p = sample_ratio(there, list(assigned.values()))
        if p < CALLED_OFF:
            said.append(
                f"Labels came for one arm rather than the other (p = {p:.2g}): what is known is no fair sample."
            )
    return tuple(said)
