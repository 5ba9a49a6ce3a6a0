"""POST /monitor: the agent's plan for a history of figures and a drift verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import agent
from serving import schemas
from serving.body import body_of
from serving.routes import PlainRoute

if TYPE_CHECKING:
    from serving.hub import Hub

MAX_POINTS = 10_000
MAX_BYTES = 2 * 1024 * 1024
_EXAMPLE = {
    "metrics": [
        {"at": f"2026-01-{day:02d}T06:00:00Z", "roc_auc": auc, "pr_auc": 0.61, "latency_p95_ms": 120}
        for day, auc in enumerate([0.91, 0.91, 0.90, 0.92, 0.91, 0.90, 0.91, 0.87], start=1)
    ],
    "drift": {"threshold": 0.2, "overall_drift": False, "features": {"age": 0.03}},
}


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the route."""

    async def monitor(request: Request) -> Any:
        body = await body_of(request, most=MAX_BYTES)
        return JSONResponse(await run_in_threadpool(planned, body))

    def planned(body: bytes) -> dict[str, Any]:
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"The body is not valid JSON: {error}", hint="See the example in /docs.") from error
        if not isinstance(sent, dict) or not isinstance(sent.get("metrics"), list):
            raise InvalidInput("The body must be an object with a list 'metrics'.", hint="See the example in /docs.")
        if unknown := sorted(set(sent) - {"metrics", "drift"}):
            raise InvalidInput(f"The body has an unknown field '{unknown[0][:60]}'.", hint="metrics, drift.")
        if len(sent["metrics"]) > MAX_POINTS:
            raise InvalidInput(f"{len(sent['metrics']):,} points were sent.", hint=f"at most {MAX_POINTS:,}.")
        return agent.plan_of(sent["metrics"], sent.get("drift")).to_dict()

    figure = {"type": ["number", "null"]}
    point = {
        "type": "object",
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "roc_auc": {**figure, "minimum": 0, "maximum": 1},
            "pr_auc": {**figure, "minimum": 0, "maximum": 1},
            "latency_p95_ms": {**figure, "minimum": 0},
        },
        "required": ["at"],
        "additionalProperties": False,
    }
    drift = {
        "type": ["object", "null"],
        "properties": {
            "threshold": {"type": "number"},
            "overall_drift": {"type": ["boolean", "null"]},
            "features": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "required": ["overall_drift"],
    }
    schema = {
        "type": "object",
        "properties": {"metrics": {"type": "array", "items": point, "maxItems": MAX_POINTS}, "drift": drift},
        "required": ["metrics"],
        "additionalProperties": False,
    }
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": _EXAMPLE}}}
    app.router.add_api_route(
        "/monitor",
        monitor,
        methods=["POST"],
        route_class_override=PlainRoute,
        summary="The monitoring agent's plan",
        description="Observe, think, act: the same figures give the same plan. It changes nothing by itself.",
        response_model=schemas.AgentPlan,
        responses={400: schemas.REFUSALS[400], 413: schemas.REFUSALS[413]},
        openapi_extra={"requestBody": body},
        tags=["monitor"],
    )
