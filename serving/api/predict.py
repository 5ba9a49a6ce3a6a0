"""POST /predict and POST /problems/{name}/predict: a JSON list of rows in, one answer a row out."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from serving import schemas
from serving.asking import Ask, json_answer
from serving.body import MAX_ROWS, body_of
from serving.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.hub import Hub

PARSED_ASIDE_FROM = 64 * 1024  # bytes: parsing more would hold up everybody else


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the routes: one for each problem, with that problem's own schema."""
    for name in ("", *hub.declared):
        problem = hub.declared.get(name or hub.default)
        if problem is not None:
            add(
                app,
                f"/problems/{name}/predict" if name else "/predict",
                predicting(hub, name),
                summary=f"Predict: {problem.title}",
                operation_id=f"predict_{name or 'default'}",
                openapi_extra={"requestBody": schemas.rows_body(problem), "parameters": [schemas.UNIT]},
                tags=["predict"],
            )


def add(app: FastAPI, path: str, endpoint: Callable[[Request], Awaitable[Response]], **about: Any) -> None:
    """A route that answers with predictions."""
    app.router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        route_class_override=PlainRoute,
        description="One answer a row, in the order of the rows; every bad field of every row is told at once.",
        response_model=schemas.Predictions,
        responses=schemas.REFUSALS,
        **about,
    )


def predicting(hub: Hub, name: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of one problem ("": the default one)."""
    slot = hub.slot(name)
    ask = Ask(hub, slot, "predict")

    async def predict(request: Request) -> Response:
        started = perf_counter()
        body = await body_of(request)
        live = slot.live
        if live is None:
            live = await run_in_threadpool(slot.get)
        if len(body) < PARSED_ASIDE_FROM:
            rows = live.answerer.parse(body, most=MAX_ROWS)
        else:
            rows = await run_in_threadpool(live.answerer.parse, body, most=MAX_ROWS)
        ident, who, answers = await ask.among(live, rows, started, request=request, body=body)
        return json_answer(ident, who, who.answerer.json(answers))

    return predict
