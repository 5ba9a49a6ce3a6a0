"""Paths by which callers know a problem without knowing its name here. A problem that is not installed has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from serving import schemas
from serving.api import forecast, predict, score

if TYPE_CHECKING:
    from serving.hub import Hub

SCORED = {"/api/fraud/score": "credit_card_fraud"}
PREDICTED = {"/api/sentiment/predict": "movie_reviews"}
FORECAST = {"/api/taxi/forecast": "taxi_demand"}


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the paths."""
    for path, name in SCORED.items():
        if name in hub.declared:
            score.add(app, hub, name, path)
    for path, name in FORECAST.items():
        if name in hub.declared:
            forecast.add(app, hub, name, path)
    for path, name in PREDICTED.items():
        if (problem := hub.declared.get(name)) is not None:
            predict.add(
                app,
                path,
                predict.predicting(hub, name),
                summary=f"Predict: {problem.title}",
                operation_id=f"predict_{path.strip('/').replace('/', '_')}",
                openapi_extra={"requestBody": schemas.rows_body(problem), "parameters": [schemas.UNIT]},
                tags=["predict"],
            )
