"""What a training run leaves on disk for people and for later checks, beside the model itself."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ds_workflow.adapters import models
from ds_workflow.domain.explanations import Explanations
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput

PREDICTIONS = "holdout_predictions.parquet"
SMOKE = "smoke.parquet"
SCORECARD = "scorecard.json"
IMPORTANCES = "feature_importances.csv"
SHAP = "shap_summary.csv"
ENVIRONMENT = "environment.json"
FAIRNESS = "fairness.json"
SHAP_LOCAL = "shap_local.json"
PARTIAL_DEPENDENCE = "partial_dependence.json"
STABILITY = "stability.json"
REPRESENTATIVENESS = "representativeness.json"
SHAP_ROWS, SMOKE_ROWS = 100, 20
LIBRARIES = ("numpy", "pandas", "scikit-learn", "xgboost-cpu", "mlflow", "skops", "scipy", "sqlalchemy")


def environment(commit: str) -> dict[str, str]:
    """Versions of what the result depends on."""
    found = {"python": platform.python_version(), "platform": sys.platform, "commit": commit}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def importance_kind(model: Pipeline) -> str:
    """What the importances are shares of; an estimator that does not say leaves it open."""
    return str(getattr(model["model"], "importance_kind", "as the estimator measures them"))


def importances(model: Pipeline) -> pd.DataFrame:
    """Columns feature and importance (a share, as the estimator measures it; trees: total gain), largest first."""
    table = pd.DataFrame(
        {"feature": list(model["model"].feature_names_), "importance": model["model"].feature_importances_}
    )
    return table.sort_values(["importance", "feature"], ascending=[False, True], ignore_index=True)


def shap_summary(model: Pipeline, features: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Mean absolute SHAP value per feature on at most 100 rows, in the estimator's `contribution_unit`.

    For trees exact tree SHAP values (Lundberg et al. 2020), as the booster computes them.
    """
    size = min(SHAP_ROWS, len(features))
    chosen = np.sort(np.random.default_rng(seed).choice(len(features), size=size, replace=False))
    values = model["model"].contributions(features.iloc[chosen])
    table = pd.DataFrame({"feature": list(values.columns), "mean_abs_shap": np.abs(values.to_numpy()).mean(axis=0)})
    return table.sort_values(["mean_abs_shap", "feature"], ascending=[False, True], ignore_index=True)


def write(
    folder: Path,
    *,
    model: Pipeline,
    problem: Problem,
    holdout: pd.DataFrame,
    features: pd.DataFrame,
    scored: Scored,
    card: Mapping[str, Any],
    commit: str,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Write the run's files into `folder`; returns the tables that the run card shows."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"importances": importances(model), "shap": shap_summary(model, features, seed=seed)}
    tables["importances"].to_csv(folder / IMPORTANCES, index=False)
    tables["shap"].to_csv(folder / SHAP, index=False)
    models.to_frame(scored).to_parquet(folder / PREDICTIONS, index=False)
    smoke = example(problem, holdout, SMOKE_ROWS)
    smoke.assign(expected=model.predict(smoke)).to_parquet(folder / SMOKE, index=False)
    write_json(folder / SCORECARD, card)
    write_json(folder / ENVIRONMENT, environment(commit))
    return tables


def example(problem: Problem, rows: pd.DataFrame, size: int) -> pd.DataFrame:
    """`size` rows spread evenly over `rows`, with only the columns that a request may carry."""
    step = max(1, len(rows) // size)
    return rows.iloc[::step].head(size)[[c.name for c in problem.inputs]].reset_index(drop=True)


def request_rows(problem: Problem, rows: pd.DataFrame, size: int) -> list[dict[str, Any]]:
    """The same as plain JSON, the way a caller would send them."""
    text = example(problem, rows, size).to_json(orient="records", date_format="iso")
    sent: list[dict[str, Any]] = json.loads(text)
    dates = [c.name for c in problem.inputs if c.kind == "date"]
    return [{k: v[:10] if k in dates and v else v for k, v in row.items()} for row in sent]


def smoke(model: Pipeline, folder: Path) -> int:
    """Predict the stored rows again and compare; returns the rows, raises InvalidInput on any difference."""
    path = folder / SMOKE
    if not path.exists():
        raise InvalidInput(f"The run has no {SMOKE}, so its model can't be smoke-tested.")
    rows = pd.read_parquet(path)
    expected = rows.pop("expected").to_numpy(dtype=np.float64)
    got = np.asarray(model.predict(rows), dtype=np.float64)
    if not np.isfinite(got).all():
        raise InvalidInput("The model answers NaN or infinity on its own smoke rows.")
    if not np.allclose(got, expected, rtol=1e-6, atol=0):
        worst = float(np.max(np.abs(got - expected) / np.abs(expected)))
        raise InvalidInput(f"The model differs from what it answered at training, by up to {worst:.2%}.")
    return len(rows)


def read_json(path: Path) -> Any:
    """A JSON file of a run. Raises InvalidInput when it is gone or unreadable."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error


def json_text(value: Any) -> str:
    """Sorted, indented JSON; NaN is refused."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False, default=str) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write it as `json_text`."""
    path.write_text(json_text(value), "utf-8")


def explanations(folder: Path) -> Explanations:
    """What a run's folder tells of why its model answers as it does: SHAP values of all features (mean absolute) and of
    single rows, and partial dependence. For pages: `reports.explanations` draws it.

    Raises InvalidInput when a file is gone or unreadable.
    """
    try:
        table = pd.read_csv(folder / SHAP, keep_default_na=False)  # "null" is a word that a feature may be named
        summary = {str(n): float(v) for n, v in table.itertuples(index=False, name=None)}
        return Explanations.read(summary, read_json(folder / SHAP_LOCAL), read_json(folder / PARTIAL_DEPENDENCE))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"The explanations in {folder} can't be read: {error}", hint="Train it again.") from error


def requirements() -> tuple[str, ...]:
    """What serving the model needs, pinned to what trained it."""
    wanted = ("scikit-learn", "xgboost-cpu", "pandas", "numpy", "skops")
    return tuple(f"{name}=={metadata.version(name)}" for name in wanted)
