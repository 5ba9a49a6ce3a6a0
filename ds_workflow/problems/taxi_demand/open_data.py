"""Trip records from the Taxi and Limousine Commission's public store: one parquet file a month, resumable, whole or not
at all.

The files: https://www.nyc.gov/site/tlc/about/tlc-trip-record-data.page
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ds_workflow.errors import InvalidInput, WorkflowError

PUBLIC_URL = "https://d37ci6vzurychx.cloudfront.net/trip-data/{cab}_tripdata_{month}.parquet"
URL_VARIABLE = "DS_WORKFLOW_TLC_URL"
CAB_VARIABLE = "DS_WORKFLOW_TLC_CAB"
CABS = ("green", "yellow", "fhv", "fhvhv")
_WAIT_AND_RETRY = (429, 500, 502, 503, 504)
_GONE = (403, 404)  # the store answers so for a month that is not published


class SourceUnavailable(WorkflowError):
    """The store of trip records did not answer, or not with a whole file."""


def fetch(
    out: Path,
    *,
    first: date,
    last: date,
    base_url: str | None = None,
    attempts: int = 6,
    backoff: float = 1.0,
    timeout: float = 60.0,
    progress: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Download the months from that of `first` to that of `last` into the folder `out`; returns the trips in them.

    The address is `base_url`, else the variable DS_WORKFLOW_TLC_URL, else the commission's own; it holds `{month}` and
    may hold `{cab}`, which DS_WORKFLOW_TLC_CAB names (green, if it does not). Status 429 and 5xx and lost connections
    are tried again, `backoff` seconds doubling, up to `attempts` times. A month gathers in `<file>.part`, which a later
    call continues, and appears only when it is whole; months that are there are left alone. Raises InvalidInput for bad
    arguments and a month that is not published, SourceUnavailable when the store fails.
    """
    import httpx

    env = os.environ if environ is None else environ
    say = progress or (lambda _: None)
    pattern, cab = base_url or env.get(URL_VARIABLE) or PUBLIC_URL, env.get(CAB_VARIABLE) or CABS[0]
    if "{month}" not in pattern:
        raise InvalidInput(f"The address '{pattern}' does not hold {{month}}.", hint=f"For example {PUBLIC_URL}.")
    if cab not in CABS:
        raise InvalidInput(f"{CAB_VARIABLE} is '{cab}'; allowed: {', '.join(CABS)}.")
    if first > last:
        raise InvalidInput(f"The first day {first} lies after the last day {last}.")
    if attempts < 1:
        raise InvalidInput("'attempts' must be at least 1.")
    out = Path(out)
    if out.suffix or out.is_file():
        raise InvalidInput(
            f"{out} must be a folder: each month is a file of its own.", hint="Name it without an ending."
        )
    out.mkdir(parents=True, exist_ok=True)
    trips = 0
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        for month in _months(first, last):
            target = out / f"{cab}_tripdata_{month}.parquet"
            url = pattern.replace("{cab}", cab).replace("{month}", month)
            if not target.exists():
                _download(client, url, target, attempts=attempts, backoff=backoff, say=say)
            trips += _rows(target)
            say(f"{target.name}: {trips:,} trips so far")
    return trips


def _months(first: date, last: date) -> Iterator[str]:
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        yield f"{year}-{month:02d}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _download(
    client: Any, url: str, target: Path, *, attempts: int, backoff: float, say: Callable[[str], None]
) -> None:
    part = target.with_name(target.name + ".part")
    trouble = ""
    for attempt in range(attempts):
        if attempt:
            wait = backoff * 2 ** (attempt - 1)
            say(f"{trouble}; trying again in {wait:.3g} s")
            time.sleep(wait)
        trouble = _gather(client, url, part)
        if trouble:
            continue
        try:
            _rows(part)
        except SourceUnavailable as error:  # what came is no parquet file: begin anew
            part.unlink()
            trouble = str(error).rstrip(".")
            continue
        part.replace(target)
        return
    raise SourceUnavailable(
        f"{trouble}, {attempts} times over.", hint="Run the same command again later: it goes on where it stopped."
    )


def _gather(client: Any, url: str, part: Path) -> str:
    """Append what is lacking to the partial file; what went wrong, or "" when it is whole."""
    import httpx

    got = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={got}-"} if got else {}
    try:
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code in _WAIT_AND_RETRY:
                return f"{url} answered {answer.status_code}"
            if answer.status_code in _GONE:
                raise InvalidInput(
                    f"{url} is not there (status {answer.status_code}).",
                    hint="Months are published about two months late; ask for earlier ones.",
                )
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return ""  # all of it was there already
            if answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                raise InvalidInput(f"{url} answered with status {answer.status_code}.", hint="Check the address.")
            more = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with part.open("ab" if more else "wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
            total = _total(answer.headers, got if more else 0)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise InvalidInput(f"'{url}' is not an address that can be asked: {error}.", hint="Check it.") from error
    except httpx.HTTPError as error:
        return f"No whole answer from {url} ({type(error).__name__})"
    size = part.stat().st_size
    return "" if total is None or size == total else f"{url} gave {size:,} of {total:,} bytes"


def _total(headers: Mapping[str, str], before: int) -> int | None:
    """The size of the whole file, as the answer tells it."""
    found = re.search(r"/(\d+)$", headers.get("content-range", ""))
    if found:
        return int(found[1])
    length = headers.get("content-length")
    return before + int(length) if length and length.isdigit() else None


def _rows(path: Path) -> int:
    """The trips of a whole file, as its footer counts them."""
    from pyarrow import ArrowException, parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (ArrowException, OSError) as error:
        raise SourceUnavailable(f"{path.name} is no whole parquet file: {error}.") from error
