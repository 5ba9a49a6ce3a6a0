"""An experiment as sums per arm, the way a warehouse adds them up: no row of a unit leaves it.

One row per arm, metric and segment, over randomised units: `arm`, `metric`, `n` units, `sum` and `sum_sq` of the
unit's value. A share needs no `sum_sq` (its values are 0 and 1). A ratio, a mean over events or a metric with a
covariate also has `sum_x`, `sum_xx` and `sum_xy` of the unit's second value: its denominator, its number of events, or
what was known before. `form` says which of them it is: proportion, mean, ratio, clusters, covariate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from ds_workflow.domain.ab_test.analysis import OVERALL, Analysis, Place, arms_of, conclude
from ds_workflow.domain.ab_test.forms import FORMS, Form, Layout, Measure, Sample
from ds_workflow.domain.ab_test.samples import Mean, Pair, Proportion
from ds_workflow.errors import InvalidInput

NEEDED = ("arm", "metric", "form", "n", "sum")
PAIRED = ("sum_sq", "sum_x", "sum_xx", "sum_xy")


def analyse_sums(
    table: pd.DataFrame,
    measures: Sequence[Measure],
    *,
    control: str,
    shares: tuple[float, ...] = (),
    level: float = 0.95,
    correction: str = "holm",
) -> Analysis:
    """The analysis of a table of sums; `measures` name its metrics, the first of which decides.

    Raises InvalidInput for a column, a metric or a figure that is missing, a metric of two forms, sums that no values
    could have, and arms of which metrics count different units (the split is checked on the deciding metric's).
    """
    rows = _checked(table)
    layout = Layout("arm", control, shares=shares)
    arms = arms_of(set(rows["arm"]), layout)
    known = sorted(set(rows["metric"]))
    lost = [m.outcome for m in measures if m.outcome not in known]
    if lost:
        raise InvalidInput(f"The sums hold no metric {', '.join(lost)}.", hint=f"They hold {', '.join(known)}.")
    places = [OVERALL, *sorted(set(rows["segment"]) - {OVERALL})]
    found: dict[tuple[str, str, str], tuple[Form, Sample]] = {}
    for record in rows.to_dict("records"):
        key = (str(record["metric"]), str(record["segment"]), str(record["arm"]))
        if key in found:
            raise InvalidInput(f"The sums of {', '.join(key)} are given twice.", hint="One row per arm and metric.")
        if record["n"] >= 2:
            found[key] = _sample({str(k): v for k, v in record.items()})
    samples: dict[Place, tuple[Form, Sample, Sample]] = {}
    for k, measure in enumerate(measures):
        for place in places if not measure.guardrail else [OVERALL]:
            for arm in arms[1:]:
                sides = [found.get((measure.outcome, place, a)) for a in (control, arm)]
                if all(sides):
                    (form, before), (other, after) = cast("list[tuple[Form, Sample]]", sides)
                    if form != other:
                        raise InvalidInput(f"{measure.outcome} is a {form} in one arm and a {other} in another.")
                    samples[k, place, arm] = (form, before, after)
    first = measures[0].outcome
    units = {arm: _count(rows, first, arm) for arm in arms}
    return conclude(
        samples, measures, units, shares=shares, segments=len(places) - 1, level=level, correction=correction
    )


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    lost = [c for c in NEEDED if c not in table.columns]
    if lost:
        raise InvalidInput(
            f"The sums miss the column {', '.join(lost)}.",
            hint=f"Needed: {', '.join(NEEDED)}; where the form asks for it {', '.join(PAIRED)}; optional: segment.",
        )
    rows = table.assign(
        arm=table["arm"].astype(str),
        metric=table["metric"].astype(str),
        segment=table["segment"].fillna(OVERALL).astype(str) if "segment" in table else OVERALL,
    )
    for name in ("n", "sum", *(c for c in PAIRED if c in rows)):
        if not pd.api.types.is_numeric_dtype(rows[name]) or np.isinf(rows[name].to_numpy(float)).any():
            raise InvalidInput(f"Column '{name}' of the sums must hold finite numbers.")
    if rows[["n", "sum"]].isna().any(axis=None) or (rows["n"] < 0).any() or (rows["n"] % 1 != 0).any():
        raise InvalidInput("Every row of sums needs n, a whole number of units, and their sum.")
    return rows


def _sample(row: Mapping[str, Any]) -> tuple[Form, Sample]:
    form, n, where = str(row["form"]), int(row["n"]), f"{row['metric']}, {row['arm']}"
    if form not in FORMS:
        raise InvalidInput(f"There is no form '{form}' ({where}).", hint=f"One of {', '.join(FORMS)}.")
    if form == "proportion":
        if row["sum"] % 1 != 0:
            raise InvalidInput(f"A share counts whole successes, and {where} has {row['sum']:g}.")
        return "proportion", Proportion(n, int(row["sum"]))
    needed = ("sum_sq",) if form == "mean" else PAIRED
    lost = [c for c in needed if c not in row or pd.isna(row[c])]
    if lost:
        raise InvalidInput(f"The sums of {where} miss {', '.join(lost)}.", hint=f"A {form} needs {', '.join(needed)}.")
    if form == "mean":
        return "mean", Mean.of_sums(n, float(row["sum"]), _square(n, row["sum"], row["sum_sq"], where))
    y, x = float(row["sum"]), float(row["sum_x"])
    yy, xx = (_square(n, s, q, where) for s, q in ((y, row["sum_sq"]), (x, row["sum_xx"])))
    return cast("Form", form), Pair.of_sums(n, y=y, x=x, yy=yy, xx=xx, xy=float(row["sum_xy"]))


def _square(n: int, total: float, squares: float, where: str) -> float:
    """The sum of squares, if values of that count and sum can have it (Cauchy and Schwarz, with room for rounding)."""
    least = total * total / n
    if squares < least * (1 - 1e-9) - 1e-12:
        raise InvalidInput(
            f"No {n:,} values add up to {total:g} with squares that add up to {squares:g} ({where}).",
            hint="sum_sq is the sum over units of the unit's value squared.",
        )
    return max(float(squares), least)


def _count(rows: pd.DataFrame, metric: str, arm: str) -> int:
    mine = rows[(rows["metric"] == metric) & (rows["arm"] == arm) & (rows["segment"] == OVERALL)]
    return int(mine["n"].sum())
