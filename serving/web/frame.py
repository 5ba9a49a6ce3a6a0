"""What every page shares: the templates, the visitor, errors as pages, and the headers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ds_workflow.errors import UnknownName, WorkflowError
from ds_workflow.workspace import Workspace
from registry.errors import LoginRefused, NotEligible, RegistryError
from serving.errors import status_of
from serving.web import security
from serving.web.security import NeedsLogin, Refused, Visitor

LARGEST_FORM, LARGEST_FILE = 1 << 20, 21 << 20  # bytes
HERE = Path(__file__).parent
LOG = logging.getLogger("serving.web")
PROPOSAL_ID = re.compile(r"P-\d{8}T\d{12}-[0-9a-f]{8}")
SECTIONS = (
    ("Overview", "/"),
    ("Arena", "/arena"),
    ("Models", "/models"),
    ("Hypotheses", "/hypotheses"),
    ("Experiments", "/experiments"),
    ("Code", "/code"),
    ("Monitoring", "/monitoring"),
    ("Telemetry", "/telemetry"),
    ("Try it", "/try"),
    ("Documents", "/documents"),
)


class Hub(Protocol):
    """What the console asks of the service: a workspace and the loaded champion of each problem."""

    @property
    def problems(self) -> Sequence[str]: ...

    def work(self, name: str) -> Workspace: ...

    def champion(self, name: str) -> Any:
        """`ds_workflow.use_cases.predict.Answerer`; raises NoChampion and the like."""
        ...


@dataclass(frozen=True)
class Console:
    """The pages of one application."""

    hub: Hub
    reading: str
    mlflow_url: str
    templates: Environment

    @property
    def accounts(self) -> Any:
        """Users, sessions and the access log; one set for all problems."""
        return self.any.accounts

    @property
    def any(self) -> Workspace:
        """The workspace at whatever problem: all share one folder and one ledger."""
        return self.hub.work(self.hub.problems[0])

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """The problems whose plug-ins can be read; the overview says what is wrong with the others."""
        found = []
        for name in self.hub.problems:
            try:
                found.append(self.hub.work(name).problem.name)
            except WorkflowError as error:
                LOG.warning("the problem %s is not shown: %s", name, error)
        return tuple(found)

    def work(self, name: str) -> Workspace:
        """The workspace of a problem. UnknownName with the known ones for any other text."""
        if name not in self.problems:
            raise UnknownName("problem", name[:100], self.problems)
        return self.hub.work(name)

    def log(self, kind: str, outcome: str, who: Visitor, path: str, detail: str) -> None:
        """One line of the access log, and for a refusal one of the server's own log."""
        if outcome == "refused":
            LOG.warning("refused %s by %s from %s at %r: %r", kind, who.name, who.address, path, detail)
        self.accounts.log(kind, outcome, who=who.name, address=who.address, path=path, detail=detail)


def environment() -> Environment:
    """Templates that escape everything and fail on what is not defined."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["sections"] = SECTIONS
    made.filters["moment"] = moment
    made.filters["with_proposals"] = with_proposals
    made.filters["words"] = lambda text: str(text).replace("_", " ")
    made.globals["m"] = made.get_template("macros.html").module
    return made


def with_proposals(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is the id of a proposal."""
    return [
        (piece, bool(PROPOSAL_ID.fullmatch(piece))) for piece in re.split(f"({PROPOSAL_ID.pattern})", text) if piece
    ]


def moment(text: str | None) -> str:
    """A record's time in UTC to the minute."""
    return f"{text[:10]} {text[11:16]} UTC" if text and len(text) >= 17 else "n/a"


def console_of(request: Request) -> Console:
    """The console that answers this request."""
    found: Console = request.app.state.console
    return found


def visitor_of(request: Request) -> Visitor:
    """Who asks, looked up once a request."""
    if not hasattr(request.state, "visitor"):
        request.state.visitor = security.visitor(request, console_of(request).accounts)
    found: Visitor = request.state.visitor
    return found


