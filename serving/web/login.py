"""Logging in and out, and the access log for whoever may approve."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from registry.errors import LoginRefused
from serving.web import security
from serving.web.frame import LOG, Anybody, PageRoute, Reader, console_of, render, visitor_of
from serving.web.security import COOKIE, LOGIN_COOKIE, Refused


class Login(BaseModel):
    """The fields of the login form."""

    name: str = ""
    password: str = ""
    csrf: str = ""
    next: str = "/"


router = APIRouter(route_class=PageRoute)
SECONDS = 8 * 3600  # the cookie's life; the session's own is kept by the accounts


@router.get("/login")
def form(request: Request, next: str = "/") -> Response:
    """The form; somebody who is logged in goes on."""
    if visitor_of(request).session is not None:
        return RedirectResponse(_local(next), status_code=303)
    return _form(request, next)


@router.post("/login")
def log_in(request: Request, who: Anybody, form: Annotated[Login, Form()]) -> Response:
    """Check name and password; every try is counted, and the page never says which of the two was wrong."""
    cookie = request.cookies.get(LOGIN_COOKIE, "")
    if not cookie or not security.same(form.csrf, cookie):
        raise Refused(403, "form", "This form was not made by this server.", hint="Open the login page again.")
    console = console_of(request)
    request.state.tried = form.name[:64]  # for the access log, should it be refused
    try:
        account, text = console.accounts.log_in(form.name, form.password, address=who.address)
    except LoginRefused as error:
        if error.wait_seconds:
            raise
        LOG.warning("refused login of %r from %s", form.name[:64], who.address)
        return _form(request, form.next, name=form.name[:64], message=f"{error} {error.hint}", status=401)
    answer = RedirectResponse(_local(form.next), status_code=303)
    security.set_session(answer, request, text, seconds=SECONDS)
    LOG.info("%s logged in from %s", account.name, who.address)
    return answer


@router.post("/logout")
def log_out(request: Request, who: Anybody, csrf: Annotated[str, Form()] = "") -> Response:
    """End the session here and in the store."""
    if who.session is not None:
        if not security.same(csrf, who.form_token("logout", "")):
            raise Refused(403, "form", "This form was not made by this server for you.")
        console_of(request).accounts.log_out(request.cookies[COOKIE])
    answer = RedirectResponse("/", status_code=303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/access")
def access(request: Request, who: Reader) -> Response:
    """The newest lines of the access log; for approvers."""
    if not who.may("approver"):
        raise Refused(403, "read", "The access log is for approvers.", hint="Log in as one.")
    console = console_of(request)
    return render(
        request,
        "access.html",
        title="Access log",
        lines=console.accounts.access(limit=200),
        people=console.accounts.listed(),
    )


def _form(request: Request, next: str, *, name: str = "", message: str = "", status: int = 200) -> Response:
    users = len(console_of(request).accounts.listed())
    holder = Response()
    token = security.login_token(request, holder)
    answer = render(
        request, "login.html", title="Log in", status=status, next=_local(next), name=name, message=message,
        csrf=token, users=users,
    )  # fmt: skip
    answer.headers.append("set-cookie", holder.headers["set-cookie"])
    return answer


def _local(path: str) -> str:
    """A path on this site, or the overview: a link to the login page leads nowhere else."""
    good = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if good else "/"
