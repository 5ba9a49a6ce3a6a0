"""What moved each answer: SHAP values row by row, which add up to the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.contract import to_frame
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.use_cases.predict.answerer import Answerer

MOST_TOLD = 15  # features of a row, the largest contributions first
_TOLERANCE = 1e-3  # SHAP values come in single precision


def explain(answerer: Answerer, rows: Sequence[Mapping[str, Any]], *, top: int = MOST_TOLD) -> dict[str, Any]:
    """Contributions to the answers of parsed rows, in the estimator's unit.

    `{unit, explanations: [{prediction..., base, others, contributions: [{feature, value, contribution}]}]}`: base, the
    contributions told and the `others` add up to the answer in that unit. Raises InvalidInput when the estimator's do
    not, or when it explains nothing.
    """
    features, estimator = answerer.model["features"], answerer.model["model"]
    if not hasattr(estimator, "contributions"):
        raise InvalidInput(f"Version {answerer.version.version} can't explain its answers.")
    answers = answerer.score(rows)
    with answerer.guard:
        table = features.transform(to_frame(answerer.problem, rows))
        found = estimator.contributions(table)
        base = getattr(estimator, "expected_value_", None)
        words = _words(estimator, table, top)
    unit = str(estimator.contribution_unit)
    explanations = []
    for place, (shown, value) in enumerate(zip(answerer.shown(answers), answers.values, strict=True)):
        parts = found.iloc[place]
        start = _in_unit(value, unit) - float(parts.sum())
        if base is not None and abs(start - float(base)) > _TOLERANCE * max(1.0, abs(float(base))):
            raise InvalidInput(f"The contributions of row {place} don't add up to its answer; nothing is explained.")
        named = sorted(parts.items(), key=lambda item: (-abs(item[1]), item[0]))[:top]
        told = [
            {
                "feature": name,
                "value": _plain(table[name].iloc[place]) if name in table else None,
                "contribution": float(c),
            }
            for name, c in named
        ]
        others = float(parts.sum()) - sum(one["contribution"] for one in told)
        explanations.append({**shown, "base": start, "contributions": told, "others": others, **words[place]})
    return {"unit": unit, "explanations": explanations}


def _in_unit(value: float, unit: str) -> float:
    if unit == "log odds":
        return math.log(value) - math.log1p(-value)
    return math.log(value) if unit.startswith("log ") else value


def _words(estimator: Any, table: Any, top: int) -> list[dict[str, Any]]:
    """For estimators of texts, the words behind each answer."""
    if not hasattr(estimator, "explain_words"):
        return [{} for _ in range(len(table))]
    found = estimator.explain_words(table, top=top)
    return [{"words": [{"words": run, "contribution": added} for run, added in row]} for row in found]


def _plain(value: Any) -> Any:
    """A feature's value as JSON can carry it."""
    if isinstance(value, str):
        return value if len(value) <= 200 else f"{value[:200]}..."
    try:
        number = float(value)
    except TypeError:  # missing
        return None
    return number if math.isfinite(number) else None
