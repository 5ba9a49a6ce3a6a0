"""POST /feedback: the labels that come later, for answers that were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.use_cases import predict, requests
from serving import schemas
from serving.body import MAX_ROWS, body_of
from serving.guard import require_json, require_known
from serving.routes import PlainRoute

if TYPE_CHECKING:
    from serving.hub import Hub


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the route."""

    async def feedback(request: Request) -> Any:
        require_json(request)
        await run_in_threadpool(require_known, request)
        body = await body_of(request)
        return JSONResponse(await run_in_threadpool(kept, body))

    def kept(body: bytes) -> dict[str, int]:
        given = requests.labels_of(body)
        if len(given) > MAX_ROWS:
            raise predict.TooMany(len(given), MAX_ROWS)
        return requests.feedback(hub.work(), hub.log, given)

    label = {
        "type": "object",
        "properties": {
            "request_id": {"type": "string", "minLength": 1, "maxLength": 100},
            "row": {"type": "integer", "minimum": 0, "description": "The row of that request; default 0."},
            "label": {"type": "number", "description": "What came true: a class of 0 or 1, or a value."},
        },
        "required": ["request_id", "label"],
        "additionalProperties": False,
    }
    schema = {"type": "array", "items": label, "minItems": 1, "maxItems": MAX_ROWS}
    example = [{"request_id": "Q-019b2c3d4e5-0a1b2c3d-7", "row": 0, "label": 1}]
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}
    app.router.add_api_route(
        "/feedback",
        feedback,
        methods=["POST"],
        route_class_override=PlainRoute,
        summary="Labels for answers that were given",
        description=(
            "All or none are kept. The same label again changes nothing; another one is kept as a correction, and the "
            "newest counts. Labels change what is measured, so the media type must be said, and a token shown where "
            "reading is closed."
        ),
        response_model=schemas.Feedback,
        responses={status: schemas.REFUSALS[413 if status == 413 else 400] for status in (400, 401, 403, 413, 415)},
        openapi_extra={"requestBody": body},
        tags=["feedback"],
    )
