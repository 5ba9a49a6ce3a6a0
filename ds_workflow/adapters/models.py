"""Fitted models on disk and in memory, never by pickle.

A model is a scikit-learn Pipeline of two steps: `features` (the problem's as-of featurizer) and `model` (the
strategy's estimator). It is read back with skops, which refuses every type that is not on the list below.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ds_workflow import plugins
from ds_workflow.domain import classification, forecasting
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scored import OPTIONAL
from ds_workflow.errors import InvalidInput

INTERVAL_COVERAGE = 0.8


def trusted_types() -> tuple[str, ...]:
    """Types beyond numpy, scipy and scikit-learn that a stored model may contain.

    Each plug-in lists its own classes under `TRUSTED_TYPES`; the booster's class is added here.
    """
    own = ["xgboost.core.Booster", "xgboost.sklearn.XGBRegressor", "xgboost.sklearn.XGBClassifier"]
    for group in plugins.GROUPS:
        for name in plugins.names(group):
            own.extend(getattr(plugins.load(group, name), "TRUSTED_TYPES", ()))
    return tuple(sorted(set(own)))


def assemble(featurizer: Any, estimator: Any) -> Pipeline:
    """The unfitted model of a featurizer and a strategy's estimator."""
    return Pipeline([("features", featurizer), ("model", estimator)])


def write(path: Path, fitted: Any) -> None:
    """Store a fitted model, or one step of it, as a skops file."""
    from skops import io

    io.dump(fitted, path)


def read_file(path: Path) -> Any:
    """What `write` stored. InvalidInput when the file is gone or damaged, or holds a type that is not trusted."""
    from zipfile import BadZipFile

    from skops import io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return io.load(path, trusted=list(trusted_types()))
    except UntrustedTypesFoundException as error:
        raise InvalidInput(
            f"The model in {path.parent} contains types that are not trusted, so it is not loaded: {error}",
            hint="Train it again with this checkout, or add the type to the plug-in's TRUSTED_TYPES after review.",
        ) from error
    except (OSError, BadZipFile) as error:
        raise InvalidInput(f"The model {path} can't be read: {error}", hint="Train it again.") from error


def read(folder: Path) -> Pipeline:
    """The fitted model in a model folder whose digest the caller has verified.

    Raises InvalidInput when the folder holds no readable model or a type that is not trusted.
    """
    found = sorted(folder.glob("*.skops"))
    if len(found) != 1:
        raise InvalidInput(f"Expected one .skops file in {folder}, found {len(found)}.")
    model = read_file(found[0])
    if not isinstance(model, Pipeline) or [name for name, _ in model.steps] != ["features", "model"]:
        raise InvalidInput(f"The model in {folder} is not a pipeline of 'features' and 'model'.")
    return model


def with_history(model: Pipeline, rows: pd.DataFrame, truth: np.ndarray[Any, Any]) -> Pipeline:
    """The model with its as-of history replaced by `rows` and their outcomes.

    Leak-free by the as-of rule: a row sees only history strictly before its own date, whatever else is stored. A model
    whose features know no history is returned as it is.
    """
    if not hasattr(model["features"], "with_history"):
        return model
    return Pipeline([("features", model["features"].with_history(rows, truth)), ("model", model["model"])])


def score(
    model: Pipeline,
    problem: Problem,
    rows: pd.DataFrame,
    *,
    features: pd.DataFrame | None = None,
    past: pd.DataFrame | None = None,
) -> Scored:
    """The model's answers on rows whose truth is known, with the groups that reports and gates slice by.

    An estimator's `predict` answers in the target's unit, or with the probability of class 1; one that has no
    `predict_interval` gives no intervals. `features` may hold the already computed feature table of the same rows,
    `past` the training rows, by which forecasts are judged.
    """
    frame = model["features"].transform(rows) if features is None else features
    estimator = model["model"]
    prediction = np.asarray(estimator.predict(frame), dtype=np.float64)
    ends: dict[str, Any] = {}
    if hasattr(estimator, "predict_interval"):
        ends["lower"], ends["upper"] = estimator.predict_interval(frame, coverage=INTERVAL_COVERAGE, answers=prediction)
        if problem.series is not None:
            ends["lower95"], ends["upper95"] = estimator.predict_interval(
                frame, coverage=forecasting.WIDE_COVERAGE, answers=prediction
            )
    return replace(unanswered(problem, rows, past=past), prediction=prediction, **ends)


