"""The prediction service: `uvicorn serving.app:app`, on the workspace named by DS_WORKFLOW_HOME (default: here)."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.workspace import Workspace
from registry.errors import RegistryError
from serving import schemas
from serving.champion import Served
from serving.errors import status_of

MAX_ROWS = 10_000
MAX_BYTES = 20 * 1024 * 1024


def create_app(work: Workspace | None = None) -> FastAPI:
    """The application on one workspace (default: the one the environment names)."""
    work = work or Workspace.at()
    problem = work.problem
    served = Served(work)
    app = FastAPI(title="Champion service", description=f"Predictions of the champion of {problem.name}.")

    @app.exception_handler(WorkflowError)
    @app.exception_handler(RegistryError)
    async def known_error(_: Request, error: WorkflowError | RegistryError) -> JSONResponse:
        body = {"errors": [{"row": None, "field": None, "sent": None, "allowed": error.hint, "message": str(error)}]}
        return JSONResponse(body, status_code=status_of(error))

    @app.get("/health", response_model=schemas.Health, responses={503: {"model": schemas.Health}})
    def health() -> Any:
        """Which champion answers, and whether the pointer log agrees."""
        try:
            champion = served.get()
        except (WorkflowError, RegistryError) as error:
            status = "no champion" if status_of(error) == 503 else "unavailable"
            return JSONResponse({"status": status, "models": [], "detail": str(error)}, status_code=503)
        custody = work.registry.custody(problem.name).status
        return {"status": "ok", "models": [{**champion.name, "custody": custody}]}

    request_body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": schemas.row_schema(problem), "maxItems": MAX_ROWS},
                "example": [schemas.example_row(problem)],
            }
        },
    }

    @app.post(
        "/predict",
        response_model=schemas.Predictions,
        response_model_exclude_none=True,
        responses={400: {"model": schemas.BadRequest}, 413: {"model": schemas.BadRequest}, 503: {}},
        openapi_extra={"requestBody": request_body},
    )
    async def predict(request: Request) -> Any:
        """Predict a JSON list of rows; every bad field of every row is reported at once."""
        body = await _body(request)
        if body is None:
            return _refusal(413, "body", f"more than {MAX_BYTES:,} bytes", f"at most {MAX_BYTES:,} bytes")
        rows = _rows(body)
        if len(rows) > MAX_ROWS:
            return _refusal(413, "rows", len(rows), f"at most {MAX_ROWS:,} rows in one request")
        champion = await run_in_threadpool(served.get)
        predictions, errors = await run_in_threadpool(champion.predict, rows)
        if errors:
            return JSONResponse({"errors": [e.to_dict() for e in errors]}, status_code=400)
        return {"model": champion.name, "predictions": predictions}

    return app


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is larger than allowed."""
    received = bytearray()
    async for chunk in request.stream():
        received.extend(chunk)
        if len(received) > MAX_BYTES:
            return None
    return bytes(received)


def _rows(body: bytes) -> list[dict[str, Any]]:
    """The rows of a request. Raises InvalidInput for what is not a JSON list of objects."""
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}", hint="A JSON list of rows.") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput(
            "The body must be a JSON list of at least one row, each an object.", hint="A JSON list of rows."
        )
    return rows


def _refusal(status: int, field: str, sent: object, allowed: str) -> JSONResponse:
    error = {"row": None, "field": field, "sent": sent, "allowed": allowed, "message": f"{field}: {allowed}"}
    return JSONResponse({"errors": [error]}, status_code=status)


def __getattr__(name: str) -> FastAPI:
    """`serving.app:app`, made when the server asks for it, so that importing this module opens no workspace."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
