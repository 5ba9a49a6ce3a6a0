"""Generated code: evaluations by model, one by task, a completion beside its reference, two models."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ds_workflow.use_cases.code_eval import view
from serving.web.experiments import csv
from serving.web.frame import PageRoute, Reader, console_of, render

router = APIRouter(route_class=PageRoute)


@router.get("/code")
def everything(request: Request, who: Reader, tasks: str = "") -> Response:
    """All evaluations; `tasks` narrows to a task set; a form sets two beside each other."""
    work = console_of(request).any
    found = view.listed(work)
    sets = sorted({row.tasks for row in found if row.tasks})
    rows = [row for row in found if tasks in ("", row.tasks)]
    return render(request, "code.html", title="Code", rows=rows, sets=sets, tasks=tasks)


@router.get("/code/compare")
def compare(request: Request, who: Reader, left: str, right: str) -> Response:
    """Two models on the tasks that both answered."""
    found = view.pair(console_of(request).any, left, right)
    return render(request, "code_pair.html", title=f"{left} and {right}", pair=found)


@router.get("/code/{name}")
def one(request: Request, who: Reader, name: str) -> Response:
    """One evaluation: scores, how completions ended, categories, tasks. The address carries what is shown."""
    choice = _choice(request)
    found = view.show(console_of(request).any, name, choice)
    return render(request, "code_eval.html", title=found.found.summary["model"], page=found, choice=choice)


@router.get("/code/{name}/outcomes.csv")
def outcomes(request: Request, who: Reader, name: str) -> Response:
    """One line a completion."""
    return csv(view.as_csv(console_of(request).any, name, _choice(request)), f"{name}-outcomes")


@router.get("/code/{name}/task")
def task(request: Request, who: Reader, name: str, id: str, sample: int | None = None) -> Response:
    """A completion beside its reference."""
    found = view.beside(console_of(request).any, name, id, sample)
    return render(request, "code_task.html", title=id, page=found)


def _choice(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "") for name in view.FILTERS}
