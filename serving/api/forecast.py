"""GET and POST /problems/{name}/forecast: the steps of a day that nobody has seen yet."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.use_cases import predict
from serving import schemas
from serving.asking import Ask
from serving.body import MAX_ROWS, body_of
from serving.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ds_workflow.domain.problem import Problem
    from serving.hub import Hub


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the routes of each problem that forecasts."""
    for name, problem in hub.declared.items():
        if problem.series is not None:
            add(app, hub, name, f"/problems/{name}/forecast")


def add(app: FastAPI, hub: Hub, name: str, path: str) -> None:
    """The routes of one problem under a path."""
    problem = hub.declared[name]
    step = problem.series.step_column if problem.series else ""
    whole = f" Without `{step}`, every {step} of the day is answered." if step else ""
    about = {
        "summary": f"Forecast: {problem.title}",
        "description": f"The row that was asked with its value and interval.{whole}",
        "response_model": schemas.Forecasts,
        "responses": schemas.REFUSALS,
        "tags": ["forecast"],
    }
    word = path.strip("/").replace("/", "_")
    for method, extra in (("GET", {"parameters": _parameters(problem)}), ("POST", {"requestBody": _body(problem)})):
        app.router.add_api_route(
            path,
            forecasting(hub, name),
            methods=[method],
            route_class_override=PlainRoute,
            operation_id=f"{method.lower()}_{word}",
            openapi_extra=extra,
            **about,  # type: ignore[arg-type]
        )


def forecasting(hub: Hub, name: str) -> Callable[[Request], Awaitable[Any]]:
    """The endpoint of one problem, for both methods."""
    slot = hub.slot(name)
    ask = Ask(hub, slot, "forecast")
    problem = hub.declared[name]

    async def forecast(request: Request) -> Any:
        started = perf_counter()
        if request.method == "GET":
            asked = predict.forecast_rows(problem, [dict(request.query_params)], as_text=True)
        else:
            asked = predict.forecast_rows(problem, predict.rows_of(await body_of(request), most=MAX_ROWS))
        live = await run_in_threadpool(slot.get)
        rows = await run_in_threadpool(live.answerer.checked, asked, most=MAX_ROWS)
        ident, answers = await ask.of(live, rows, started)
        shown = live.answerer.shown(answers)
        told = [{**row, **found} for row, found in zip(asked, shown, strict=True)]
        return JSONResponse({"request_id": ident, "model": live.answerer.name, "predictions": told})

    return forecast


def _parameters(problem: Problem) -> list[dict[str, Any]]:
    step = problem.series.step_column if problem.series else ""
    return [
        {
            "name": column.name,
            "in": "query",
            "required": column.required and column.name != step,
            "schema": {**schemas.column_schema(column), "type": schemas.TYPES[column.kind]},
        }
        for column in problem.inputs
    ]


def _body(problem: Problem) -> dict[str, Any]:
    body = schemas.rows_body(problem)
    step = problem.series.step_column if problem.series else ""
    row = body["content"]["application/json"]["schema"]["items"]
    row["required"] = [name for name in row["required"] if name != step]
    return body
