"""Load on an HTTP server: so many keep-alive connections, each sending its next request when the last was answered.

    python benchmarks/http_load.py http://127.0.0.1:8000/predict --body rows.json --concurrency 32 --seconds 5

Prints one JSON document: requests per second, latencies in milliseconds, statuses, and what failed. Runs on uvloop in
a process of its own, so that it takes little from the server it measures: about 20 microseconds of a core a request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlparse


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: Load) -> None:
        self.load, self.buffer, self.sent_at = load, b"", 0.0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(rest) < int(length or 0):
            return
        now = time.perf_counter()
        self.load.answered(int(head[9:12]), now - self.sent_at, now)
        self.buffer = b""
        if now < self.load.until:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if time.perf_counter() < self.load.until:
            self.load.failures += 1
        self.load.open -= 1
        if not self.load.open:
            self.load.done.set()


class Load:
    """All connections together; answers before `start` only warm up."""

    def __init__(self, request: bytes, *, warm_up: float, seconds: float) -> None:
        self.request, self.done, self.open, self.failures = request, asyncio.Event(), 0, 0
        self.start = time.perf_counter() + warm_up
        self.until = self.start + seconds
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.last = self.start

    def answered(self, status: int, took: float, now: float) -> None:
        if now >= self.start:
            self.took.append(took)
            self.statuses[status] += 1
            self.last = now

    def summary(self) -> dict[str, Any]:
        took = sorted(self.took)

        def quantile(share: float) -> float | None:
            return round(took[min(len(took) - 1, int(share * len(took)))] * 1000, 3) if took else None

        return {
            "per_second": round(len(took) / max(self.last - self.start, 1e-9), 1),
            "requests": len(took),
            "p50_ms": quantile(0.5),
            "p99_ms": quantile(0.99),
            "statuses": {str(code): n for code, n in sorted(self.statuses.items())},
            "failures": self.failures,
        }


async def run(url: str, body: bytes, *, concurrency: int, seconds: float, warm_up: float, kind: str) -> dict[str, Any]:
    """One measurement."""
    where = urlparse(url)
    method = "POST" if body else "GET"
    head = f"{method} {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: {kind}\r\n"
    request = head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    load = Load(request, warm_up=warm_up, seconds=seconds)
    loop = asyncio.get_running_loop()
    for _ in range(concurrency):
        load.open += 1
        await loop.create_connection(lambda: Caller(load), where.hostname, where.port)
        await asyncio.sleep(0.005)  # in one burst, all could land on one worker
    try:
        await asyncio.wait_for(load.done.wait(), warm_up + seconds + 60)
    except TimeoutError:
        load.failures += load.open
    return load.summary()


def main() -> None:
    """Measure what the command line names."""
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--body", type=Path)
    parser.add_argument("--kind", default="application/json")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm-up", type=float, default=1.0)
    given = parser.parse_args()
    body = given.body.read_bytes() if given.body else b""
    found = uvloop.run(
        run(
            given.url,
            body,
            concurrency=given.concurrency,
            seconds=given.seconds,
            warm_up=given.warm_up,
            kind=given.kind,
        )
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
