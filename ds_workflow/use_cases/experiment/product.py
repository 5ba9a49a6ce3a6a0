"""Product metrics of the telemetry warehouse as an experiment: sums per arm leave it, no event does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.telemetry import warehouse
from ds_workflow.adapters.telemetry.experiment import arm_moments, arm_sql
from ds_workflow.domain.ab_test.analysis import OVERALL, Analysis, Place, arms_of, conclude
from ds_workflow.domain.ab_test.forms import Form, Layout, Measure, Sample
from ds_workflow.domain.product_metrics import product_metric
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.schema import LANGUAGES, SEGMENTS
from ds_workflow.errors import InvalidInput, UnknownName

__all__ = ["Filters", "Question", "analyse", "measure", "measures_of"]

if TYPE_CHECKING:
    from ds_workflow.domain.telemetry.moments import ArmsOf
    from ds_workflow.workspace import Workspace

PLACES: Mapping[str, Sequence[str]] = {"language": tuple(LANGUAGES), "segment": tuple(SEGMENTS)}


@dataclass(frozen=True)
class Question:
    """What is compared: the arms of column `arm` against `control`, in the part of the log that `filters` leave;
    `segment` is empty, `language` or `segment` (of developers)."""

    arm: str
    control: str
    segment: str = ""
    shares: tuple[float, ...] = ()
    filters: Filters = Filters()  # noqa: RUF009 - frozen


def measure(name: str, *, practical: float | None = None, guardrail: bool = False) -> Measure:
    """A product metric as a measure: its direction, and as a guardrail its own margin unless another is given."""
    found = product_metric(name)
    margin = practical if practical is not None else (found.margin or 0.0) if guardrail else 0.0
    if guardrail and margin <= 0:
        raise InvalidInput(f"'{name}' has no margin of its own.", hint=f"Give one: {name}:MARGIN.")
    return Measure(
        found.name, kind="ratio", greater_is_better=found.greater_is_better, practical=margin, guardrail=guardrail
    )


def analyse(
    work: Workspace, asked: Question, measures: Sequence[Measure], *, level: float, correction: str
) -> tuple[Analysis, dict[str, Any], str]:
    """The analysis, what names its rows, and the SQL that added them up. Units are developers; one seen in two arms is
    left out and counted.

    Raises UnknownName and InvalidInput as the warehouse does.
    """
    if asked.segment and asked.segment not in PLACES:
        raise UnknownName("segment of the telemetry", asked.segment[:60], PLACES)
    source = warehouse.of(work.settings.data)
    overall = {m.outcome: arm_moments(source, m.outcome, arm=asked.arm, filters=asked.filters) for m in measures}
    first = overall[measures[0].outcome]
    arms = arms_of(set(first.arms), Layout(asked.arm, asked.control))
    samples: dict[Place, tuple[Form, Sample, Sample]] = {}
    for k, m in enumerate(measures):
        _pairs(samples, overall[m.outcome], arms, k=k, place=OVERALL)
        for value in PLACES[asked.segment] if asked.segment and not m.guardrail else ():
            part = Filters(**{**_kept(asked.filters), asked.segment: value})
            try:
                found = arm_moments(source, m.outcome, arm=asked.arm, filters=part)
            except InvalidInput:  # nobody was seen there in one arm alone
                continue
            _pairs(samples, found, arms, k=k, place=value)
    units = {arm: first.arms[arm].n for arm in arms}
    made = conclude(
        samples,
        measures,
        units,
        shares=asked.shares,
        mixed=first.mixed,
        segments=len(PLACES[asked.segment]) if asked.segment else 0,
        level=level,
        correction=correction,
    )
    origin = {"telemetry": "warehouse", "digest": source.state, "filters": asked.filters.to_dict()}
    statements = [
        f"-- {m.outcome}, {asked.filters.words}\n{arm_sql(m.outcome, arm=asked.arm).strip()};\n" for m in measures
    ]
    return made, origin, "\n".join(statements)


def _pairs(
    samples: dict[Place, tuple[Form, Sample, Sample]], found: ArmsOf, arms: Sequence[str], *, k: int, place: str
) -> None:
    there = {arm: found.arms[arm] for arm in arms if arm in found.arms and found.arms[arm].n >= 2}
    for arm in arms[1:]:
        if arms[0] in there and arm in there:
            samples[k, place, arm] = ("ratio", there[arms[0]].pair, there[arm].pair)


def _kept(filters: Filters) -> dict[str, Any]:
    return {name: getattr(filters, name) for name in ("first", "last", "language", "segment", "version")}


def measures_of(outcome: str, metrics: Sequence[str], guardrails: Sequence[str], *, practical: float) -> list[Measure]:
    """The deciding metric, further ones, and guardrails written NAME or NAME:MARGIN."""
    made = [measure(outcome, practical=practical), *(measure(name) for name in metrics)]
    for text in guardrails:
        name, _, margin = text.partition(":")
        try:
            made.append(measure(name, practical=float(margin) if margin else None, guardrail=True))
        except ValueError as error:
            if isinstance(error, InvalidInput | UnknownName):
                raise
            raise InvalidInput(f"'{text}' is no guardrail.", hint="METRIC, or METRIC:MARGIN.") from error
    return made
