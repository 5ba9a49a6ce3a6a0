"""POST /monitor: the agent's plan for figures and a drift verdict that are sent, or for what the looks wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import agent
from serving import schemas
from serving.body import body_of
from serving.guard import require_reader
from serving.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    """Add the routes: one for each problem, and one for the default problem."""
    for name in ("", *hub.declared):
        if (problem := hub.declared.get(name or hub.default)) is not None:
            app.router.add_api_route(
                f"/problems/{name}/monitor" if name else "/monitor",
                planning(hub, name),
                methods=["POST"],
                route_class_override=PlainRoute,
                summary=f"The monitoring agent's plan: {problem.title}",
                description=(
                    "Observe, think, act: the same figures give the same plan, here and by the command `monitor`. "
                    "Without `metrics` the plan is of what the workspace's own looks wrote, for whoever may read the "
                    "pages. It changes nothing and carries nothing out."
                ),
                operation_id=f"monitor_{name or 'default'}",
                response_model=schemas.AgentPlan,
                responses={status: schemas.REFUSALS[413 if status == 413 else 400] for status in (400, 401, 413)},
                openapi_extra={"requestBody": _body()},
                tags=["monitor"],
            )


def planning(hub: Hub, name: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of one problem ("": the default one)."""

    async def monitor(request: Request) -> Response:
        sent = _asked(await body_of(request, most=MAX_BYTES))
        if sent.get("metrics") is None:
            await run_in_threadpool(require_reader, request)
        plan = await run_in_threadpool(agent.plan_for, hub.work(name), sent.get("metrics"), sent.get("drift"))
        return JSONResponse(plan.to_dict())

    return monitor


def _asked(body: bytes) -> dict[str, Any]:
    sent = agent.sent(body)
    if not isinstance(sent, dict) or not isinstance(sent.get("metrics"), list | None):
        raise InvalidInput(
            "The body must be an object; its 'metrics', if any, a list of points.", hint="See the example in /docs."
        )
    if unknown := sorted(set(sent) - {"metrics", "drift"}):
        raise InvalidInput(f"The body has an unknown field '{unknown[0][:60]}'.", hint="metrics, drift.")
    if len(sent.get("metrics") or ()) > MAX_POINTS:
        raise InvalidInput(f"{len(sent['metrics']):,} points were sent.", hint=f"at most {MAX_POINTS:,}.")
    return sent


def _body() -> dict[str, Any]:
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
    points = {"type": ["array", "null"], "items": point, "maxItems": MAX_POINTS}
    schema = {
        "type": "object",
        "properties": {"metrics": points, "drift": drift},
        "additionalProperties": False,
    }
    return {"required": True, "content": {"application/json": {"schema": schema, "example": _EXAMPLE}}}
