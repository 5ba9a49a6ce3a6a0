"""What guards the routes for programs: against other sites' pages, and in how browsers may take the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders

from ds_workflow.errors import InvalidInput
from serving.web import security

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WrongKind(InvalidInput):
    """A body of another media type than the route takes."""


class Foreign(InvalidInput):
    """A page of another site sent it."""


class NeedsToken(InvalidInput):
    """Reading is closed here, and the caller shows no token that is known."""


def require_own_json(request: Request) -> None:
    """Refuse what a page of another site can make a browser send: a form's media types, or a foreign origin.

    A browser asks before it sends application/json elsewhere, and is not given leave here. Raises WrongKind, Foreign.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WrongKind(f"The body is sent as '{kind[:60] or 'nothing said'}'.", hint="Content-Type: application/json")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Foreign(f"The request comes from a page of {origin[:100]!r}.", hint="No Origin, or this service's own.")


def require_known(request: Request) -> None:
    """Where reading is closed, ask for a token or a session. Raises NeedsToken. Asks the store of accounts."""
    console = request.app.state.console
    if console.reading != "closed":
        return
    try:
        if security.visitor(request, console.accounts).account is not None:
            return
        said = "Labels are taken from known programs only where reading is closed."
    except security.Refused as refused:
        said = str(refused)
    raise NeedsToken(said, hint="Authorization: Bearer TOKEN; make one with 'token-add'.")


class Guarded:
    """Adds to JSON answers that they are not to be guessed at, nor kept by anybody on the way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on; look at the head of the answer alone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("content-type", "").startswith("application/json"):
                    headers.setdefault("X-Content-Type-Options", "nosniff")
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sent)
