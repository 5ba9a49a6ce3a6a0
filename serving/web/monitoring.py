"""Monitoring: what the daily check says of a problem, and what was recorded since."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ds_workflow.use_cases import daily, monitoring_view, overview
from serving.web.frame import PageRoute, Reader, console_of, render

router = APIRouter(route_class=PageRoute)


@router.get("/monitoring")
def everything(request: Request, who: Reader) -> Response:
    """Which problems have a champion to watch, the newest looks at it, and their incidents."""
    console = console_of(request)
    found = [overview.standing(console.work(name)) for name in console.problems]
    looks = {one.problem: monitoring_view.newest(console.work(one.problem)) for one in found if one.champion}
    return render(request, "monitoring.html", title="Monitoring", standings=found, looks=looks)


@router.get("/monitoring/{problem}")
def of_problem(request: Request, who: Reader, problem: str) -> Response:
    """The daily check of one problem, asked now."""
    work = console_of(request).work(problem)
    return render(
        request,
        "monitoring_problem.html",
        title=f"Monitoring {problem}",
        daily=daily.check(work),
        recorded=monitoring_view.read(work),
        problem=problem,
    )
