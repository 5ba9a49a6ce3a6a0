"""Fetching the published table of frauds through the owner's account, against a local service that answers alike."""

from __future__ import annotations

import base64
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.problems.credit_card_fraud.source import COLUMNS
from ds_workflow.use_cases import data
from ds_workflow.workspace import Workspace

PLUGIN = plugins.load("problems", "credit_card_fraud")


def published(n: int) -> pd.DataFrame:
    """Rows with the published columns, in no way like the real ones."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(n, len(COLUMNS))), columns=list(COLUMNS))
    return frame.assign(Time=np.arange(n), Class=np.arange(n) % 2)


def packed(content: bytes | None = None, member: str = "creditcard.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, published(300).to_csv(index=False) if content is None else content)
    return buffer.getvalue()


@dataclass
class Kaggle:
    """A service that asks for an account and leads on to the file at another address; troubles one per download."""

    zip: bytes = field(default_factory=packed)
    troubles: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    leaked: list[str | None] = field(default_factory=list)
    url: str = ""
    files: str = ""


@pytest.fixture
def kaggle() -> Iterator[Kaggle]:
    state = Kaggle()

    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

    class Api(Quiet):
        def do_GET(self) -> None:
            given = base64.b64decode(self.headers.get("Authorization", "Basic ").split(" ")[1]).decode()
            state.asked.append((self.path, given))
            if given != "noor:a-key":
                return self.answer(401)
            trouble = state.troubles[0] if state.troubles else ""
            if trouble.isdigit():
                state.troubles.pop(0)
                return self.answer(int(trouble))
            return self.answer(302, Location=f"{state.files}/signed.zip")

    class Files(Quiet):
        def do_GET(self) -> None:
            state.leaked.append(self.headers.get("Authorization"))
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            start = int(asked.split("=")[1].rstrip("-")) if asked else 0
            if start >= len(state.zip):
                return self.answer(416)
            body = state.zip[start:]
            if state.troubles and state.troubles.pop(0) == "cut":
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return None
            return self.answer(206 if asked else 200, body)

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Api), ThreadingHTTPServer(("localhost", 0), Files)]
    state.url = f"http://127.0.0.1:{servers[0].server_address[1]}/api/v1"
    state.files = f"http://localhost:{servers[1].server_address[1]}"
    threads = [threading.Thread(target=s.serve_forever, args=(0.02,), daemon=True) for s in servers]
    for thread in threads:
        thread.start()
    yield state
    for server in servers:
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


ACCOUNT = {"KAGGLE_USERNAME": "noor", "KAGGLE_KEY": "a-key"}


@pytest.fixture
def get(kaggle: Kaggle, tmp_path: Path) -> Callable[..., int]:
    def run(name: str = "creditcard.csv", **options: Any) -> int:
        given: dict[str, Any] = {"base_url": kaggle.url, "backoff": 0.001, "environ": ACCOUNT} | options
        rows: int = PLUGIN.fetch(tmp_path / name, **given)
        return rows

    return run


@pytest.mark.parametrize("name", ["creditcard.csv", "creditcard.parquet"])
def test_it_is_fetched_with_the_owners_account_alone(
    get: Callable[..., int], kaggle: Kaggle, tmp_path: Path, name: str
) -> None:
    assert get(name) == 300
    assert kaggle.asked == [("/api/v1/datasets/download/mlg-ulb/creditcardfraud", "noor:a-key")]
    assert kaggle.leaked == [None], "the signed address must not see the account"
    pd.testing.assert_frame_equal(PLUGIN.load(tmp_path / name)[list(COLUMNS)], published(300).astype("float64"))
    assert [p.name for p in tmp_path.iterdir()] == [name]
    environ = {**ACCOUNT, "DS_WORKFLOW_KAGGLE_URL": kaggle.url}
    assert get("again.csv", base_url=None, environ=environ) == 300


@pytest.mark.parametrize("lost", ["KAGGLE_USERNAME", "KAGGLE_KEY"])
def test_without_an_account_nothing_is_asked(get: Callable[..., int], kaggle: Kaggle, lost: str) -> None:
    with pytest.raises(InvalidInput, match=f"lacks {lost}") as caught:
        get(environ={k: v for k, v in ACCOUNT.items() if k != lost})
    assert "API token" in caught.value.hint
    assert kaggle.asked == []
    with pytest.raises(InvalidInput, match="refused the account 'noor' with status 401") as refused:
        get(environ={**ACCOUNT, "KAGGLE_KEY": "wrong"})
    assert "wrong" not in str(refused.value) + refused.value.hint


def test_it_goes_on_where_it_was_cut_off(get: Callable[..., int], kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.troubles = ["503", "cut", "429"]
    said: list[str] = []
    assert get(progress=said.append) == 300
    half = len(kaggle.zip) // 2
    assert kaggle.ranges == [None, f"bytes={half}-"]
    assert sum("trying again" in line for line in said) == 3
    kaggle.troubles = ["cut"]
    with pytest.raises(SourceUnavailable, match="was lost"):
        get("later.csv", attempts=1)
    assert (tmp_path / "later.csv.part").stat().st_size == half
    assert not (tmp_path / "later.csv").exists()
    assert get("later.csv") == 300
    assert kaggle.ranges[-1] == f"bytes={half}-"
    (tmp_path / "whole.csv.part").write_bytes(kaggle.zip)  # killed after the last byte
    assert get("whole.csv") == 300


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>maintenance</html>", "no zip with creditcard.csv"),
        (packed(member="other.csv"), "no zip with creditcard.csv"),
        (packed(b"a,b\n1,2\n"), "lacks Time, V1"),
        (packed(b""), "is no table"),
    ],
)
def test_what_is_not_the_table_is_never_kept(
    get: Callable[..., int], kaggle: Kaggle, tmp_path: Path, content: bytes, words: str
) -> None:
    kaggle.zip = content
    with pytest.raises(SourceUnavailable, match=words):
        get()
    assert not (tmp_path / "creditcard.csv").exists()
    kaggle.zip = packed()
    assert get() == 300


def test_a_service_that_stays_away_and_bad_arguments(get: Callable[..., int], kaggle: Kaggle) -> None:
    kaggle.troubles = ["500"] * 2
    with pytest.raises(SourceUnavailable, match="answered 500, 2 times over") as caught:
        get(attempts=2)
    assert "goes on" in caught.value.hint
    kaggle.troubles = ["404"]
    with pytest.raises(InvalidInput, match="refused the download with status 404"):
        get()
    with pytest.raises(InvalidInput, match=r"must end in \.csv"):
        get("table.txt")
    with pytest.raises(InvalidInput, match="at least 1"):
        get(attempts=0)
    with pytest.raises(InvalidInput, match="not an address"):
        get(base_url="nowhere")


def test_the_command_takes_no_days(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "credit_card_fraud")
    with pytest.raises(InvalidInput, match="is fetched whole"):
        data.fetch(work, tmp_path / "creditcard.csv", first=date(2013, 9, 1))
    with pytest.raises(InvalidInput, match="fetched day by day"):
        data.fetch(Workspace.at(tmp_path, "nyc_sales"), tmp_path / "sales.csv")
