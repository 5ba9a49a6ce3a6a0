"""Trying a fitted model on requests that go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ds_workflow.adapters import models
from ds_workflow.domain import stress
from ds_workflow.domain.metrics import Floats, Scored, metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.stress import Strain, Stress, StressReport
from ds_workflow.errors import InvalidInput


def probe(
    model: Pipeline,
    problem: Problem,
    holdout: pd.DataFrame,
    scored: Scored,
    *,
    known: Floats,
    metric_name: str,
    unit: str,
    seed: int,
) -> StressReport:
    """Ask a model every stress that the problem's declaration gives a meaning.

    `scored` are its answers on `holdout`, row by row; `known` are outcomes known at training, shape (n,), by which an
    answer is sane. All stressed rows are made into features in one go; only when that fails, one stress at a time.
    """
    chosen = stress.sample(problem, scored.truth, seed=seed)
    rows = holdout.iloc[chosen].reset_index(drop=True)
    asked = stress.requests(problem, rows)
    found = list(stress.stresses(problem, asked, seed=seed))
    within = stress.sane_range(problem, known)
    seasonal, why = stress.seasons(scored, metric_name, unit=unit, seed=seed)
    absent = stress.not_applicable(problem) | ({"season": why} if why else {})
    try:
        base = models.score(model, problem, rows, features=model["features"].transform(asked))
        base_figure = None if metric(metric_name).absent(base) else metric(metric_name)(base)
    except Exception as error:  # whatever a stored model raises on a request is the finding
        broken = f"It answers no request: {type(error).__name__}: {str(error)[:200]}"
        return StressReport(metric_name, unit, len(rows), None, (), absent, broken)
    on = _On(model, problem, rows, base, within, metric_name, unit, seed)
    strains = [on.strain(one, table) for one, table in zip(found, _tables(model, found), strict=True)]
    return StressReport(metric_name, unit, len(rows), base_figure, (*strains, *seasonal), absent)


def _tables(model: Pipeline, found: Sequence[Stress]) -> list[pd.DataFrame | None]:
    """The feature table of every stress, or None for all when making them together failed."""
    if not found:
        return []
    try:
        whole = model["features"].transform(pd.concat([one.rows for one in found], ignore_index=True))
    except Exception:  # which of them it was is found out one at a time
        return [None] * len(found)
    ends = np.cumsum([0, *(len(one.rows) for one in found)])
    return [whole.iloc[first:last].reset_index(drop=True) for first, last in pairwise(ends)]


@dataclass(frozen=True)
class _On:
    """A model and the rows it is tried on: its answers there without stress, and how they are measured."""

    model: Pipeline
    problem: Problem
    rows: pd.DataFrame
    base: Scored
    within: tuple[float, float]
    metric: str
    unit: str
    seed: int

    def strain(self, one: Stress, table: pd.DataFrame | None) -> Strain:
        """What one stress does; `table` holds its features, or None to make them now."""
        n = len(one.rows)
        try:
            features = self.model["features"].transform(one.rows) if table is None else table
            under = models.score(self.model, self.problem, self.rows.head(n), features=features)
        except InvalidInput as error:
            said = str(error)[:200]
            if one.refusable:
                return Strain(one.kind, one.name, n, False, note=f"refused: {said}")
            return Strain(one.kind, one.name, n, one.limited, f"it refuses what the contract allows: {said}")
        except Exception as error:  # whatever it raises is the finding
            return Strain(one.kind, one.name, n, one.limited, f"it raises {type(error).__name__}: {str(error)[:200]}")
        bad = stress.wrong(under.prediction, n, self.within)
        if bad:
            return Strain(one.kind, one.name, n, one.limited, bad)
        return stress.strain(one, self.base, under, metric(self.metric), unit=self.unit, seed=self.seed)
