"""What is asked where nothing is, or by a method that is not taken there: in the same shape as any other refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Mount

from serving.errors import body_of

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.exceptions import HTTPException

    from serving.hub import Hub

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Elsewhere(Exception):
    """No route, or none of this method."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def methods_at(request: Request) -> list[str]:
    """What may be asked at this path, whatever was."""
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", request.scope.get("root_path", ""))}
    found: set[str] = set()
    for route in request.app.routes:
        taken = {m for m in _METHODS if route.matches({**scope, "method": m})[0] == Match.FULL}
        # a mount takes whatever comes and refuses it later; ours holds files
        found |= taken & {"GET", "HEAD"} if isinstance(route, Mount) else taken
    return sorted(found)


def told(request: Request, hub: Hub, error: HTTPException) -> dict[str, object]:
    """The body of a refusal for a program. Raises UnknownName for a problem that is not installed."""
    path = request.url.path[:200]
    if error.status_code == 405:
        said, hint = f"{request.method[:20]} is not taken at {path}.", f"Use {', '.join(methods_at(request))}."
    elif error.status_code == 404:
        place, _, rest = path.lstrip("/").partition("/")
        if place == "problems" and rest:
            hub.slot(rest.partition("/")[0])
        said, hint = f"There is nothing at {path}.", "/docs shows every route."
    else:
        said, hint = str(error.detail), "/docs shows every route."
    return body_of(Elsewhere(said, hint=hint))


def headers_of(request: Request, error: HTTPException) -> dict[str, str]:
    """Its headers: with 405, every method that is taken there (RFC 9110, 15.5.6)."""
    return {"Allow": ", ".join(methods_at(request))} if error.status_code == 405 else dict(error.headers or {})
