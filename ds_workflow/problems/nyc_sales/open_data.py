"""Sales from the city's open-data API (the Socrata format): pages of JSON, resumable, whole or not at all.

Format: https://dev.socrata.com/docs/queries/ ($where, $order, $limit, $offset, $select) and
https://dev.socrata.com/docs/app-tokens (header X-App-Token).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ds_workflow.errors import InvalidInput, SourceUnavailable

PUBLIC_URL = "https://data.cityofnewyork.us/resource/w2pb-icbu.json"  # NYC Citywide Annualized Calendar Sales
URL_VARIABLE = "DS_WORKFLOW_NYC_URL"
TOKEN_VARIABLE = "NYC_OPEN_DATA_APP_TOKEN"  # noqa: S105 - the name of a variable, not a token
_WAIT_AND_RETRY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class _Query:
    """What is asked; a partial file of another query is never continued."""

    url: str
    first: str
    last: str
    page: int

    @property
    def where(self) -> str:
        return f"sale_date between '{self.first}T00:00:00.000' and '{self.last}T23:59:59.999'"


def fetch(
    out: Path,
    *,
    first: date,
    last: date,
    base_url: str | None = None,
    page: int = 50_000,
    attempts: int = 6,
    backoff: float = 1.0,
    timeout: float = 60.0,
    progress: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Download the sales of `first` to `last` (both included) into `out` (.csv or .parquet); returns the rows.

    The address is `base_url`, else the variable DS_WORKFLOW_NYC_URL, else the city's own; a token in
    NYC_OPEN_DATA_APP_TOKEN is sent along. Status 429 and 5xx and lost connections are tried again, `backoff` seconds
    doubling, up to `attempts` times. Pages gather in `<out>.part`: an interrupted download goes on where it stopped,
    and `out` appears only when the count that the service gave is complete. Raises InvalidInput for bad arguments or
    a refused query, SourceUnavailable when the service fails or answers in another format.
    """
    import httpx

    env = os.environ if environ is None else environ
    say = progress or (lambda _: None)
    out = Path(out)
    if out.suffix not in (".csv", ".parquet"):
        raise InvalidInput(f"{out} must end in .csv or .parquet.")
    if first > last:
        raise InvalidInput(f"The first day {first} lies after the last day {last}.")
    if page < 1 or attempts < 1:
        raise InvalidInput("'page' and 'attempts' must be at least 1.")
    query = _Query(base_url or env.get(URL_VARIABLE) or PUBLIC_URL, first.isoformat(), last.isoformat(), page)
    token = env.get(TOKEN_VARIABLE, "")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    headers = {"Accept": "application/json"} | ({"X-App-Token": token} if token else {})
    with httpx.Client(timeout=timeout, headers=headers, follow_redirects=True) as client:

        def ask(**parameters: str | int) -> list[dict[str, Any]]:
            sent = {f"${name}": str(value) for name, value in parameters.items()} | {"$where": query.where}
            return _ask(client, query.url, sent, attempts=attempts, backoff=backoff, say=say)

        total = _count(ask(select="count(*) as n"))
        got = _resume(part, query, total)
        if got:
            say(f"Going on after {got:,} of {total:,} rows")
        while got < total:
            rows = ask(order=":id", limit=page, offset=got)
            if not rows:
                break
            with part.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"offset": got, "rows": rows}, separators=(",", ":")) + "\n")
            got += len(rows)
            say(f"{got:,} of {total:,} rows")
    if got != total:
        part.unlink(missing_ok=True)  # the table changed under the pages: what was gathered fits nothing
        raise SourceUnavailable(
            f"The service counted {total:,} rows but gave {got:,}; the table changed meanwhile.",
            hint="Run the same command again.",
        )
    _write(part, out)
    part.unlink()
    return got


def _ask(
    client: Any, url: str, sent: dict[str, str], *, attempts: int, backoff: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    import httpx

    trouble = ""
    for attempt in range(attempts):
        if attempt:
            wait = backoff * 2 ** (attempt - 1)
            say(f"{trouble}; trying again in {wait:.3g} s")
            time.sleep(wait)
        try:
            answer = client.get(url, params=sent)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise InvalidInput(f"'{url}' is not an address that can be asked: {error}.") from error
        except httpx.HTTPError as error:
            trouble = f"No answer from {url} ({type(error).__name__})"
            continue
        if answer.status_code in _WAIT_AND_RETRY:
            trouble = f"{url} answered {answer.status_code}"
            continue
        if answer.status_code != httpx.codes.OK:
            raise InvalidInput(f"{url} refused the query with status {answer.status_code}: {answer.text[:300]}")
        try:
            content = answer.json()
        except ValueError:
            trouble = f"{url} answered with broken JSON"  # a connection cut in the middle looks so
            continue
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise SourceUnavailable(f"{url} didn't answer with a list of rows; is it a table's .json address?")
        return content
    raise SourceUnavailable(
        f"{trouble}, {attempts} times over.",
        hint="Run the same command again later: it goes on where it stopped.",
    )


def _count(answer: list[dict[str, Any]]) -> int:
    try:
        total = int(answer[0]["n"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise SourceUnavailable(f"The service's count is not a number: {str(answer)[:200]}") from error
    if total == 0:
        raise InvalidInput("The service has no sales between these days; choose other ones.")
    return total


def _resume(part: Path, query: _Query, total: int) -> int:
    """How many rows the partial file already holds for this query; it is begun anew when it doesn't fit."""
    head = json.dumps({**vars(query), "total": total}, sort_keys=True)
    got, sound = 0, len(head) + 1
    if part.exists():
        with part.open("rb") as file:
            if file.readline().decode(errors="replace") == head + "\n":
                for line in file:
                    try:
                        held = json.loads(line)
                    except ValueError:
                        break  # killed while writing: cut this page off and ask for it again
                    if not line.endswith(b"\n") or held["offset"] != got:
                        break
                    got += len(held["rows"])
                    sound += len(line)
                with part.open("r+b") as cut:
                    cut.truncate(sound)
                return got
    part.write_text(head + "\n", encoding="utf-8")
    return 0


def _write(part: Path, out: Path) -> None:
    import pandas as pd

    with part.open(encoding="utf-8") as file:
        file.readline()
        frame = pd.concat([pd.DataFrame(json.loads(line)["rows"]).astype("str") for line in file], ignore_index=True)
    temporary = out.with_name(out.name + ".tmp")
    if out.suffix == ".csv":
        frame.to_csv(temporary, index=False)
    else:
        frame.to_parquet(temporary, index=False)
    temporary.replace(out)
