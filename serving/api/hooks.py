"""POST /hooks/mlflow: MLflow tells that an alias moved, and custody is looked at now instead of within the minute."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.use_cases import custody
from serving import schemas
from serving.body import body_of
from serving.routes import PlainRoute
from serving.slot import BY

if TYPE_CHECKING:
    from serving.hub import Hub

MAX_BYTES = 256 * 1024
_SCHEMA = {
    "type": "object",
    "properties": {"data": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    "required": ["data"],
}


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the route. The secret is read at each delivery, so that it can be changed without a restart."""

    async def delivered(request: Request) -> Any:
        body = await body_of(request, most=MAX_BYTES)
        secret = os.environ.get(custody.SECRET, "")
        if not secret:
            raise custody.Forged("No delivery is taken here.", hint=f"Start the service with {custody.SECRET} set.")
        delivery = custody.Delivery(
            request.headers.get("x-mlflow-delivery-id", "")[:200],
            request.headers.get("x-mlflow-timestamp", "")[:20],
            request.headers.get("x-mlflow-signature", "")[:200],
        )
        delivery.require_genuine(body, secret=secret, now=hub.clock())
        return JSONResponse(await run_in_threadpool(looked, custody.model_of(body)))

    def looked(name: str) -> dict[str, str | None]:
        if name not in hub.problems:
            return {"problem": None, "custody": None}  # another team's model in the same MLflow
        return {"problem": name, "custody": custody.look(hub.work(name), by=BY).status}

    text = {"type": "string"}
    headers = [
        {"name": name, "in": "header", "required": True, "schema": text}
        for name in ("X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature")
    ]
    app.router.add_api_route(
        "/hooks/mlflow",
        delivered,
        methods=["POST"],
        route_class_override=PlainRoute,
        summary="A webhook of MLflow's",
        description="Signed with the secret of DS_WORKFLOW_WEBHOOK_SECRET (HMAC-SHA256, as MLflow signs). It changes "
        "nothing but incidents: custody of the named model is looked at now.",
        response_model=schemas.Looked,
        responses={400: schemas.REFUSALS[400], 403: schemas.REFUSALS[400], 413: schemas.REFUSALS[413]},
        openapi_extra={
            "parameters": headers,
            "requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}},
        },
        tags=["operation"],
    )
