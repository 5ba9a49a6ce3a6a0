"""Who asks, whether they may, and what every answer to a browser carries.

Three things guard a decision: a session (an HttpOnly, SameSite=Strict cookie whose text is stored as a digest), a form
token that is bound to the session, the action, the proposal and its state, and the digest of the evidence as seen. So a
request forged by another site has no cookie and no token, and one sent again no longer fits the proposal's state.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import Request, Response

if TYPE_CHECKING:
    from registry.accounts import Account, Session
    from registry.accounts_store import Accounts

COOKIE = "ds_session"
LOGIN_COOKIE = "ds_login"  # the form token of somebody who has no session yet
READING = ("loopback", "open", "closed")
FORWARDING = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}
# A stored report brings its own style sheet, and nothing else of it may act.
DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"


class Refused(Exception):
    """A request that is not served: `status` for the browser, `kind` for the access log."""

    def __init__(self, status: int, kind: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.status, self.kind, self.hint = status, kind, hint


class NeedsLogin(Exception):
    """Reading is closed to strangers here, and this is one."""


@dataclass(frozen=True)
class Visitor:
    """Who asks: a person with a session, a program with a token, or a stranger."""

    address: str
    session: Session | None = None
    program: Account | None = None

    @property
    def name(self) -> str:
        """As the access log names them."""
        if self.session is not None:
            return self.session.account.name
        return f"{self.program.name} (token)" if self.program is not None else "-"

    @property
    def account(self) -> Account | None:
        """The person, or whose program it is."""
        return self.session.account if self.session is not None else self.program

    def may(self, role: str) -> bool:
        """Whether the person at the browser has the role; a program has none."""
        return self.session is not None and role in self.session.account.roles

    def form_token(self, action: str, subject: str) -> str:
        """What a form must send back; empty without a session."""
        return "" if self.session is None else token_of(self.session.secret, action, subject)


def visitor(request: Request, accounts: Accounts) -> Visitor:
    """Who asks, by cookie or `Authorization: Bearer`."""
    address = request.client.host if request.client else "-"
    if cookie := request.cookies.get(COOKIE):
        return Visitor(address, session=accounts.session(cookie))
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and text:
        program = accounts.of_token(text.strip())
        if program is None:
            raise Refused(401, "token", "This token is unknown, revoked or over.", hint="Make one with 'token-add'.")
        return Visitor(address, program=program)
    return Visitor(address)


def require_reader(request: Request, who: Visitor, *, reading: str) -> None:
    """Raise NeedsLogin unless this visitor may read.

    `loopback` is open to this machine only: both the caller's address and the name it asked for are this machine's, and
    nothing says that the request was passed on. So neither a name that another site points here nor a proxy that says
    what it is opens the pages to others.
    """
    if who.account is not None or reading == "open":
        return
    passed_on = any(name in request.headers for name in FORWARDING)
    asked = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if (
        reading == "loopback"
        and not passed_on
        and _is_loopback(who.address)
        and (asked == "localhost" or _is_loopback(asked))
    ):
        return
    raise NeedsLogin


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def token_of(secret: str, action: str, subject: str) -> str:
    """HMAC-SHA256 of action and subject under the session's secret."""
    return hmac.new(secret.encode(), f"{action}\n{subject}".encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def set_session(response: Response, request: Request, text: str, *, seconds: int) -> None:
    """Hand the session to the browser; scripts can't read it and other sites' requests don't carry it."""
    _hand(response, request, COOKIE, text, seconds=seconds, path="/")
    response.delete_cookie(LOGIN_COOKIE, path="/login")


def login_token(request: Request, response: Response) -> str:
    """The form token of the login page: the same text in a cookie and in the form, so no other site can log one in."""
    text = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(24)
    secure = request.url.scheme == "https"
    response.set_cookie(
        LOGIN_COOKIE, text, max_age=3600, httponly=True, samesite="strict", secure=secure, path="/login"
    )
    return text


def _hand(response: Response, request: Request, name: str, text: str, *, seconds: int, path: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, text, max_age=seconds, httponly=True, samesite="strict", secure=secure, path=path)
