"""Fetching the archive of reviews, against a local server that is cut off, busy, changed, or not the right one."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ds_workflow import plugins
from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.problems.movie_reviews.download import MD5, URL_VARIABLE
from ds_workflow.use_cases import data
from ds_workflow.workspace import Workspace

REVIEWS = plugins.load("problems", "movie_reviews")


def archive(words: str = "Fine.") -> bytes:
    """A small archive of reviews, with noise that does not pack well."""
    files = {
        "aclImdb/train/pos/0_9.txt": words,
        "aclImdb/test/neg/0_2.txt": "Dull.",
        "aclImdb/test/neg/1_1.txt": "Bad.",
    }
    files["aclImdb/imdb.vocab"] = np.random.default_rng(1).bytes(60_000).hex()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return written.getvalue()


@dataclass
class Server:
    """What it holds, what it has in store (one trouble per request), and what it was asked."""

    content: bytes = field(default_factory=archive)
    tag: str = '"one"'
    troubles: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

        def do_GET(self) -> None:
            state.ranges.append(self.headers.get("Range"))
            trouble = state.troubles.pop(0) if state.troubles else ""
            if trouble.isdigit():
                self.send_response(int(trouble))
                self.send_header("Content-Length", "0")
                return self.end_headers()
            asked = self.headers.get("Range") if self.headers.get("If-Range") == state.tag else None
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if asked and start >= len(state.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.content)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            body = state.content[start:]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", state.tag)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if trouble == "cut" else body)
            self.close_connection = True
            return None

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_address[1]}/aclImdb_v1.tar.gz"
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


def fetch(server: Server, out: Path, **given: Any) -> int:
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    rows: int = REVIEWS.fetch(out, **{"base_url": server.url, "md5": md5, "backoff": 0.01, **given})
    return rows


def test_the_archive_comes_whole(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "new" / "reviews.tar.gz"
    assert fetch(server, out) == 3
    assert out.read_bytes() == server.content
    assert [p.name for p in out.parent.iterdir()] == [out.name]
    assert len(REVIEWS.load(out)) == 3


def test_what_was_cut_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.troubles = ["cut", "503", "cut", "429"]
    said: list[str] = []
    assert fetch(server, tmp_path / "r.tar.gz", progress=said.append) == 3
    half = len(server.content) // 2
    assert server.ranges[:3] == [None, f"bytes={half}-", f"bytes={half}-"]
    assert any(line.startswith(f"Going on after {half:,} of") for line in said)
    assert any("503" in line for line in said)


def test_a_killed_download_is_taken_up_by_the_next(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "r.tar.gz"
    server.troubles = ["cut"]
    with pytest.raises(SourceUnavailable, match="1 times over") as caught:
        fetch(server, out, attempts=1)
    assert "goes on where it stopped" in caught.value.hint
    assert not out.exists()
    assert fetch(server, out) == 3
    assert server.ranges[-1] == f"bytes={len(server.content) // 2}-"
    # killed between the last byte and the check: nothing is asked for twice
    part = out.with_name(out.name + ".part")
    part.write_bytes(server.content)
    part.with_name(part.name + ".json").write_text(f'{{"url": "{server.url}", "validator": "\\"one\\""}}')
    out.unlink()
    assert fetch(server, out) == 3


def test_a_part_of_another_file_is_begun_anew(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "r.tar.gz"
    server.troubles = ["cut"]
    with pytest.raises(SourceUnavailable):
        fetch(server, out, attempts=1)
    server.content, server.tag = archive("Another one."), '"two"'
    assert fetch(server, out) == 3
    assert out.read_bytes() == server.content


def test_what_is_not_the_published_archive_is_refused(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "r.tar.gz"
    with pytest.raises(SourceUnavailable, match="not the published archive"):
        fetch(server, out, md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_stays_busy_or_refuses_is_said(server: Server, tmp_path: Path) -> None:
    server.troubles = ["503"] * 3
    with pytest.raises(SourceUnavailable, match="answered 503, 3 times over"):
        fetch(server, tmp_path / "r.tar.gz", attempts=3)
    server.troubles = ["404"]
    with pytest.raises(InvalidInput, match="status 404") as caught:
        fetch(server, tmp_path / "r.tar.gz")
    assert URL_VARIABLE in caught.value.hint
    with pytest.raises(SourceUnavailable, match="No answer"):
        fetch(server, tmp_path / "r.tar.gz", base_url="http://127.0.0.1:9/x", attempts=2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"out": "reviews.zip"}, "must end in"),
        ({"attempts": 0}, "at least 1"),
        ({"base_url": "gopher://x"}, "not an address"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_asked(
    given: dict[str, Any], words: str, server: Server, tmp_path: Path
) -> None:
    out = tmp_path / given.pop("out", "r.tar.gz")
    with pytest.raises(InvalidInput, match=words) as caught:
        fetch(server, out, **given)
    assert caught.value.hint
    assert server.ranges == []


def test_the_command_takes_the_address_from_the_surroundings(server: Server, tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "movie_reviews")
    with pytest.raises(InvalidInput, match="fetched whole"):
        data.fetch(work, tmp_path / "r.tar.gz", first=date(2024, 1, 1), last=date(2024, 1, 2))
    assert fetch(server, tmp_path / "r.tar.gz", base_url=None, environ={URL_VARIABLE: server.url}) == 3
