"""Experiments: what was kept, one result with its pictures, and the figures behind each as CSV."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ds_workflow.use_cases.experiment import view
from serving.web.frame import PageRoute, Reader, console_of, render

router = APIRouter(route_class=PageRoute)
FILTERS = ("metric", "arm", "segment", "estimator")
VERDICTS = ("ship", "keep", "continue", "better", "worse", "undecided", "invalid")


@router.get("/experiments")
def everything(request: Request, who: Reader, kind: str = "", verdict: str = "") -> Response:
    """Kept results, newest first; `kind` and `verdict` narrow the list."""
    found = view.listed(console_of(request).any, kind=kind, verdict=verdict)
    return render(
        request,
        "experiments.html",
        title="Experiments",
        rows=found,
        kinds=view.kinds(),
        kind=kind,
        verdicts=VERDICTS,
        verdict=verdict,
    )


@router.get("/experiments/{name}")
def one(request: Request, who: Reader, name: str) -> Response:
    """One result: what it recommends, the split, pictures with their sources. The address carries what is shown."""
    choice = _choice(request)
    found = view.read(console_of(request).any, name, choice)
    return render(request, "experiment.html", title=name, page=found, choice=choice)


@router.get("/experiments/{name}/{table}.csv")
def table(request: Request, who: Reader, name: str, table: str) -> Response:
    """The figures behind a picture."""
    text = view.csv(console_of(request).any, name, table, _choice(request))
    return csv(text, f"{name}-{table}")


def csv(text: str, stem: str) -> Response:
    """A file for a spreadsheet."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem)
    headers = {"Content-Disposition": f'attachment; filename="{safe}.csv"'}
    return PlainTextResponse(text, media_type="text/csv; charset=utf-8", headers=headers)


def _choice(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "") for name in FILTERS}
