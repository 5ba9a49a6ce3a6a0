"""Fetching months of trip records, against a local server that serves whole and broken files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.taxi_demand import fetch, load
from ds_workflow.problems.taxi_demand.open_data import SourceUnavailable

FIRST, LAST = date(2022, 12, 15), date(2023, 2, 1)
MONTHS = ("2022-12", "2023-01", "2023-02")


def published(month: str, trips: int) -> bytes:
    """A month's file, as the source gives it."""
    times = pd.date_range(f"{month}-01", periods=trips, freq="37min")
    buffer = BytesIO()
    pd.DataFrame({"lpep_pickup_datetime": times, "PULocationID": 74}).to_parquet(buffer)
    return buffer.getvalue()


@dataclass
class Store:
    """The local store: its files by name, what it was asked, and the troubles it has in store, one per request: a
    status, or the number of bytes (below 0) after which it hangs up."""

    files: dict[str, bytes] = field(default_factory=dict)
    troubles: list[int | bytes | None] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""
    ranges: bool = True


@pytest.fixture
def store() -> Iterator[Store]:
    state = Store({f"green_tripdata_{month}.parquet": published(month, 100 + i) for i, month in enumerate(MONTHS)})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, wanted = self.path.rpartition("/")[2], self.headers.get("Range")
            state.asked.append((name, wanted))
            trouble = state.troubles.pop(0) if state.troubles else None
            content = state.files.get(name)
            if content is None or (isinstance(trouble, int) and trouble > 0):
                self.send_error(trouble if isinstance(trouble, int) and trouble > 0 else 403)
                return
            content = trouble if isinstance(trouble, bytes) else content
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            until = start - trouble if isinstance(trouble, int) else len(content)
            self.wfile.write(content[start:until])
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/trips/{{cab}}_tripdata_{{month}}.parquet"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def get(store: Store, tmp_path: Path) -> Callable[..., int]:
    def run(**options: Any) -> int:
        given: dict[str, Any] = {"first": FIRST, "last": LAST, "backoff": 0.001, "environ": {}} | options
        return fetch(given.pop("out", tmp_path / "tlc"), **{"base_url": store.url} | given)

    return run


def test_each_month_is_a_file_that_the_loader_reads(get: Callable[..., int], store: Store, tmp_path: Path) -> None:
    assert get() == 100 + 101 + 102
    folder = tmp_path / "tlc"
    assert sorted(p.name for p in folder.iterdir()) == sorted(store.files)
    assert load(folder)["pickups"].sum() == 303
    store.asked.clear()
    assert get() == 303  # what is there is left alone
    assert store.asked == []


def test_it_goes_on_where_a_connection_broke(get: Callable[..., int], store: Store, tmp_path: Path) -> None:
    store.troubles = [-500, 503, None]
    said: list[str] = []
    assert get(last=date(2022, 12, 31), progress=said.append) == 100
    name = "green_tripdata_2022-12.parquet"
    assert store.asked == [(name, None), (name, "bytes=500-"), (name, "bytes=500-")]
    assert (tmp_path / "tlc" / name).read_bytes() == store.files[name]
    assert sum("trying again" in line for line in said) == 2


def test_it_gives_up_keeps_what_it_has_and_goes_on_later(get: Callable[..., int], store: Store, tmp_path: Path) -> None:
    store.troubles = [None, -700, 500]
    with pytest.raises(SourceUnavailable, match="answered 500, 2 times over") as raised:
        get(attempts=2)
    assert "goes on where it stopped" in raised.value.hint
    kept = {p.name: p.stat().st_size for p in (tmp_path / "tlc").iterdir()}
    assert kept["green_tripdata_2023-01.parquet.part"] == 700  # never a file that is not whole
    assert "green_tripdata_2023-01.parquet" not in kept
    store.asked.clear()
    assert get() == 303
    assert store.asked[0] == ("green_tripdata_2023-01.parquet", "bytes=700-")


def test_a_store_that_knows_no_ranges_is_read_from_the_start(get: Callable[..., int], store: Store) -> None:
    store.ranges, store.troubles = False, [-600, None]
    assert get(last=date(2022, 12, 31)) == 100


def test_what_is_no_parquet_file_is_asked_again_and_never_kept(
    get: Callable[..., int], store: Store, tmp_path: Path
) -> None:
    store.troubles = [b"<html>come back later</html>"] * 2
    with pytest.raises(SourceUnavailable, match="no whole parquet file"):
        get(attempts=2)
    assert list((tmp_path / "tlc").iterdir()) == []
    assert all(wanted is None for _, wanted in store.asked)


def test_whose_trips_and_where_from_may_come_from_the_environment(get: Callable[..., int], store: Store) -> None:
    store.files["yellow_tripdata_2023-01.parquet"] = published("2023-01", 7)
    environ = {"DS_WORKFLOW_TLC_URL": store.url, "DS_WORKFLOW_TLC_CAB": "yellow"}
    assert get(base_url=None, environ=environ, first=date(2023, 1, 1), last=date(2023, 1, 31)) == 7
    with pytest.raises(InvalidInput, match="is 'rickshaw'; allowed: green, yellow"):
        get(environ={"DS_WORKFLOW_TLC_CAB": "rickshaw"})


def test_what_makes_no_sense_is_refused(get: Callable[..., int], store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"is not there \(status 403\)") as raised:
        get(last=date(2023, 3, 1))
    assert "two months late" in raised.value.hint
    for options, words in (
        ({"last": date(2020, 1, 1)}, "lies after the last day"),
        ({"out": tmp_path / "trips.parquet"}, "must be a folder"),
        ({"base_url": "http://127.0.0.1:1/trips"}, "does not hold {month}"),
        ({"base_url": "ftp://127.0.0.1/{month}"}, "not an address that can be asked"),
        ({"attempts": 0}, "at least 1"),
    ):
        with pytest.raises(InvalidInput, match=words):
            get(**{"out": tmp_path / "new", **options})
    store.troubles = [418]
    with pytest.raises(InvalidInput, match="status 418"):
        get(out=tmp_path / "elsewhere")
