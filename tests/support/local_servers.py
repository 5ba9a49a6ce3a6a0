"""Servers of this machine for tests: one that takes POSTs of JSON, one that takes mail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any


@dataclass
class Taken:
    """What a server was sent, and what it answers next."""

    address: str = ""
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # of the next answers; then 200
    answer: Any = None

    @property
    def json(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]


@contextmanager
def webhook() -> Iterator[Taken]:
    """Takes POSTs, answers with `statuses` in turn and the JSON of `answer`."""
    taken = Taken()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            taken.headers.append(dict(self.headers))
            self.send_response(taken.statuses.pop(0) if taken.statuses else 200)
            self.end_headers()
            self.wfile.write(json.dumps(taken.answer).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _running(server):
        taken.port = server.server_address[1]
        taken.address = f"http://127.0.0.1:{taken.port}"
        yield taken


@contextmanager
def mail_server(refuse: str = "") -> Iterator[Taken]:
    """A mail server (RFC 5321, no extensions) that keeps what it takes; recipients that hold `refuse` are refused."""
    taken = Taken()

    class Handler(StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                verb = line[:4].upper()
                if verb == "RCPT":
                    bad = bool(refuse) and refuse in line
                    taken.recipients += [] if bad else [line]
                    self.say("550 nobody of that name" if bad else "250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (part := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        lines.append(part)
                    taken.mails.append("\n".join(lines))
                    self.say("250 ok")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _running(server):
        taken.port = server.server_address[1]
        yield taken


@contextmanager
def _running(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
