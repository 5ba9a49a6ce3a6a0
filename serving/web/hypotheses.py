"""The written hypotheses: the backlog and one of them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import hypotheses, hypothesis_view
from serving.web.frame import PageRoute, Reader, console_of, render
from serving.web.security import Refused

router = APIRouter(route_class=PageRoute)


@router.get("/hypotheses")
def backlog(request: Request, who: Reader, problem: str = "") -> Response:
    """All hypotheses of the workspace with their status and outcome; `problem` narrows the list."""
    console = console_of(request)
    rows = hypotheses.listed(console.work(problem or console.problems[0]))
    return render(
        request,
        "hypotheses.html",
        title="Hypotheses",
        rows=[row for row in rows if problem in ("", row.problem)],
        problems=console.problems,
        problem=problem,
    )


@router.get("/hypotheses/{ident}")
def hypothesis(request: Request, who: Reader, ident: str) -> Response:
    """One hypothesis: claim, document, outcome, proposals that tested it."""
    console = console_of(request)
    try:
        found = hypothesis_view.read(console.any, ident)
    except InvalidInput as error:
        raise Refused(404, "request" if not ident.startswith("H-") else "", str(error), hint=error.hint) from error
    return render(request, "hypothesis.html", title=found.id, h=found)
