"""The prediction service: `uvicorn serving.app:app`, on the workspace named by DS_WORKFLOW_HOME (default: here)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.use_cases.requests import Refused
from ds_workflow.workspace import Workspace
from registry.errors import RegistryError
from serving import elsewhere
from serving.api import explain, feedback, forecast, health, hooks, monitor, named, predict, score
from serving.errors import body_of, status_of
from serving.guard import Foreign, Guarded, believe_named_proxies_alone
from serving.hub import Hub
from serving.web import console

ROOMS = (
    predict,
    explain,
    score,
    forecast,
    feedback,
    monitor,
    hooks,
    health,
    named,
)  # the busiest first, what is left last
ABOUT = """Answers of the champions of one workspace.

A champion changes only by an applied decision, and then without a restart. Every answer names the version that gave it
and its digest."""
_LOG = logging.getLogger(__name__)


def create_app(work: Workspace | None = None) -> FastAPI:
    """The application on one workspace (default: the one the environment names)."""
    hub = Hub(work or Workspace.at())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.start()
        yield
        await run_in_threadpool(hub.stop)

    app = FastAPI(
        title="Champion service",
        description=ABOUT,
        version="1",
        lifespan=lifespan,
        docs_url=None,  # ours stands among the pages: FastAPI's brings scripts from elsewhere
        redoc_url=None,
    )
    app.state.hub = hub
    for room in ROOMS:
        room.mount(app, hub)
    console.mount(app, hub)

    def refused(request: Request, status: int, body: object, reason: str) -> JSONResponse:
        hub.log.add(Refused(hub.clock(), request.url.path[:200], status, reason[:300]))
        hub.metrics.requests.labels("refused", str(status)).inc()
        headers = {503: {"Retry-After": "1"}, 401: {"WWW-Authenticate": "Bearer"}}.get(status)
        return JSONResponse(body, status_code=status, headers=headers)

    async def from_elsewhere(request: Request, error: Foreign) -> Response:
        page = await run_in_threadpool(console.page_for_foreign, request)
        return page or refused(request, status_of(error), body_of(error), str(error))

    app.add_middleware(Guarded, refuse=from_elsewhere)
    believe_named_proxies_alone(app)  # added last, so that it comes first

    @app.exception_handler(WorkflowError)
    @app.exception_handler(RegistryError)
    async def known_error(request: Request, error: WorkflowError | RegistryError) -> JSONResponse:
        return refused(request, status_of(error), body_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def bad_request(request: Request, error: RequestValidationError) -> JSONResponse:
        told = [
            {
                "row": None,
                "field": ".".join(str(part) for part in found["loc"][1:]) or None,
                "sent": None if found.get("input") is None else str(found["input"])[:200],
                "allowed": str(found["msg"]),
                "message": f"{found['loc'][-1]}: {found['msg']}",
            }
            for found in error.errors()
        ]
        return refused(request, 400, {"errors": told}, told[0]["message"] or "")

    @app.exception_handler(HTTPException)
    async def nothing_there(request: Request, error: HTTPException) -> Response:
        answer = await run_in_threadpool(console.page_of, request, error)
        if answer is None:
            try:
                answer = JSONResponse(elsewhere.told(request, hub, error), error.status_code)
            except WorkflowError as unknown:
                return refused(request, status_of(unknown), body_of(unknown), str(unknown))
            hub.metrics.requests.labels("refused", str(error.status_code)).inc()
        answer.headers.update(elsewhere.headers_of(request, error))
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        _LOG.exception("unforeseen at %r", request.url.path, exc_info=error)
        message = "Something went wrong that this service did not foresee; its log has the details."
        told = {"row": None, "field": None, "sent": None, "allowed": None, "message": message}
        return refused(request, 500, {"errors": [told]}, f"{type(error).__name__}: {error}")

    return app


def __getattr__(name: str) -> FastAPI:
    """`serving.app:app`, made when the server asks for it, so that importing this module opens no workspace."""
    if name == "app":
        try:
            return create_app()
        except InvalidInput as error:  # of a variable of the environment: whoever starts the server reads a sentence
            raise SystemExit(f"{error} {error.hint}".strip()) from None
    raise AttributeError(name)
