"""ROC, precision-recall and residual curves of scored rows, thinned to what a picture and a reader need."""

from __future__ import annotations

from typing import Any

import numpy as np

from ds_workflow.domain.scored import Floats, Scored

POINTS, PARTS, MINIMUM = 101, 10, 50


def of_classes(scored: Scored) -> dict[str, Any]:
    """ROC (false positive rate, true positive rate) and precision-recall (recall, precision) points with their areas.

    Areas are over all rows (weighted where rows stand for several): the trapezoid for ROC, the mean precision over
    recall steps for precision-recall. Empty when only one class is there.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    truth, shown, weight = scored.truth, scored.prediction, scored.weight
    if len(np.unique(truth)) < 2:
        return {}
    wrong, right, _ = roc_curve(truth, shown, sample_weight=weight, drop_intermediate=True)
    precision, recall, _ = precision_recall_curve(truth, shown, sample_weight=weight)
    return {
        "rows": len(scored),
        "positives": int(truth.sum()),
        "base_rate": float(np.average(truth, weights=weight)),
        "roc": _thin(wrong, right),
        "roc_area": float(roc_auc_score(truth, shown, sample_weight=weight)),
        "precision_recall": _thin(recall[::-1], precision[::-1]),
        "precision_recall_area": float(average_precision_score(truth, shown, sample_weight=weight)),
    }


def of_amounts(scored: Scored) -> dict[str, Any]:
    """Tenths of the rows by predicted amount: rows, median predicted and true amount, median signed error (a share)."""
    order = np.argsort(scored.prediction, kind="stable")
    parts = []
    for rows in np.array_split(order, PARTS):
        if len(rows) < MINIMUM:
            return {}
        predicted, true = scored.prediction[rows], scored.truth[rows]
        error = (predicted - true) / np.where(true == 0, np.nan, true)
        parts.append(
            {
                "rows": len(rows),
                "predicted": float(np.median(predicted)),
                "true": float(np.median(true)),
                "signed_error": _median(error),
            }
        )
    return {"rows": len(scored), "parts": parts}


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _thin(x: Floats, y: Floats) -> list[list[float]]:
    """At most `POINTS` points of a curve, the ends among them, spread evenly along its way in the unit square."""
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    steps = np.linspace(0.0, way[-1], POINTS)
    chosen = np.unique(np.concatenate([[0, len(x) - 1], np.searchsorted(way, steps, side="left")]))
    chosen = chosen[chosen < len(x)]
    return [[round(float(x[i]), 6), round(float(y[i]), 6)] for i in chosen]
