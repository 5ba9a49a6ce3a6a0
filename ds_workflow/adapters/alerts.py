"""Alerts that leave the house: by webhook and by e-mail, as config/alerts.yaml of the workspace says.

    at_least: warn                      # or critical
    repeat_hours: 24                    # the same alert is not sent again before
    webhook: {url_env: DS_WORKFLOW_WEBHOOK_URL, secret_env: DS_WORKFLOW_WEBHOOK_SECRET}
    email: {host: 127.0.0.1, port: 25, sender: watch@example.org, to: [team@example.org], starttls: false, ssl: false,
            user_env: DS_WORKFLOW_SMTP_USER, password_env: DS_WORKFLOW_SMTP_PASSWORD}

A password leaves this machine only under TLS: with `starttls`, or with `ssl` from the first byte (port 465).
Addresses of webhooks and secrets stand in the environment, never in the file. A webhook gets a POST of one JSON object,
whose `text` chat programs show as it is; with a secret its body is signed (HMAC-SHA-256 in X-Signature-256).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ds_workflow.adapters.sqlite_file import SqliteFile
from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.settings import parse_yaml

FILE = "alerts.db"
SECONDS, TRIES = 10.0, 3
LEVELS = ("warn", "critical")
_KEYS: dict[str, dict[str, type]] = {
    "webhook": {"url_env": str, "secret_env": str},
    "email": {
        "host": str, "port": int, "sender": str, "to": list, "starttls": bool, "ssl": bool,
        "user_env": str, "password_env": str,
    },
}  # fmt: skip

_schema = sa.MetaData()
_sent = sa.Table(
    "sent",
    _schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Message:
    """What is told. `facts` go to webhooks beside the text."""

    title: str
    text: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Webhook:
    """An address that takes a POST of JSON."""

    url: str
    secret: str = ""
    name: str = "webhook"

    def send(self, message: Message, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Send it; tried again when the other side is busy. Raises SourceUnavailable."""
        import httpx

        body = json.dumps(
            {"title": message.title, "text": f"{message.title}\n{message.text}", **message.facts}, allow_nan=False
        ).encode()
        headers = {"Content-Type": "application/json"}
        if self.secret:
            signed = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Signature-256"] = f"sha256={signed}"
        why = ""
        for attempt in range(TRIES):
            try:
                answer = httpx.post(self.url, content=body, headers=headers, timeout=SECONDS)
            except httpx.HTTPError as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return
                why = f"status {answer.status_code}"
                if answer.status_code < 500 and answer.status_code != 429:
                    break
            if attempt + 1 < TRIES:
                sleep(0.5 * 2**attempt)
        raise SourceUnavailable(f"The webhook did not take the alert: {why}.", hint="See config/alerts.yaml.")


@dataclass(frozen=True)
class Email:
    """A mail server and whom to write to; `ssl` is TLS from the first byte. Raises InvalidInput where a password would
    be sent in the clear to another machine."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    starttls: bool = False
    user: str = ""
    password: str = ""
    ssl: bool = False
    name: str = "email"

    def __post_init__(self) -> None:
        if self.ssl and self.starttls:
            raise InvalidInput("email: ssl and starttls can't both be.", hint="ssl for port 465, starttls for 587.")
        if self.user and not (self.ssl or self.starttls or _loopback(self.host)):
            raise InvalidInput(
                f"email: the password of {self.user} would go to {self.host} in the clear.",
                hint="Set starttls: true (port 587) or ssl: true (port 465).",
            )

    def send(self, message: Message) -> None:
        """Send it. Raises SourceUnavailable, also when a recipient is refused."""
        mail = EmailMessage()
        mail["Subject"] = " ".join(message.title.split())
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail.set_content(message.text, cte="quoted-printable")  # not every server takes 8 bits
        try:
            with self._server() as server:
                if self.starttls:
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise SourceUnavailable(
                f"The mail server {self.host}:{self.port} did not take the alert: {type(error).__name__}: {error}.",
                hint="See config/alerts.yaml.",
            ) from error
        if refused:
            raise SourceUnavailable(f"The mail server refused {', '.join(sorted(refused))}.")

    def _server(self) -> smtplib.SMTP:
        if self.ssl:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=ssl.create_default_context())
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True)
class Alerts:
    """How to tell whom. Without a file nobody is told anything."""

    channels: tuple[Webhook | Email, ...] = ()
    at_least: str = "warn"
    repeat_hours: float = 24.0

    def wants(self, status: str) -> bool:
        """Whether a status is told; what can't be told whether it is bad is told like a warning."""
        rank = {"healthy": 0, "warn": 1, "unknown": 1, "critical": 2}
        return rank[status] >= rank[self.at_least]


