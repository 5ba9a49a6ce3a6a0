"""The documents of the workspace: what there is, and one of them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ds_workflow.use_cases import documents
from registry.errors import NotFound
from serving.web.frame import PageRoute, Reader, console_of, render
from serving.web.models import stored
from serving.web.security import Refused

router = APIRouter(route_class=PageRoute)


@router.get("/documents")
def shelves(request: Request, who: Reader) -> Response:
    """Every shelf, also the empty ones, with how to fill them."""
    console = console_of(request)
    found = documents.shelves(console.any)
    return render(request, "documents.html", title="Documents", shelves=found)


@router.get("/documents/{kind}/{name:path}")
def document(request: Request, who: Reader, kind: str, name: str) -> Response:
    """One document. Only listed names are opened; a name that tries to climb is refused and logged."""
    console = console_of(request)
    try:
        if kind == documents.PACKS and name.endswith(".pdf"):
            return Response(documents.printed(console.any, name), media_type="application/pdf")
        found, text = documents.read(console.any, kind, name)
    except NotFound as error:
        climbs = "/" in name or "\\" in name or ".." in name or not name.isprintable()
        raise Refused(404, "request" if climbs else "", str(error), hint=error.hint) from error
    return stored(request, found.name, text, back="/documents", words="Documents")