def unanswered(problem: Problem, rows: pd.DataFrame, *, past: pd.DataFrame | None = None) -> Scored:
    """The rows with their truth and groups, and NaN where a model's answer belongs; see `score` for `past`."""
    groups = {"segment": problem.segment_column, "cluster": problem.cluster_column}
    groups |= {name: name for name in (*problem.slices, *problem.fairness_columns, *problem.sensitive)}
    if problem.task == "binary" and problem.groups:
        groups[classification.GROUP] = problem.groups[0]
    labels = {name: rows[column].astype(str).to_numpy(dtype=object) for name, column in groups.items()}
    scale = None
    if problem.series is not None and past is not None:
        stick = forecasting.yardstick(
            problem.series, past, rows, time_column=problem.time_column, target=problem.target
        )
        scale = stick.scale
        labels[forecasting.VOLUME] = forecasting.volume_groups(stick.usual, problem.series.busy)
    return Scored(
        row_id=rows[problem.row_id].to_numpy(),
        truth=rows[problem.target].to_numpy(dtype=np.float64),
        prediction=np.full(len(rows), np.nan),
        groups=labels,
        time=rows[problem.time_column].to_numpy(dtype="datetime64[D]") if problem.time_column else None,
        weight=rows[problem.weight_column].to_numpy(dtype=np.float64) if problem.weight_column else None,
        scale=scale,
    )


def to_frame(scored: Scored) -> pd.DataFrame:
    """A Scored table as columns, for parquet."""
    optional = {name: getattr(scored, name) for name in OPTIONAL}
    return pd.DataFrame(
        {"row_id": scored.row_id, "truth": scored.truth, "prediction": scored.prediction}
        | {name: values for name, values in optional.items() if values is not None}
        | {f"group.{name}": values for name, values in scored.groups.items()}
    )


def read_scored(path: Path) -> Scored:
    """A Scored table from parquet. Raises InvalidInput when the file is gone or unreadable."""
    try:
        return from_frame(pd.read_parquet(path))
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"The scored rows in {path} can't be read: {error}") from error


def from_frame(frame: pd.DataFrame) -> Scored:
    """The inverse of `to_frame`."""

    def optional(name: str) -> Any:
        return frame[name].to_numpy(dtype=np.float64) if name in frame else None

    return Scored(
        row_id=frame["row_id"].to_numpy(),
        truth=frame["truth"].to_numpy(dtype=np.float64),
        prediction=frame["prediction"].to_numpy(dtype=np.float64),
        groups={c.removeprefix("group."): frame[c].to_numpy(dtype=object) for c in frame if c.startswith("group.")},
        time=frame["time"].to_numpy(dtype="datetime64[D]") if "time" in frame else None,
        **{name: optional(name) for name in OPTIONAL if name != "time"},
    )


def residuals_by_month(challenger: Scored, champion: Scored | None) -> list[dict[str, Any]]:
    """Signed error by calendar month: [{month, rows, champion, challenger}], None without champion.

    Of values the median of (prediction - truth) / truth, or, where some are 0, the sum of prediction - truth over that
    of truth; of probabilities the mean of prediction - truth.
    """
    if challenger.time is None:
        return []
    binary = bool(np.isin(challenger.truth, (0.0, 1.0)).all())
    sides = {"challenger": challenger, "champion": champion}
    table = pd.DataFrame({"month": challenger.time.astype("datetime64[M]").astype(str)})
    counts = not binary and bool((challenger.truth <= 0).any())
    for name, side in sides.items():
        scale = 1.0 if side is None or binary or counts else side.truth
        table[name] = np.nan if side is None else (side.prediction - side.truth) / scale
    grouped = table.groupby("month")
    medians = grouped[list(sides)].mean() if binary or counts else grouped[list(sides)].median()
    if counts:
        medians = medians.div(pd.Series(challenger.truth).groupby(table["month"]).mean(), axis="index")
    rows = grouped.size()
    return [
        {
            "month": str(month),
            "rows": int(rows[month]),
            "champion": None if champion is None else float(medians.loc[month, "champion"]),
            "challenger": float(medians.loc[month, "challenger"]),
        }
        for month in medians.index
    ]
