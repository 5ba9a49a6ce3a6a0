"""POST /problems/{name}/score: a CSV in, a probability and a flag a row out."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import predict
from serving import schemas
from serving.asking import Ask
from serving.body import MAX_BYTES, body_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ds_workflow.domain.problem import Problem
    from serving.hub import Hub

MAX_ROWS = 50_000


def mount(app: FastAPI, hub: Hub) -> None:
    """Add one route for each problem of two classes."""
    for name, problem in hub.declared.items():
        if problem.task == "binary":
            add(app, hub, name, f"/problems/{name}/score")


def add(app: FastAPI, hub: Hub, name: str, path: str) -> None:
    """The route of one problem under a path."""
    problem = hub.declared[name]
    app.post(
        path,
        summary=f"Score a CSV: {problem.title}",
        description=(
            "A CSV in UTF-8 with a header, as the body (text/csv) or as the part `file` of a form. Declared columns "
            "that are no inputs are set aside unread and named; unknown ones are refused."
        ),
        operation_id=f"score_{path.strip('/').replace('/', '_')}",
        response_model=schemas.Scores,
        responses=schemas.REFUSALS,
        openapi_extra={"requestBody": _csv_body(problem)},
        tags=["score"],
    )(scoring(hub, name))


def scoring(hub: Hub, name: str) -> Callable[..., Awaitable[Any]]:
    """The endpoint of one problem."""
    slot = hub.slot(name)
    ask = Ask(hub, slot, "score")

    async def score(
        request: Request,
        threshold: float | None = Query(
            None, ge=0, le=1, description="A probability from which on a row is flagged; default: the model's own."
        ),
    ) -> Any:
        started = perf_counter()
        content = await _csv_of(request)
        live = await run_in_threadpool(slot.get)
        answerer = live.answerer
        uploaded = await run_in_threadpool(predict.read_csv, slot.work, content, most=MAX_ROWS)
        rows = await run_in_threadpool(answerer.checked, uploaded.rows)
        ident, answers = await ask.of(live, rows, started)
        line = answerer.threshold if threshold is None else threshold
        flags = [p >= line for p in answers.values]
        told = [
            {"row": row, "probability": p, "flag": flag}
            for row, (p, flag) in enumerate(zip(answers.values, flags, strict=True))
        ]
        return JSONResponse(
            {
                "request_id": ident,
                "model": answerer.name,
                "threshold": line,
                "rows": len(rows),
                "flagged": sum(flags),
                "set_aside": list(uploaded.aside),
                "predictions": told,
            }
        )

    return score


async def _csv_of(request: Request) -> bytes:
    """The CSV of a body or of a form, never more than is allowed. Raises TooLarge, InvalidInput."""
    body = await body_of(request)
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return body
    return _part_of(kind, body)


def _part_of(kind: str, body: bytes) -> bytes:
    """The part `file` of a form that is in memory already."""
    from python_multipart import FormParser
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import parse_options_header

    found: list[bytes] = []

    def keep(part: Any) -> None:
        if part.field_name == b"file":
            part.file_object.seek(0)
            found.append(part.file_object.read())
        part.close()

    _, options = parse_options_header(kind)
    try:
        config = {"MAX_MEMORY_FILE_SIZE": MAX_BYTES + 1}  # it never touches the disk
        form = FormParser("multipart/form-data", None, keep, boundary=options.get(b"boundary"), config=config)
        form.write(body)
        form.finalize()
    except (FormParserError, ValueError) as error:
        raise InvalidInput(f"The form can't be read: {error}.", hint="A form with one part named 'file'.") from error
    if len(found) != 1:
        raise InvalidInput(f"The form has {len(found)} parts named 'file'.", hint="A form with one part named 'file'.")
    return found[0]


def _csv_body(problem: Problem) -> dict[str, Any]:
    example = schemas.example_row(problem)
    text = f"{','.join(example)}\n{','.join(str(value) for value in example.values())}\n"
    schema = {"type": "string", "description": f"A CSV of at most {MAX_ROWS:,} rows."}
    form = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
    return {
        "required": True,
        "content": {"text/csv": {"schema": schema, "example": text}, "multipart/form-data": {"schema": form}},
    }
