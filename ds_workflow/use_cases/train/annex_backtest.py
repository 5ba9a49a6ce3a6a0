"""How the model would have forecast the weeks before the holdout, and what chance leaves of its errors."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ds_workflow.adapters import backtesting, run_files
from ds_workflow.domain import backtest, forecasting
from ds_workflow.domain.metrics import metric
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import backtest as report
from ds_workflow.reports.annex import Annex
from ds_workflow.reports.run_card import SLIM, WIDE

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run

TITLE = "Rolling-origin backtest"
FILE = "backtest.json"
FIGURES = ("wape", "mase", "mape_busy", "coverage_80", "coverage_95")
CUTS = (0.0, 1.0, 5.0, 10.0, 20.0, 30.0, 100.0, 1_000.0)


def annex(run: Run) -> Annex | None:
    """The backtest on the training rows and the holdout by volume, of every forecast."""
    problem = run.problem
    if problem.series is None:
        return None
    try:
        rolled = backtesting.rolling(run.model, problem, run.train, run.features)
    except InvalidInput as error:  # a short period leaves no fold: said, and the run goes on
        return Annex(TITLE, f"Not made: {error}")
    naive, model = (
        backtest.table(FIGURES, [(r.fold.origin, getattr(r, side)) for r in rolled]) for side in ("naive", "model")
    )
    stick = forecasting.yardstick(
        problem.series, run.train, run.holdout, time_column=problem.time_column, target=problem.target
    )
    volumes = forecasting.by_volume(run.scored, stick.usual, cuts=CUTS)
    sums = forecasting.totals(run.scored, problem.series.moment(run.holdout, problem.time_column))
    together = {name: metric(figure)(sums) for name, figure in (("WAPE", "wape"), ("MAPE", "mape_busy"))}
    content = {
        "horizon_days": backtest.HORIZON_DAYS,
        "naive": [asdict(line) for line in naive],
        "model": [asdict(line) for line in model],
        "by_volume": [asdict(v) | {"high": min(v.high, 1e12)} for v in volumes],
        "together": together,
    }
    title = f"{metric(FIGURES[0]).title}, by origin"
    wide, slim = (report.chart(naive, model, metric=FIGURES[0], title=title, width=w) for w in (WIDE, SLIM))
    text = report.section(
        naive, model, metrics=FIGURES, horizon=backtest.HORIZON_DAYS, volumes=volumes, together=together
    )
    return Annex(TITLE, text, {FILE: run_files.json_text(content)}, ((title, wide, slim),))