def load(root: Path, environ: Mapping[str, str]) -> Alerts:
    """The workspace's config/alerts.yaml; nothing where it is absent. Raises InvalidInput naming key and variable."""
    path = root / "config" / "alerts.yaml"
    if not path.exists():
        return Alerts()
    content = parse_yaml(path.read_bytes(), where=str(path)) or {}
    allowed = ("at_least", "repeat_hours", *_KEYS)
    if not isinstance(content, dict) or (unknown := [k for k in content if k not in allowed]):
        said = f"unknown key '{unknown[0]}'" if isinstance(content, dict) else "no mapping"
        raise InvalidInput(f"{path}: {said}.", hint=f"Allowed: {', '.join(allowed)}.")
    at_least, hours = content.get("at_least", "warn"), content.get("repeat_hours", 24)
    if at_least not in LEVELS:
        raise InvalidInput(f"{path}: at_least is '{at_least}'.", hint=f"Allowed: {', '.join(LEVELS)}.")
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= 720:
        raise InvalidInput(f"{path}: repeat_hours is '{hours}'.", hint="A number of hours from 0 to 720.")
    channels: list[Webhook | Email] = []
    for name, keys in _KEYS.items():
        if name in content:
            part = _part(content[name], keys, f"{path}: {name}")
            channels.append(_webhook(part, environ, path) if name == "webhook" else _email(part, environ, path))
    return Alerts(tuple(channels), at_least, float(hours))


def _part(content: Any, keys: Mapping[str, type], where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise InvalidInput(f"{where} must be a mapping.", hint=f"Allowed: {', '.join(keys)}.")
    for key, value in content.items():
        if key not in keys:
            raise InvalidInput(f"{where}: unknown key '{key}'.", hint=f"Allowed: {', '.join(keys)}.")
        if not isinstance(value, keys[key]) or (keys[key] is int and isinstance(value, bool)):
            raise InvalidInput(f"{where}.{key}: '{value}' is no {keys[key].__name__}.")
    return content


def _webhook(part: Mapping[str, Any], environ: Mapping[str, str], path: Path) -> Webhook:
    variable = part.get("url_env", "DS_WORKFLOW_WEBHOOK_URL")
    url = environ.get(variable, "")
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"{path}: the variable {variable} holds no http address.", hint="Set it, or drop webhook.")
    return Webhook(url, environ.get(part.get("secret_env", ""), ""))


def _email(part: Mapping[str, Any], environ: Mapping[str, str], path: Path) -> Email:
    lost = [key for key in ("host", "sender", "to") if not part.get(key)]
    if lost:
        raise InvalidInput(f"{path}: email lacks {', '.join(lost)}.")
    to = tuple(map(str, part["to"]))
    if bad := [a for a in (part["sender"], *to) if "@" not in a or any(c in a for c in "\r\n")]:
        raise InvalidInput(f"{path}: '{bad[0]}' is no address.")
    at_once = part.get("ssl", False)
    try:
        return Email(
            part["host"], part.get("port", 465 if at_once else 25), part["sender"], to, part.get("starttls", False),
            environ.get(part.get("user_env", ""), ""), environ.get(part.get("password_env", ""), ""), at_once,
        )  # fmt: skip
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", hint=error.hint) from error


class Outbox:
    """What was sent, so that the same thing is not told again and again."""

    def __init__(self, store: Path) -> None:
        self._file = SqliteFile(store / FILE, _schema)

    def last(self, subject: str, channel: str) -> tuple[str, str] | None:
        """Time and key of what was last told about a subject through a channel."""
        if not self._file.exists():
            return None
        query = sa.select(_sent.c.at, _sent.c.key).where(_sent.c.subject == subject, _sent.c.channel == channel)
        with self._file.reading() as connection:
            row = connection.execute(query.order_by(_sent.c.seq.desc()).limit(1)).first()
        return (row.at, row.key) if row else None

    def note(self, subject: str, channel: str, key: str, *, at: str) -> None:
        """Write down that it was told."""
        with self._file.writing() as connection:
            connection.execute(_sent.insert().values(at=at, subject=subject, key=key, channel=channel))


def names(channels: Sequence[Webhook | Email]) -> str:
    """The channels in words."""
    return " and ".join(c.name for c in channels) or "nobody"
