"""Alerts against servers of this machine: what arrives, what is tried again, what a wrong configuration is told."""

from __future__ import annotations

import hashlib
import hmac
from email import message_from_string
from pathlib import Path

import pytest
from local_servers import mail_server, webhook

from ds_workflow.adapters import alerts
from ds_workflow.adapters.alerts import Alerts, Email, Message, Outbox, Webhook
from ds_workflow.errors import InvalidInput, SourceUnavailable

NEWS = Message("nyc_sales is warn", "warn: drift: x moved – a lot", {"problem": "nyc_sales", "status": "warn"})


def test_a_webhook_gets_json_that_is_signed() -> None:
    with webhook() as taken:
        Webhook(taken.address, secret="s3").send(NEWS)
    assert taken.json[0]["problem"] == "nyc_sales"
    assert taken.json[0]["text"].startswith("nyc_sales is warn\nwarn: drift")
    signed = hmac.new(b"s3", taken.bodies[0], hashlib.sha256).hexdigest()
    assert taken.headers[0]["X-Signature-256"] == f"sha256={signed}"


def test_a_busy_webhook_is_tried_again_and_one_that_refuses_is_not() -> None:
    waits: list[float] = []
    with webhook() as taken:
        taken.statuses = [503, 429]
        Webhook(taken.address).send(NEWS, sleep=waits.append)
        assert (len(taken.bodies), waits) == (3, [0.5, 1.0])
        taken.statuses = [404]
        with pytest.raises(SourceUnavailable, match="status 404"):
            Webhook(taken.address).send(NEWS, sleep=waits.append)
        assert len(taken.bodies) == 4
        gone = taken.address
    with pytest.raises(SourceUnavailable, match="ConnectError"):
        Webhook(gone).send(NEWS, sleep=waits.append)


def test_a_mail_arrives_with_its_words() -> None:
    with mail_server() as taken:
        Email("127.0.0.1", taken.port, "watch@example.org", ("ana@example.org", "ben@example.org")).send(NEWS)
    mail = message_from_string(taken.mails[0])
    assert (mail["Subject"], mail["From"]) == (NEWS.title, "watch@example.org")
    assert mail.get_payload(decode=True).decode().strip() == NEWS.text  # type: ignore[union-attr]
    assert len(taken.recipients) == 2


def test_a_mail_that_is_not_taken_by_all_is_told() -> None:
    with mail_server(refuse="ben@") as taken:
        channel = Email("127.0.0.1", taken.port, "watch@example.org", ("ana@example.org", "ben@example.org"))
        with pytest.raises(SourceUnavailable, match=r"refused ben@example\.org"):
            channel.send(NEWS)
        port = taken.port
    with pytest.raises(SourceUnavailable, match="did not take the alert"):
        Email("127.0.0.1", port, "watch@example.org", ("ana@example.org",)).send(NEWS)


@pytest.mark.parametrize("host", ["mail.example.org", "10.0.0.7", "127.0.0.1.example.org"])
def test_a_password_never_leaves_the_machine_in_the_clear(tmp_path: Path, host: str) -> None:
    to = {"sender": "a@b.c", "to": ("d@e.f",), "user": "u", "password": "p"}
    with pytest.raises(InvalidInput, match=f"to {host} in the clear") as caught:
        Email(host, 25, **to)  # type: ignore[arg-type]
    assert "starttls: true" in caught.value.hint
    assert Email(host, 587, starttls=True, **to).starttls  # type: ignore[arg-type]
    for here in ("127.0.0.1", "localhost", "::1"):
        assert Email(here, 25, **to).host == here  # type: ignore[arg-type]
    text = f"email: {{host: {host}, sender: a@b.c, to: [d@e.f], user_env: U, password_env: P}}"
    with pytest.raises(InvalidInput, match=r"alerts\.yaml: email: the password"):
        alerts.load(write(tmp_path, text), {"U": "u", "P": "p"})
    assert alerts.load(tmp_path, {}).channels == (Email(host, 25, "a@b.c", ("d@e.f",)),), "without a user none is sent"


def test_tls_from_the_first_byte_is_spoken() -> None:
    """A server that does not speak TLS is told the greeting of it (RFC 8446: a handshake record begins with 22)."""
    with mail_server() as taken:
        channel = Email("127.0.0.1", taken.port, "a@b.c", ("d@e.f",), ssl=True)
        with pytest.raises(SourceUnavailable, match="SSLError"):
            channel.send(NEWS)
    assert taken.mails == []


def write(root: Path, text: str) -> Path:
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "alerts.yaml").write_text(text, "utf-8")
    return root


def test_a_configuration_names_channels_and_reads_secrets_from_the_environment(tmp_path: Path) -> None:
    assert alerts.load(tmp_path, {}) == Alerts()
    write(
        tmp_path,
        "at_least: critical\nrepeat_hours: 2\nwebhook: {url_env: HOOK, secret_env: KEY}\n"
        "email: {host: h, sender: a@b.c, to: [d@e.f], user_env: U, password_env: P, ssl: true}\n",
    )
    found = alerts.load(tmp_path, {"HOOK": "https://h/x", "KEY": "k", "U": "u", "P": "p"})
    assert found.channels == (
        Webhook("https://h/x", "k"), Email("h", 465, "a@b.c", ("d@e.f",), user="u", password="p", ssl=True),
    )  # fmt: skip
    assert [found.wants(s) for s in ("healthy", "warn", "unknown", "critical")] == [False, False, False, True]
    assert [Alerts().wants(s) for s in ("healthy", "warn", "unknown", "critical")] == [False, True, True, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", "no mapping"),
        ("slack: {}", "unknown key 'slack'"),
        ("at_least: bad", "at_least is 'bad'"),
        ("repeat_hours: -1", "repeat_hours is '-1'"),
        ("webhook: {url_env: NONE}", "NONE holds no http address"),
        ("webhook: {url: 'http://x'}", "unknown key 'url'"),
        ("email: {host: h, sender: a@b.c}", "email lacks to"),
        ("email: {host: h, sender: nobody, to: [d@e.f]}", "'nobody' is no address"),
        ('email: {host: h, sender: a@b.c, to: ["d@e.f\\nBcc: x@y.z"]}', "is no address"),
        ("email: {host: h, port: '25', sender: a@b.c, to: [d@e.f]}", "'25' is no int"),
        ("email: {host: h, sender: a@b.c, to: [d@e.f], ssl: true, starttls: true}", "can't both be"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_wrong_configuration_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        alerts.load(write(tmp_path, text), {})


def test_the_outbox_knows_what_was_told_last(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    assert box.last("p", "email") is None
    box.note("p", "email", "warn drift", at="t1")
    box.note("p", "webhook", "critical", at="t2")
    box.note("p", "email", "healthy", at="t3")
    assert box.last("p", "email") == ("t3", "healthy")
    assert box.last("q", "email") is None
