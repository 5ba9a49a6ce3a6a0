"""Try it: one row by hand against a champion, and the threshold of a problem of two classes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from ds_workflow import steps
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.use_cases import overview, threshold, try_it
from registry.errors import RegistryError
from serving.web.frame import PageRoute, Reader, console_of, render

router = APIRouter(route_class=PageRoute)


class Slider(BaseModel):
    """The fields of the explorer; `counts` is what `threshold.Counts.to_text` wrote."""

    counts: str
    at: float = 0.5
    missed: float = 1.0
    false_alarm: float = 1.0


@router.get("/try")
def everything(request: Request, who: Reader) -> Response:
    """The problems that have a champion to ask."""
    console = console_of(request)
    found = [overview.standing(console.work(name)) for name in console.problems]
    return render(request, "try.html", title="Try it", standings=found)


@router.get("/try/{problem}")
def form(request: Request, who: Reader, problem: str) -> Response:
    """The form of a problem, filled with the example that its columns declare."""
    work = console_of(request).work(problem)
    fields = try_it.fields(work.problem)
    return _form(request, problem, values={f.name: f.example for f in fields if f.example})


@router.post("/try/{problem}")
async def ask(request: Request, who: Reader, problem: str) -> Response:
    """The champion's answer; the answer alone when htmx asks, the whole page otherwise."""
    sent = await request.form(max_fields=500, max_files=0)
    values = {name: str(value) for name, value in sent.items()}
    return await run_in_threadpool(_answer, request, problem, values)


@router.get("/try/{problem}/threshold")
def explorer(request: Request, who: Reader, problem: str) -> Response:
    """Where to draw the line, on the champion's own holdout."""
    work = console_of(request).work(problem)
    threshold.require_binary(work.problem)
    try:
        counts = threshold.stored(work)
    except (RegistryError, InvalidInput) as error:
        nothing: dict[str, Any] = {"explored": None, "counts": None, "message": str(error)}
        nothing["commands"] = "\n".join(steps.first_champion(work))
        return render(request, "threshold.html", title="Threshold", problem=problem, **nothing)
    return _explored(request, problem, counts)


@router.post("/try/{problem}/threshold")
def move(request: Request, who: Reader, problem: str, slider: Annotated[Slider, Form()]) -> Response:
    """The figures at another threshold or with other costs, for htmx; the whole page otherwise."""
    return _explored(request, problem, threshold.Counts.of_text(slider.counts), slider)


@router.post("/try/{problem}/scored")
def upload(request: Request, who: Reader, problem: str, scored: Annotated[UploadFile, File()]) -> Response:
    """The same on a scored CSV; nothing of it is kept."""
    work = console_of(request).work(problem)
    threshold.require_binary(work.problem)
    data = scored.file.read(threshold.LARGEST + 1)
    counts = threshold.of_csv(work.problem, data, name=scored.filename or "the file")
    return _explored(request, problem, counts)


def _answer(request: Request, problem: str, values: dict[str, str]) -> Response:
    console = console_of(request)
    row = try_it.row_of(console.work(problem).problem, values)
    champion = console.hub.champion(problem)
    answer, errors = try_it.ask(champion, row)
    if _by_htmx(request):
        shown: dict[str, Any] = {"answer": answer, "errors": errors, "problem": problem, "part": True}
        shown["fields"] = try_it.fields(console.work(problem).problem)
        return render(request, "answer.html", status=400 if errors else 200, **shown)
    return _form(request, problem, values=values, answer=answer, errors=errors)


def _form(request: Request, problem: str, *, values: dict[str, str], answer: Any = None, errors: Any = ()) -> Response:
    console = console_of(request)
    work = console.work(problem)
    missing = ""
    try:
        version = console.hub.champion(problem).version.version
    except (WorkflowError, RegistryError) as error:
        version, missing = None, f"{error} {error.hint}"
    return render(
        request,
        "try_problem.html",
        title=work.problem.title,
        status=400 if errors else 200,
        problem=problem,
        declared=work.problem,
        fields=try_it.fields(work.problem),
        values=values,
        answer=answer,
        errors=errors,
        part=False,
        version=version,
        missing=missing,
        commands="\n".join(steps.first_champion(work)) if missing else "",
    )


def _explored(request: Request, problem: str, counts: threshold.Counts, slider: Slider | None = None) -> Response:
    """The explorer at the slider's place, or where the declared costs call for; the figures alone for htmx."""
    costs = threshold.costs_of(console_of(request).work(problem).problem)
    at, missed, alarm = costs.threshold, costs.missed, costs.false_alarm
    if slider is not None:
        at, missed, alarm = slider.at, slider.missed, slider.false_alarm
    explored = threshold.explore(counts, costs, at, missed=missed, false_alarm=alarm)
    part = slider is not None and _by_htmx(request)
    shown: dict[str, Any] = {"explored": explored, "counts": counts, "span": threshold.span_of(costs), "message": ""}
    shown |= {"part": part}
    return render(
        request, "threshold_part.html" if part else "threshold.html", title="Threshold", problem=problem, **shown
    )


def _by_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"