def reader(request: Request) -> Visitor:
    """Who reads; a dependency of every page but the login."""
    who = visitor_of(request)
    security.require_reader(request, who, reading=console_of(request).reading)
    return who


Reader = Annotated[Visitor, Depends(reader)]
Anybody = Annotated[Visitor, Depends(visitor_of)]


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or with `template` a part of one, for this visitor."""
    console, who = console_of(request), visitor_of(request)
    text = console.templates.get_template(template).render(
        visitor=who,
        here=request.url.path,
        logout_token=who.form_token("logout", ""),
        **values,
    )
    return HTMLResponse(text, status_code=status)


def require_bounded(request: Request) -> None:
    """Refuse a form before it is read when it is larger than any of ours, or does not say how large it is."""
    if request.method != "POST":
        return
    most = LARGEST_FILE if request.url.path.endswith("/scored") else LARGEST_FORM
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise Refused(411, "request", "This form does not say how long it is.")
    if int(length) > most:
        raise Refused(413, "request", f"This form has {int(length):,} bytes; at most {most:,} are read.")


class PageRoute(APIRoute):
    """A route whose errors are pages, whose refusals are logged, and whose answers carry the headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler with all that around it."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                require_bounded(request)
                answer = await handle(request)
            except NeedsLogin:
                where = request.url.path if request.method == "GET" else "/"
                answer = RedirectResponse(f"/login?next={quote(where)}", status_code=303)
            except RequestValidationError:
                answer = await run_in_threadpool(failed, request, Refused(400, "request", "Something is missing here."))
            except (Refused, WorkflowError, RegistryError, HTTPException) as error:
                answer = await run_in_threadpool(failed, request, error)
            except Exception as error:
                LOG.exception("unforeseen at %r", request.url.path)
                answer = await run_in_threadpool(failed, request, error)
            return with_headers(answer)

        return guarded


def with_headers(answer: Response) -> Response:
    """The answer with the security headers that it does not set itself."""
    for name, value in security.HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def failed(request: Request, error: Exception) -> Response:
    """An error as a page: what happened, what to do next. What was refused stands in the access log."""
    console = console_of(request)
    try:
        who = visitor_of(request)
    except Refused:
        who = Visitor(request.client.host if request.client else "-")
        request.state.visitor = who
    status, kind, hint, message = _told(error)
    deciding = request.method == "POST" and request.url.path.startswith("/arena/")
    if kind or deciding:
        tried = getattr(request.state, "tried", "")  # whose account a login was aimed at; nobody proved to be them
        detail = f"{error} (tried as {tried!r})" if tried else str(error)
        console.log(kind or "decision", "refused", who, request.url.path, detail)
    answer = render(request, "error.html", status=status, message=message, hint=hint, title="Not done")
    if isinstance(error, LoginRefused) and error.wait_seconds:
        answer.headers["Retry-After"] = str(error.wait_seconds)
    return answer


def _told(error: Exception) -> tuple[int, str, str, str]:
    """Status, kind for the access log (empty: not logged), hint and message of an error."""
    hint = str(getattr(error, "hint", ""))
    status, kind = 500, ""
    if isinstance(error, Refused):
        status, kind = error.status, error.kind
    elif isinstance(error, LoginRefused):  # a wrong password was counted when it was tried
        status, kind = (429, "limit") if error.wait_seconds else (401, "")
    elif isinstance(error, NotEligible):
        status, kind = 403, "decision"
    elif isinstance(error, UnknownName):
        status = 404
    elif isinstance(error, WorkflowError | RegistryError):
        status = status_of(error)
    elif isinstance(error, HTTPException):
        return error.status_code, "", "", str(error.detail)
    else:
        return 500, "", "The server's log has the details.", "Something went wrong that this page did not foresee."
    return status, kind, hint, str(error)
