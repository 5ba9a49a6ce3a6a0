"""Fetching from the open-data API, against a local server that speaks its format."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales import clean, fetch, load
from ds_workflow.problems.nyc_sales.open_data import SourceUnavailable

DAY = re.compile(r"sale_date between '(\d{4}-\d\d-\d\d)T00:00:00.000' and '(\d{4}-\d\d-\d\d)T23:59:59.999'")
FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)


def published(number: int) -> dict[str, str]:
    """A row as the API gives it: every value is text, areas have commas, empty fields are absent."""
    row = {
        "borough": "3",
        "neighborhood": "PARK SLOPE",
        "building_class_category": "02 TWO FAMILY DWELLINGS",
        "tax_class_as_of_final_roll": "1",
        "block": "1082",
        "lot": str(number + 1),
        "building_class_as_of_final": "B1",
        "address": f"{number} 8TH STREET",
        "zip_code": "11215",
        "residential_units": "2",
        "commercial_units": "0",
        "total_units": "2",
        "land_square_feet": "2,000",
        "gross_square_feet": "2,400",
        "tax_class_at_time_of_sale": "1",
        "building_class_at_time_of": "B1",
        "sale_price": str(500_000 + number),
        "sale_date": f"2023-{number % 12 + 1:02d}-05T00:00:00.000",
        "latitude": "40.668",
        "longitude": "-73.981",
        "bbl": "3010820039",
    }
    return row | ({"year_built": "1905"} if number % 3 else {})


@dataclass
class Service:
    """The local service: its rows, what it was asked, and the troubles it has in store, one per request."""

    rows: list[dict[str, str]] = field(default_factory=lambda: [published(n) for n in range(25)])
    troubles: list[tuple[int, bytes] | None] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    counted: int | None = None
    url: str = ""

    def answer(self, query: dict[str, str]) -> tuple[int, bytes]:
        found = DAY.fullmatch(query["$where"])
        assert found, query["$where"]
        rows = [r for r in self.rows if found[1] <= r["sale_date"][:10] <= found[2]]
        if query.get("$select") == "count(*) as n":
            return 200, json.dumps([{"n": str(len(rows) if self.counted is None else self.counted)}]).encode()
        assert query["$order"] == ":id"  # without an order the pages of this API overlap
        start = int(query["$offset"])
        return 200, json.dumps(rows[start : start + int(query["$limit"])]).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            state.asked.append(query)
            state.tokens.append(self.headers.get("X-App-Token"))
            trouble = state.troubles.pop(0) if state.troubles else None
            status, body = trouble or state.answer(query)
            if status == 0:  # hang up without an answer
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json;charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/resource/sales.json"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def get(service: Service, tmp_path: Path) -> Callable[..., int]:
    def run(name: str = "sales.csv", **options: Any) -> int:
        given: dict[str, Any] = {"first": FIRST, "last": LAST, "page": 10, "backoff": 0.001, "environ": {}} | options
        return fetch(tmp_path / name, **{"base_url": service.url} | given)

    return run


@pytest.mark.parametrize("name", ["sales.csv", "sales.parquet"])
def test_pages_add_up_to_a_file_that_the_loader_reads(
    get: Callable[..., int], service: Service, tmp_path: Path, name: str
) -> None:
    assert get(name) == 25
    assert [q.get("$offset") for q in service.asked] == [None, "0", "10", "20"]
    rows, dropped = clean(load(tmp_path / name))
    assert sum(dropped.values()) == 0
    assert sorted(rows["sale_price"]) == [500_000 + n for n in range(25)]
    assert rows["gross_square_feet"].unique().tolist() == [2400]
    assert rows["year_built"].isna().sum() == 9
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_days_are_inclusive_and_go_into_the_query(get: Callable[..., int], tmp_path: Path) -> None:
    assert get(first=date(2023, 2, 5), last=date(2023, 3, 5)) == 4
    assert set(load(tmp_path / "sales.csv")["sale_date"].dt.month) == {2, 3}


def test_the_address_and_the_token_may_come_from_the_environment(get: Callable[..., int], service: Service) -> None:
    environ = {"DS_WORKFLOW_NYC_URL": service.url, "NYC_OPEN_DATA_APP_TOKEN": "a-token"}
    assert get(base_url=None, environ=environ) == 25
    assert set(service.tokens) == {"a-token"}
    get("again.csv")
    assert service.tokens[-1] is None


def test_it_waits_and_tries_again(get: Callable[..., int], service: Service) -> None:
    service.troubles = [(429, b"slow down"), None, (503, b""), (200, b'[{"borough": "3", "nei'), (0, b""), None]
    said: list[str] = []
    assert get(progress=said.append) == 25
    waits = [s for s in said if "trying again" in s]
    assert [w.rsplit(" ", 2)[1] for w in waits] == ["0.001", "0.001", "0.002", "0.004"]
    assert "answered 429" in waits[0]
    assert "broken JSON" in waits[2]
    assert said[-1] == "25 of 25 rows"


def test_it_gives_up_keeps_what_it_has_and_goes_on_later(
    get: Callable[..., int], service: Service, tmp_path: Path
) -> None:
    service.troubles = [None, None, *[(500, b"")] * 3]
    with pytest.raises(SourceUnavailable, match="answered 500, 3 times over") as raised:
        get(attempts=3)
    assert "goes on where it stopped" in raised.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["sales.csv.part"]  # never a sales.csv that is not whole
    with pytest.raises(InvalidInput):
        load(tmp_path / "sales.csv.part")
    service.asked.clear()
    said: list[str] = []
    assert get(progress=said.append) == 25
    assert [q.get("$offset") for q in service.asked] == [None, "10", "20"]
    assert said[0] == "Going on after 10 of 25 rows"
    assert sorted(load(tmp_path / "sales.csv")["sale_price"]) == [500_000 + n for n in range(25)]


@pytest.mark.parametrize("cut", [1, 7, 200])
def test_a_page_cut_in_the_middle_is_asked_again(
    get: Callable[..., int], service: Service, tmp_path: Path, cut: int
) -> None:
    service.troubles = [None, None, None, *[(500, b"")] * 2]
    with pytest.raises(SourceUnavailable):
        get(attempts=2)
    part = tmp_path / "sales.csv.part"
    part.write_bytes(part.read_bytes()[:-cut])  # killed while writing the second page
    service.asked.clear()
    assert get() == 25
    assert [q.get("$offset") for q in service.asked] == [None, "10", "20"]
    assert load(tmp_path / "sales.csv")["sale_price"].is_unique


def test_a_part_of_another_query_or_of_another_state_of_the_table_is_not_continued(
    get: Callable[..., int], service: Service, tmp_path: Path
) -> None:
    service.troubles = [None, None, (500, b"")]
    with pytest.raises(SourceUnavailable):
        get(attempts=1)
    service.rows.insert(0, published(40))
    service.asked.clear()
    assert get() == 26
    assert service.asked[1]["$offset"] == "0"
    (tmp_path / "other.csv.part").write_text("not ours\n")
    assert get("other.csv", first=date(2023, 2, 1)) == 23


def test_fewer_rows_than_counted_are_no_file(get: Callable[..., int], service: Service, tmp_path: Path) -> None:
    service.counted = 30
    with pytest.raises(SourceUnavailable, match="counted 30 rows but gave 25"):
        get()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trouble", "error", "expected"),
    [
        ((200, b"<html>maintenance</html>"), SourceUnavailable, "broken JSON, 2 times over"),
        ((200, b'{"error": true}'), SourceUnavailable, "didn't answer with a list of rows"),
        ((200, b'[{"count": "5"}]'), SourceUnavailable, "count is not a number"),
        ((200, b'[{"n": "0"}]'), InvalidInput, "no sales between these days"),
        (
            (403, b'{"message": "Invalid app_token"}'),
            InvalidInput,
            r"refused the query with status 403.*Invalid app_token",
        ),
        ((400, b"no such column"), InvalidInput, "refused the query with status 400: no such column"),
    ],
)
def test_answers_in_another_format(
    get: Callable[..., int], service: Service, trouble: tuple[int, bytes], error: type[Exception], expected: str
) -> None:
    service.troubles = [trouble, trouble]
    with pytest.raises(error, match=expected):
        get(attempts=2)


def test_nobody_there_and_an_address_that_is_none(get: Callable[..., int], service: Service) -> None:
    with pytest.raises(SourceUnavailable, match=r"No answer from .*ConnectError"):
        get(base_url="http://127.0.0.1:9/sales.json", attempts=2)
    with pytest.raises(InvalidInput, match="'no address' is not an address that can be asked"):
        get(base_url="no address")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"name": "sales.xlsx"}, r"sales\.xlsx must end in \.csv or \.parquet"),
        ({"first": LAST, "last": FIRST}, "first day 2023-12-31 lies after the last day 2023-01-01"),
        ({"page": 0}, "must be at least 1"),
    ],
)
def test_bad_arguments(get: Callable[..., int], service: Service, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        get(**options)
    assert service.asked == []


def test_a_whole_file_is_replaced_only_by_a_whole_one(
    get: Callable[..., int], service: Service, tmp_path: Path
) -> None:
    get()
    before = (tmp_path / "sales.csv").read_bytes()
    service.troubles = [None, None, (500, b"")]
    with pytest.raises(SourceUnavailable):
        get(attempts=1)
    assert (tmp_path / "sales.csv").read_bytes() == before
    service.rows = service.rows[:7]
    assert get() == 7
    assert len(pd.read_csv(tmp_path / "sales.csv")) == 7
