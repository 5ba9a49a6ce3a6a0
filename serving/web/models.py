"""Versions: all of them, one, and two beside each other."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from ds_workflow import steps
from ds_workflow.use_cases import documents, models_view
from serving.web.frame import PageRoute, Reader, console_of, render
from serving.web.security import DOCUMENT_POLICY

router = APIRouter(route_class=PageRoute)
NEWEST = 20  # versions of each problem on the page of all problems


@router.get("/models")
def everything(request: Request, who: Reader) -> Response:
    """The newest versions of every problem."""
    console = console_of(request)
    found = [models_view.listing(console.work(name), most=NEWEST) for name in console.problems]
    return render(request, "models.html", title="Models", listings=found, mlflow=console.mlflow_url)


@router.get("/models/{problem}")
def of_problem(request: Request, who: Reader, problem: str, before: int = 0) -> Response:
    """The versions of one problem, a page of them, who was champion when, and a form to compare two."""
    console = console_of(request)
    work = console.work(problem)
    found = models_view.listing(work, before=before)
    shown: dict[str, Any] = {"listing": found, "commands": "\n".join(steps.first_champion(work))}
    return render(request, "model_versions.html", title=found.title, mlflow=console.mlflow_url, **shown)


@router.get("/models/{problem}/compare")
def compare(request: Request, who: Reader, problem: str, left: int, right: int) -> Response:
    """Two versions: their figures and what differs in their lineage."""
    pair = models_view.compare(console_of(request).work(problem), left, right)
    return render(request, "model_pair.html", title=f"v{left} and v{right}", pair=pair, problem=problem)


@router.get("/models/{problem}/{version}")
def version(request: Request, who: Reader, problem: str, version: int) -> Response:
    """One version: lineage, figures, what it looks at, decisions about it."""
    console = console_of(request)
    found = models_view.read(console.work(problem), version)
    return render(
        request, "model.html", title=f"{problem} v{version}", page=found, problem=problem, mlflow=console.mlflow_url
    )


@router.get("/models/{problem}/{version}/files/{name}")
def file(request: Request, who: Reader, problem: str, version: int, name: str) -> Response:
    """A file of the version's run: Markdown as a page, the rest as it is, unable to act."""
    text = models_view.file_text(console_of(request).work(problem), version, name)
    return stored(request, name, text, back=f"/models/{problem}/{version}", words=f"{problem} v{version}")


def stored(request: Request, name: str, text: str, *, back: str, words: str) -> Response:
    """A stored text: Markdown inside our frame; HTML and pictures as they are, sandboxed; the rest as plain text."""
    if name.endswith(".md"):
        return render(request, "document.html", title=name, body=documents.html(text), back=back, words=words)
    kind = {"html": "text/html", "svg": "image/svg+xml"}.get(name.rpartition(".")[2])
    if kind is None:
        return PlainTextResponse(text)
    return HTMLResponse(text, media_type=kind, headers={"Content-Security-Policy": DOCUMENT_POLICY})
