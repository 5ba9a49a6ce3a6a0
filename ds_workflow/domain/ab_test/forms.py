"""Which test answers for which statistics: one arm's sample has a form, and the form names the test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ds_workflow.domain.ab_test import contrasts
from ds_workflow.domain.ab_test.contrasts import Contrast
from ds_workflow.domain.ab_test.samples import Mean, Pair, Proportion
from ds_workflow.errors import InvalidInput

Kind = Literal["auto", "proportion", "mean", "ratio"]
Form = Literal["proportion", "mean", "ratio", "clusters", "covariate"]
Sample = Proportion | Mean | Pair
FORMS: Mapping[Form, type[Any]] = {
    "proportion": Proportion, "mean": Mean, "ratio": Pair, "clusters": Pair, "covariate": Pair,
}  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """One metric of an experiment. `denominator` makes it a ratio of sums; `covariate` (known before the experiment)
    adjusts a mean. `practical` is the least difference worth having, in the metric's unit; for a guardrail the most
    that may be lost."""

    outcome: str
    kind: Kind = "auto"
    denominator: str = ""
    covariate: str = ""
    greater_is_better: bool = True
    practical: float = 0.0
    guardrail: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.practical) and self.practical >= 0):
            what = "margin of a guardrail" if self.guardrail else "difference worth having"
            raise InvalidInput(
                f"The {what} is 0 or more, not {self.practical:g} ({self.outcome}).",
                hint="Its direction is said by --lower-is-better, or by ':lower' of a guardrail.",
            )

    @property
    def name(self) -> str:
        """outcome, or outcome over denominator."""
        return f"{self.outcome} / {self.denominator}" if self.denominator else self.outcome


@dataclass(frozen=True)
class Layout:
    """Which column says what. `unit` is the randomised unit (empty: every row is one); `shares` are the planned shares
    of the arms in the order control, then the others by name (empty: equal)."""

    arm: str
    control: str
    unit: str = ""
    segment: str = ""
    shares: tuple[float, ...] = ()


def form_of(measure: Measure, *, events: bool, shares: bool) -> Form:
    """The form of a metric's samples. `events`: a unit has several rows in an arm; `shares`: every value is 0 or 1.

    Raises InvalidInput for a share that holds other values.
    """
    if measure.denominator:
        return "ratio"
    if measure.covariate:
        return "covariate"
    if events:
        return "clusters"
    if measure.kind == "proportion" and not shares:
        raise InvalidInput(
            f"Column '{measure.outcome}' is no share: it holds more than 0 and 1.", hint="Choose 'mean'."
        )
    return "proportion" if shares and measure.kind != "mean" else "mean"


def sample_of(rows: pd.DataFrame, measure: Measure, layout: Layout, form: Form, *, events: bool) -> Sample:
    """One arm's rows as the statistics of `form`; rows of one unit are added up to it first (averaged for a
    covariate)."""
    values = rows[measure.outcome].to_numpy(dtype=np.float64)
    if form == "proportion":
        return Proportion(len(values), int(values.sum()))
    if form == "mean":
        return Mean.of(values)
    if form == "clusters":
        return Pair.of_clusters(values, rows[layout.unit].to_numpy())
    beside = measure.denominator or measure.covariate
    if not events:
        return Pair.of(values, rows[beside].to_numpy(float))
    grouped = rows.groupby(layout.unit, observed=True)[[measure.outcome, beside]]
    table = grouped.sum() if form == "ratio" else grouped.mean()
    return Pair.of(table[measure.outcome].to_numpy(float), table[beside].to_numpy(float))


def tested(form: Form, control: Sample, treatment: Sample, *, level: float) -> Contrast | None:
    """The contrast of two samples of a form; None where neither arm varies (a segment in which nothing happened).

    Raises InvalidInput for samples of another form.
    """
    if not (isinstance(control, FORMS[form]) and isinstance(treatment, FORMS[form])):
        raise InvalidInput(f"These statistics are not those of a {form}.", hint="Both arms need the same form.")
    test: Any = {
        "proportion": contrasts.two_proportions,
        "mean": contrasts.welch,
        "ratio": contrasts.ratios,
        "clusters": contrasts.clustered,
        "covariate": contrasts.cuped,
    }[form]
    try:
        found: Contrast = test(control, treatment, level=level)
    except InvalidInput as error:
        if "Neither arm varies" in str(error) and form in {"mean", "clusters"}:
            return None
        raise
    return found
