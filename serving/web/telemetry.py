"""Telemetry of the code assistant: how it is used, how its code fails, and the SQL and rows behind every picture.

The filters are the query of the address, so a view can be kept and shared as it is.
"""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from ds_workflow.use_cases.telemetry import boards, query
from ds_workflow.use_cases.telemetry.boards import Filters
from serving.web.frame import PageRoute, Reader, console_of, render

router = APIRouter(route_class=PageRoute)
TITLES = {"telemetry": "Telemetry", "failures": "Failure diagnostics"}


def _filters(request: Request) -> Filters:
    return Filters.of(dict(request.query_params))


def _board(request: Request, name: str) -> Response:
    filters = _filters(request)
    return render(
        request,
        "telemetry.html",
        title=TITLES[name],
        board=boards.board(console_of(request).any, name, filters),
        filters=filters,
        chosen=filters.to_dict(),
        cut=_as_query(filters),
        tabs=(
            ("Usage", "/telemetry"),
            ("Failure diagnostics", "/telemetry/failures"),
            ("Queries", "/telemetry/queries"),
        ),
    )


def _as_query(filters: Filters) -> str:
    """The filters as they stand in an address, with the question mark; empty without any."""
    given = filters.to_dict()
    return f"?{urlencode(given)}" if given else ""


@router.get("/telemetry")
def usage(request: Request, who: Reader) -> Response:
    """Acceptance, latency and sessions."""
    return _board(request, "telemetry")


@router.get("/telemetry/failures")
def failures(request: Request, who: Reader) -> Response:
    """Errors, builds, tests and hallucinations."""
    return _board(request, "failures")


@router.get("/telemetry/queries")
def queries(request: Request, who: Reader) -> Response:
    """Every named query."""
    return render(
        request, "telemetry_queries.html", title="Queries", queries=query.listed(), cut=_as_query(_filters(request))
    )


@router.get("/telemetry/queries/{name}.csv")
def rows(request: Request, who: Reader, name: str) -> Response:
    """All rows of one query."""
    found = query.answer(console_of(request).any, name, _filters(request))
    headers = {"Content-Disposition": f'attachment; filename="{found.query.name}.csv"'}
    return Response(found.csv(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/telemetry/queries/{name}")
def one(request: Request, who: Reader, name: str) -> Response:
    """One query: its question, its SQL, its rows."""
    filters = _filters(request)
    asked = query.named(name)
    return render(
        request,
        "telemetry_query.html",
        title=asked.name.replace("_", " "),
        query=asked,
        filters=filters,
        cut=_as_query(filters),
        rows=query.page_rows(console_of(request).any, name, filters),
    )
