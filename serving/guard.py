"""What guards every route: against other sites' pages, addresses that nobody vouches for, and careless browsers."""

from __future__ import annotations

import ipaddress
import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from ds_workflow.errors import InvalidInput
from serving.web import security

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROXIES = "DS_WORKFLOW_TRUSTED_PROXIES"
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, 9.2.1: they ask for no change
_TELLING = frozenset({b"origin", b"sec-fetch-site"})
FORWARDED = ("forwarded", 0)  # the client of a request whose sender is not known: the word instead of an address
_LOG = logging.getLogger(__name__)


class WrongKind(InvalidInput):
    """A body of another media type than the route takes."""


class Foreign(InvalidInput):
    """A page of another site sent it."""


class NeedsToken(InvalidInput):
    """Reading is closed to the caller, who shows no token that is known."""


def require_json(request: Request) -> None:
    """Refuse the media types that any page can make a browser send without asking first. Raises WrongKind."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WrongKind(f"The body is sent as '{kind[:60] or 'nothing said'}'.", hint="Content-Type: application/json")


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
    raise NeedsToken(said, hint=_TOKEN)


def require_reader(request: Request) -> None:
    """Let those read who may read the pages. Raises NeedsToken. Asks the store of accounts."""
    console = request.app.state.console
    try:
        security.require_reader(request, security.visitor(request, console.accounts), reading=console.reading)
    except security.NeedsLogin:
        raise NeedsToken("What the looks wrote is for those who may read the pages.", hint=_TOKEN) from None
    except security.Refused as refused:
        raise NeedsToken(str(refused), hint=_TOKEN) from refused


_TOKEN = "Authorization: Bearer TOKEN; make one with 'token-add'."  # noqa: S105 - how to send one


def foreign(headers: Headers) -> str:
    """Whose page sent a request that asks for a change, in words; empty for this service's own and for programs.

    Browsers say where a page stands by Origin, and by Sec-Fetch-Site how that lies to the address that it asks; no page
    can change either. Programs say neither.
    """
    origin = headers.get("origin")
    if origin is not None:
        try:
            place = urlsplit(origin).netloc
        except ValueError:
            place = ""
        if not place or place != headers.get("host", ""):
            return f"a page of {origin[:100]!r}"
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return "a page of another site"
    return ""


class Guarded:
    """Every request passes here first and every answer last.

    A request for a change that another site's page sent is handed to `refuse` and no further. JSON answers say that
    they are not to be guessed at, nor kept by anybody on the way.
    """

    def __init__(self, app: ASGIApp, *, refuse: Callable[[Request, Foreign], Awaitable[Response]]) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it; look at the head of the answer alone."""
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

        tells = scope["method"] not in SAFE and any(name in _TELLING for name, _ in scope["headers"])
        if tells and (whose := foreign(Headers(scope=scope))):
            error = Foreign(f"The request comes from {whose}.", hint="No Origin, or this service's own.")
            answer = await self._refuse(Request(scope, receive), error)
            await answer(scope, receive, sent)
            return
        await self._app(scope, receive, sent)


class Unbelieved:
    """Takes back an address that the server before the application read off X-Forwarded-For.

    uvicorn believes that header of every program of this machine unless told otherwise, and anybody can write it. An
    address that stands in the header may have come from there; who really asked is not known any more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._warned = app, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if scope["type"] == "http" and (told := [v for name, v in scope["headers"] if name == b"x-forwarded-for"]):
            client = scope.get("client")
            if client and client[0] in _hosts(b",".join(told).decode("latin-1")):
                scope["client"] = FORWARDED
                if not self._warned:
                    self._warned = True
                    _LOG.warning("an address of X-Forwarded-For is not used; see docs/serving.md, 'Behind a proxy'")
        await self._app(scope, receive, send)


def _hosts(told: str) -> set[str]:
    """Every address that a server could read off the header, with and without port and brackets."""
    found = set()
    for part in (one.strip() for one in told.split(",")):
        found |= {part, part.rsplit(":", 1)[0], part[1:].partition("]")[0]}
    return found


def believe_named_proxies_alone(app: FastAPI) -> None:
    """Let DS_WORKFLOW_TRUSTED_PROXIES say whose X-Forwarded-For is believed, and nothing else. Raises InvalidInput.

    Where FORWARDED_ALLOW_IPS is set and empty, as `ds-workflow serve` sets it, the server itself believes nobody, and
    there is nothing to take back.
    """
    if proxies := trusted_proxies():
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)
    if os.environ.get("FORWARDED_ALLOW_IPS") != "":
        app.add_middleware(Unbelieved)


def trusted_proxies() -> list[str]:
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses and networks of
    DS_WORKFLOW_TRUSTED_PROXIES, with commas between. None by default. Raises InvalidInput for anything else."""
    found = [part.strip() for part in os.environ.get(PROXIES, "").split(",") if part.strip()]
    for part in found:
        try:
            ipaddress.ip_network(part)
        except ValueError:
            raise InvalidInput(
                f"{PROXIES} names '{part[:60]}', which is no address and no network.",
                hint="10.0.0.5 or 10.0.0.0/24, for example; several with commas between.",
            ) from None
    return found
