"""POST /predict and POST /problems/{name}/predict: a JSON list of rows in, one answer a row out."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from ds_workflow.use_cases.requests import Asked
from serving import schemas
from serving.body import MAX_ROWS, body_of
from serving.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.hub import Hub

PARSED_ASIDE_FROM = 64 * 1024  # bytes: parsing more would hold up everybody else


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the routes: one for each problem, with that problem's own schema."""
    options: dict[str, Any] = {
        "response_model": schemas.Predictions,
        "responses": schemas.REFUSALS,
        "tags": ["predict"],
    }
    for name in ("", *hub.declared):
        problem = hub.declared.get(name or hub.default)
        path = f"/problems/{name}/predict" if name else "/predict"
        extra = {"requestBody": schemas.rows_body(problem)} if problem else {}
        about = problem.title if problem else "the default problem"
        app.router.add_api_route(
            path,
            answering(hub, name),
            methods=["POST"],
            route_class_override=PlainRoute,
            summary=f"Predict: {about}",
            description="One answer a row, in the order of the rows; every bad field of every row is told at once.",
            operation_id=f"predict_{name or 'default'}",
            openapi_extra=extra,
            **options,
        )

    @app.post("/problems/{name}/predict", include_in_schema=False)
    async def unknown(name: str) -> Response:
        hub.slot(name)  # raises: every problem that is known has a route above
        raise AssertionError("unreachable")


def answering(hub: Hub, name: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of one problem ("": the default one)."""
    slot = hub.slot(name)
    problem = slot.work.settings.problem
    rows_answered = hub.metrics.rows.labels(problem, "champion")
    seconds = hub.metrics.seconds.labels(problem)
    answered = hub.metrics.requests.labels("predict", "200")

    async def predict(request: Request) -> Response:
        started = perf_counter()
        body = await body_of(request)
        live = slot.live
        if live is None:
            live = await run_in_threadpool(slot.get)
        answerer = live.answerer
        if len(body) < PARSED_ASIDE_FROM:
            rows = answerer.parse(body, most=MAX_ROWS)
        else:
            rows = await run_in_threadpool(answerer.parse, body, most=MAX_ROWS)
        answers = await live.ask(rows)
        ident = hub.request_id()
        text = f'{{"request_id":"{ident}","model":{live.model_json},"predictions":{answerer.json(answers)}}}'
        took = perf_counter() - started
        version = answerer.version
        hub.log.add(
            Asked(
                ident,
                hub.clock(),
                problem,
                version.version,
                version.digest,
                "champion",
                rows,
                answers.values,
                took * 1e3,
            )
        )
        rows_answered.inc(len(rows))
        seconds.observe(took)
        answered.inc()
        return Response(text, media_type="application/json")

    return predict
