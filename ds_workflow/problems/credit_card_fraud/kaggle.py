"""The published table from Kaggle, through the owner's own account: one zip, resumable, whole or not at all.

Format: https://www.kaggle.com/docs/api (user name and key as HTTP basic authentication; the answer leads on to a signed
address of the file, which must not see them).
"""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.problems.credit_card_fraud.source import COLUMNS

PUBLIC_URL = "https://www.kaggle.com/api/v1"
URL_VARIABLE = "DS_WORKFLOW_KAGGLE_URL"
USER_VARIABLE, KEY_VARIABLE = "KAGGLE_USERNAME", "KAGGLE_KEY"
DATASET, MEMBER = "mlg-ulb/creditcardfraud", "creditcard.csv"
_WAIT_AND_RETRY = (408, 429, 500, 502, 503, 504)


def fetch(
    out: Path,
    *,
    base_url: str | None = None,
    attempts: int = 6,
    backoff: float = 1.0,
    timeout: float = 60.0,
    progress: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Download the published table into `out` (.csv or .parquet); returns its rows.

    The address is `base_url`, else the variable DS_WORKFLOW_KAGGLE_URL, else Kaggle's own; the account is that of
    KAGGLE_USERNAME and KAGGLE_KEY, which are read from the environment and written nowhere. Busy answers and lost
    connections are tried again, `backoff` seconds doubling, up to `attempts` times. Bytes gather in `<out>.part`: an
    interrupted download goes on where it stopped, and `out` appears only when the zip is sound and holds the table.
    Raises InvalidInput for bad arguments, a missing account or one that Kaggle refuses, SourceUnavailable when Kaggle
    fails or sends something else.
    """
    env = os.environ if environ is None else environ
    say = progress or (lambda _: None)
    out = Path(out)
    if out.suffix not in (".csv", ".parquet"):
        raise InvalidInput(f"{out} must end in .csv or .parquet.")
    if attempts < 1:
        raise InvalidInput("'attempts' must be at least 1.")
    user, key = env.get(USER_VARIABLE, ""), env.get(KEY_VARIABLE, "")
    if not user or not key:
        lost = [n for n, v in ((USER_VARIABLE, user), (KEY_VARIABLE, key)) if not v]
        raise InvalidInput(
            f"The table is given out to people with a Kaggle account, and the environment lacks {' and '.join(lost)}.",
            hint=f"Make an API token in your account's settings, and set {USER_VARIABLE} and {KEY_VARIABLE} to it. Or "
            f"download {MEMBER} with a browser and give it to 'data-snapshot --input'.",
        )
    url = f"{(base_url or env.get(URL_VARIABLE) or PUBLIC_URL).rstrip('/')}/datasets/download/{DATASET}"
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    _download(url, (user, key), part, attempts=attempts, backoff=backoff, timeout=timeout, say=say)
    try:
        return _unpack(part, out)
    finally:
        part.unlink()  # what is no sound zip is no beginning of one either


def _download(
    url: str,
    account: tuple[str, str],
    part: Path,
    *,
    attempts: int,
    backoff: float,
    timeout: float,
    say: Callable[[str], None],
) -> None:
    import httpx

    trouble = ""
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        for attempt in range(attempts):
            if attempt:
                wait = backoff * 2 ** (attempt - 1)
                say(f"{trouble}; trying again in {wait:.3g} s")
                time.sleep(wait)
            try:
                trouble = _receive(client, url, account, part, say)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise InvalidInput(f"'{url}' is not an address that can be asked: {error}.") from error
            except httpx.HTTPError as error:
                trouble = f"The connection to {url} was lost ({type(error).__name__})"
            if not trouble:
                return
    raise SourceUnavailable(
        f"{trouble}, {attempts} times over.",
        hint="Run the same command again later: it goes on where it stopped.",
    )


def _receive(client: Any, url: str, account: tuple[str, str], part: Path, say: Callable[[str], None]) -> str:
    """One try, from where `part` ends; "" when the file is whole, else what was the trouble."""
    got = part.stat().st_size if part.exists() else 0
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={got}-"} if got else {})
    # httpx leaves the account out when it is led on to another host
    with client.stream("GET", url, auth=account, headers=asked) as answer:
        status = answer.status_code
        if status in (401, 403):
            raise InvalidInput(
                f"Kaggle refused the account '{account[0]}' with status {status}.",
                hint=f"Check {USER_VARIABLE} and {KEY_VARIABLE}, and that the account may see {DATASET}.",
            )
        if status == 416 and got:  # nothing is left to send: the file is whole
            return ""
        if status in _WAIT_AND_RETRY:
            return f"{url} answered {status}"
        if status not in (200, 206):
            raise InvalidInput(f"{url} refused the download with status {status}.")
        if got and status == 206:
            say(f"Going on after {got:,} bytes")
        with part.open("ab" if status == 206 else "wb") as file:
            for chunk in answer.iter_bytes():  # as they come: what is buffered is lost with the connection
                file.write(chunk)
    return ""


def _unpack(part: Path, out: Path) -> int:
    """Move the table of a sound zip to `out`; returns its rows."""
    temporary = out.with_name(out.name + ".tmp")
    try:
        with zipfile.ZipFile(part) as archive, archive.open(MEMBER) as packed, temporary.open("wb") as file:
            shutil.copyfileobj(packed, file)  # reading to the end compares the checksum
    except (zipfile.BadZipFile, KeyError) as error:
        temporary.unlink(missing_ok=True)
        raise SourceUnavailable(
            f"What Kaggle sent is no zip with {MEMBER}: {error}.", hint="Run the same command again: it begins anew."
        ) from error
    try:
        table = pd.read_csv(temporary, low_memory=False)
    except (ValueError, pd.errors.ParserError) as error:
        temporary.unlink()
        raise SourceUnavailable(f"{MEMBER} is no table: {error}.") from error
    lost = [c for c in COLUMNS if c not in table]
    if lost or table.empty:
        temporary.unlink()
        raise SourceUnavailable(f"{MEMBER} lacks {', '.join(lost) or 'rows'}; the published table changed.")
    if out.suffix == ".parquet":
        table.to_parquet(temporary, index=False)
    temporary.replace(out)
    return len(table)
