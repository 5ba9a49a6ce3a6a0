"""POST /problems/{name}/explain: what moved each answer."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.use_cases import predict
from serving import schemas
from serving.asking import Ask
from serving.body import body_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from serving.hub import Hub

MAX_ROWS = 100  # SHAP values cost a hundred times what an answer costs


def mount(app: FastAPI, hub: Hub) -> None:
    """Add one route a problem."""
    for name, problem in hub.declared.items():
        app.post(
            f"/problems/{name}/explain",
            summary=f"Explain: {problem.title}",
            description="SHAP values a row: `base`, the contributions and `others` add up to the answer in `unit`.",
            operation_id=f"explain_{name}",
            response_model=schemas.Explanations,
            responses=schemas.REFUSALS,
            openapi_extra={"requestBody": schemas.rows_body(problem, most=MAX_ROWS)},
            tags=["explain"],
        )(explaining(hub, name))


def explaining(hub: Hub, name: str) -> Callable[..., Awaitable[Any]]:
    """The endpoint of one problem."""
    slot = hub.slot(name)
    ask = Ask(hub, slot, "explain")

    async def explain(request: Request, top: int = Query(15, ge=1, le=200, description="Features told a row.")) -> Any:
        started = perf_counter()
        body = await body_of(request)
        live = await run_in_threadpool(slot.get)
        rows = await run_in_threadpool(live.answerer.parse, body, most=MAX_ROWS)
        ident, _ = await ask.of(live, rows, started)
        found = await run_in_threadpool(predict.explain, live.answerer, rows, top=top)
        return JSONResponse({"request_id": ident, "model": live.answerer.name, **found})

    return explain
