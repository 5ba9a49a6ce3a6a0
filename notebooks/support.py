"""What the notebooks share: rows, two fitted models beside the naive baseline, tables and pictures.

Each notebook is a script (`<problem>.py`, jupytext's percent format); `python notebooks/make.py` runs them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML, SVG, Markdown, display

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ds_workflow import plugins
from ds_workflow.adapters import fitting
from ds_workflow.domain import calibration
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scorecard import rows_of, scorecard, with_intervals
from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.reports import calibration as calibration_words
from ds_workflow.reports.charts import Bar, BarGroup, grouped_bars, horizontal_bars, reliability_curve
from ds_workflow.reports.run_card import interval_text, metric_text
from ds_workflow.reports.tables import metric_title, metric_unit

ROWS_VARIABLE = "DS_WORKFLOW_NOTEBOOK_ROWS"  # fewer rows than the script asks for, for a quick run
FEW = 30  # rows below which a group's figure is not shown


def silent(_: str) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Lab:
    """Simulated rows of one problem, cleaned and split as the problem declares."""

    plugin: ModuleType
    asked: int
    seed: int
    raw: pd.DataFrame
    rows: pd.DataFrame
    train: pd.DataFrame
    holdout: pd.DataFrame
    dropped: Mapping[str, int]

    @property
    def problem(self) -> Problem:
        """The declaration."""
        declared: Problem = self.plugin.PROBLEM
        return declared

    @cached_property
    def naive(self) -> Scored:
        """The naive baseline's answers on the holdout."""
        return fitting.naive(self.plugin, self.train, self.holdout)

    def fit(self, feature_set_version: str, strategy: str, **options: Any) -> fitting.Fitted:
        """A model fitted on the training rows, with its answers on the holdout."""
        recipe = fitting.Recipe(feature_set_version, strategy, StrategyOptions(seed=self.seed, **options))
        fitting.check(self.problem, recipe)
        return fitting.fit(self.plugin, recipe, rows=self.rows, train=self.train, holdout=self.holdout, say=silent)


def open_lab(name: str, *, rows: int, least: int = 0, seed: int = 42) -> Lab:
    """Rows of the problem's simulator; DS_WORKFLOW_NOTEBOOK_ROWS may ask for fewer, down to `least`."""
    plugin = plugins.load("problems", name)
    problem: Problem = plugin.PROBLEM
    asked = min(rows, max(least, int(os.environ.get(ROWS_VARIABLE) or rows)))
    raw = plugin.simulate(rows=asked, seed=seed)
    cleaned, dropped = plugin.clean(raw)
    frame = conform(problem, cleaned)
    held = holdout_mask(problem, frame)
    lab = Lab(plugin, asked, seed, raw, frame, frame[~held].reset_index(drop=True),
              frame[held].reset_index(drop=True), dropped)  # fmt: skip
    lost = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "none"
    show(
        f"**Simulated** rows, seed {seed}: {len(raw):,} raw, {len(frame):,} cleaned (dropped: {lost}); "
        f"{len(lab.train):,} to train on, {len(lab.holdout):,} held out. Real rows: {problem.source}."
    )
    return lab


def show(what: pd.DataFrame | str, *, index: bool = True) -> None:
    """A table, an SVG picture or Markdown."""
    if isinstance(what, pd.DataFrame):
        numbers = what.select_dtypes("float")
        whole = [name for name in numbers if (numbers[name].dropna() % 1 == 0).all()]
        what = what.astype(dict.fromkeys(whole, "Int64"))
        display(HTML(what.to_html(index=index, float_format=_figure, border=0, na_rep="")))
    elif what.lstrip().startswith("<svg"):
        display(SVG(what))
    else:
        display(Markdown(what))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3f}"


