"""The first page: every problem on one screen."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ds_workflow.use_cases import overview
from ds_workflow.use_cases.arena import page
from serving.web.frame import PageRoute, Reader, console_of, render

router = APIRouter(route_class=PageRoute)


@router.get("/")
def home(request: Request, who: Reader) -> Response:
    """Problems, champions, custody, open proposals, incidents."""
    console = console_of(request)
    found = [overview.standing(console.hub.work(name)) for name in console.hub.problems]
    return render(request, "overview.html", title="Overview", standings=found, users=len(console.accounts.listed()))


@router.get("/styles/reports.css")
def styles() -> Response:
    """The style sheet that pages share with stored reports, so that both look alike."""
    return PlainTextResponse(page.styles(), media_type="text/css", headers={"Cache-Control": "no-cache"})
