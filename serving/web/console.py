"""The console: pages for people, rendered by the server that also answers programs."""

from __future__ import annotations

import os

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Match

from ds_workflow.errors import InvalidInput
from serving.web import (
    arena,
    code,
    documents,
    experiments,
    frame,
    hypotheses,
    login,
    models,
    monitoring,
    override,
    overview,
    reference,
    security,
    telemetry,
    try_it,
)
from serving.web.frame import HERE, Console, Hub

ROOMS = (
    overview,
    override,  # before the arena, whose forms take any action
    arena,
    models,
    hypotheses,
    experiments,
    code,
    monitoring,
    telemetry,
    try_it,
    documents,
    reference,
    login,
)
MLFLOW_URL = "http://127.0.0.1:5001"  # where 'mlflow-ui' starts it


class Static(StaticFiles):
    """Our own style sheet, pictures and the two vendored libraries; browsers ask again whether a file changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file, with the security headers."""
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = "no-cache"
        return frame.with_headers(answer)


def mount(app: FastAPI, hub: Hub, *, reading: str | None = None, mlflow_url: str | None = None) -> None:
    """Add the pages to an application.

    `reading` says who may read without logging in: `loopback` (this machine alone; the default), `open` (everybody) or
    `closed` (nobody); by default DS_WORKFLOW_READING says it. `mlflow_url` is where links into MLflow's pages lead
    (DS_WORKFLOW_MLFLOW_URL). Deciding always needs a login. Raises InvalidInput for another word.
    """
    reading = reading or os.environ.get("DS_WORKFLOW_READING") or "loopback"
    if reading not in security.READING:
        raise InvalidInput(
            f"DS_WORKFLOW_READING is '{reading}'; allowed are {', '.join(security.READING)}.",
            hint="'loopback' opens the pages to this machine, 'closed' asks everybody to log in.",
        )
    url = (mlflow_url or os.environ.get("DS_WORKFLOW_MLFLOW_URL") or MLFLOW_URL).rstrip("/")
    app.state.console = Console(hub, reading, url, frame.environment())
    for room in ROOMS:
        app.include_router(room.router, include_in_schema=False)
    app.mount("/static", Static(directory=HERE / "static"), name="static")


def page_for_foreign(request: Request) -> Response | None:
    """The page that refuses a form of ours which another site's page sent, and a line of the access log; None where no
    page of ours is asked."""
    ours = any(route.matches(request.scope)[0] != Match.NONE for room in ROOMS for route in room.router.routes)
    if not ours:
        return None
    said = "This form was sent by another site."
    refused = security.Refused(403, "form", said, hint="Open the page here and send it again.")
    return frame.with_headers(frame.failed(request, refused))


def page_of(request: Request, error: HTTPException) -> Response | None:
    """The page for a person who asks where nothing is, or in a way that is not taken; None for a program.

    A path that tries to climb stands in the access log, whoever asks.
    """
    wants_page = "text/html" in request.headers.get("accept", "")
    climbs = ".." in request.url.path or "\\" in request.url.path or "\x00" in request.url.path
    if not wants_page and not climbs:
        return None
    said = "There is no such page." if error.status_code == 404 else str(error.detail)
    refused = security.Refused(error.status_code, "request" if climbs else "", said, hint="Start at the overview.")
    return frame.with_headers(frame.failed(request, refused))