def missing(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns that are not always there, and how often not."""
    shares = rows.isna().mean()
    shares = shares[shares > 0].sort_values(ascending=False)
    return pd.DataFrame({"missing": shares.map("{:.1%}".format)})


def by(rows: pd.DataFrame, column: str, target: str, *, how: str = "mean", least: int = FEW) -> pd.DataFrame:
    """Rows and a figure of the target by the values of a column; groups below `least` rows are left out."""
    found = rows.groupby(column, observed=True)[target].agg(rows="size", **{how: how})
    return found[found["rows"] >= least]


def bars(values: Mapping[str, float] | pd.Series[Any], title: str, *, unit: str = "", caption: str = "") -> None:
    """Named bars, the longest first."""
    show(f"**{title}**")
    show(horizontal_bars({str(k): float(v) for k, v in dict(values).items()}, title=title, unit=unit, caption=caption))


def compare(lab: Lab, models: Mapping[str, Scored], names: list[str] | None = None) -> pd.DataFrame:
    """Each model's figures on the holdout, with 95 % cluster-bootstrap intervals."""
    table: dict[str, dict[str, str]] = {}
    for model, scored in models.items():
        chosen = [n for n in names or lab.problem.metrics if not metric(n).absent(scored)]
        card = scorecard(chosen, scored)
        ends = with_intervals(card, scored, primary=chosen[0], seed=lab.seed).intervals
        table[model] = {}
        for n, value in card.overall.items():
            interval = interval_text(n, ends.overall.get(n) if ends else None).removesuffix(" %")
            table[model][n] = f"{metric_text(n, value)} {interval}"
    found = pd.DataFrame(table)
    return found.set_axis([f"{metric_title(n)} ({n})" for n in found.index]).fillna("not measured")


def grouped(scored: Scored, name: str, labels: Any) -> Scored:
    """The same answers, grouped by one thing more: `labels` (n,)."""
    return replace(scored, groups={**scored.groups, name: np.asarray(labels, dtype=object).astype(str).astype(object)})


def by_group(name: str, group: str, models: Mapping[str, Scored], *, least: int = FEW) -> pd.DataFrame:
    """One metric of each model by the values of a group that the scored rows carry."""
    m: Metric = metric(name)
    first = next(iter(models.values()))
    table: dict[str, dict[str, float]] = {}
    for value in sorted({str(v) for v in first.groups[group]}):
        parts = {model: scored.take(rows_of(scored, group, value)) for model, scored in models.items()}
        rows = len(next(iter(parts.values())))
        if rows >= least and not any(m.absent(part) for part in parts.values()):
            table[value] = {"rows": rows, **{model: m(part) for model, part in parts.items()}}
    return pd.DataFrame(table).T.astype({"rows": int})


def group_bars(name: str, group: str, models: Mapping[str, Scored], title: str, *, least: int = FEW) -> None:
    """The same as a picture, for two models."""
    table = by_group(name, group, models, least=least)
    groups = [
        BarGroup(str(value), tuple(Bar(float(row[model])) for model in models), f"{int(row['rows']):,} rows")
        for value, row in table.iterrows()
    ]
    show(f"**{title}**")
    show(grouped_bars(groups, title=title, unit=metric_unit(name), labels=tuple(models)))


def reliability(lab: Lab, scored: Scored, name: str) -> None:
    """Said against seen, in bins of equal information, with the verdict in words."""
    found = calibration.calibration(scored, seed=lab.seed)
    points = [(b.predicted, b.observed, b.rows) for b in found.bins]
    show(f"**{name}: probabilities said, and shares seen**")
    show(reliability_curve(points, title=f"{name}: said and seen"))
    show(f"{name}: {calibration_words.verdict(found)}")


def slice_errors(rows: pd.DataFrame, error: np.ndarray[Any, Any], columns: Mapping[str, Callable[[pd.DataFrame], Any]],
                 *, least: int = FEW) -> pd.DataFrame:  # fmt: skip
    """Where an error per row is largest: the mean by every value of every column, the worst ten first."""
    found = []
    for name, of in columns.items():
        values = pd.Series(np.asarray(of(rows)), index=rows.index).astype(str)
        table = pd.Series(error, index=rows.index).groupby(values).agg(["size", "mean"])
        found += [(f"{name}: {value}", int(n), mean) for value, (n, mean) in table.iterrows() if n >= least]
    worst = sorted(found, key=lambda one: -one[2])[:10]
    return pd.DataFrame(worst, columns=["where", "rows", "mean error"]).set_index("where")
