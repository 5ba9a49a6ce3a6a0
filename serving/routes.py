"""A route for endpoints that read the request and make the response themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class PlainRoute(APIRoute):
    """Hands the request to the endpoint as it is.

    FastAPI would look for parameters, dependencies and a response model to serialise, and find none: a third of what a
    prediction of one row costs. The OpenAPI document is made as for any other route.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint."""
        return self.endpoint
