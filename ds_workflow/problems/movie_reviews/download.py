"""The archive from where its authors publish it: in pieces that survive an interruption, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ds_workflow.errors import InvalidInput, SourceUnavailable
from ds_workflow.problems.movie_reviews.archive import PACKED, read_packed

PUBLIC_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
URL_VARIABLE = "DS_WORKFLOW_REVIEWS_URL"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"  # of the published archive, which has not changed since 2011
_SAY_EVERY = 8 * 2**20
_WAIT_AND_RETRY = (429, 500, 502, 503, 504)


def fetch(
    out: Path,
    *,
    base_url: str | None = None,
    md5: str = MD5,
    attempts: int = 6,
    backoff: float = 1.0,
    timeout: float = 60.0,
    progress: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Download the archive into `out` (.tar.gz); returns how many labelled reviews it holds.

    The address is `base_url`, else the variable DS_WORKFLOW_REVIEWS_URL, else the authors' own. Status 429 and 5xx and
    lost connections are tried again, `backoff` seconds doubling, up to `attempts` times in a row. What has come stands
    in `<out>.part` and an interrupted download goes on from there; `out` appears only when its MD5 is that of the
    published archive. Raises InvalidInput for bad arguments and for an address that is refused, SourceUnavailable when
    the server fails or sends something else.
    """
    import httpx

    env = os.environ if environ is None else environ
    say = progress or (lambda _: None)
    out = Path(out)
    if not out.name.lower().endswith(PACKED[:2]):
        raise InvalidInput(f"{out} must end in .tar.gz.", hint="For example aclImdb_v1.tar.gz.")
    if attempts < 1:
        raise InvalidInput("'attempts' must be at least 1.", hint="Leave it out: 6 is the default.")
    url = base_url or env.get(URL_VARIABLE) or PUBLIC_URL
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    trouble, failed = "", 0
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        while failed < attempts:
            if failed:
                wait = backoff * 2 ** (failed - 1)
                say(f"{trouble}; trying again in {wait:.3g} s")
                time.sleep(wait)
            before = _size(part)
            try:
                trouble = _piece(client, url, part, say)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise InvalidInput(
                    f"'{url}' is not an address that can be asked: {error}.", hint=f"Mend {URL_VARIABLE}."
                ) from error
            except httpx.HTTPError as error:
                trouble = f"No answer from {url} ({type(error).__name__})"
            if not trouble:
                return _finish(part, out, url, md5)
            failed = 1 if _size(part) > before else failed + 1
    raise SourceUnavailable(
        f"{trouble}, {attempts} times over.",
        hint="Run the same command again later: it goes on where it stopped.",
    )


def _piece(client: Any, url: str, part: Path, say: Callable[[str], None]) -> str:
    """Ask for what is not here yet and append it; returns what went wrong, or ""."""
    tag = part.with_name(part.name + ".json")
    got, known = _size(part), _tag(tag, url)
    headers = {"Accept-Encoding": "identity"}
    if got and known:
        headers |= {"Range": f"bytes={got}-", "If-Range": known}
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code in _WAIT_AND_RETRY:
            return f"{url} answered {answer.status_code}"
        if answer.status_code == 416 and answer.headers.get("Content-Range", "").endswith(f"/{got}"):
            return ""  # all of it was here already
        if answer.status_code not in (200, 206):
            raise InvalidInput(
                f"{url} refused with status {answer.status_code}.", hint=f"Name another address in {URL_VARIABLE}."
            )
        goes_on = answer.status_code == 206
        got = got if goes_on else 0
        whole = got + int(answer.headers.get("Content-Length", 0))
        strong = answer.headers.get("ETag", "W/")
        validator = answer.headers.get("Last-Modified", "") if strong.startswith("W/") else strong
        tag.write_text(json.dumps({"url": url, "validator": validator}) + "\n", "utf-8")
        if goes_on:
            say(f"Going on after {got:,} of {whole:,} bytes")
        said = got
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
                got += len(chunk)
                if got - said >= _SAY_EVERY:
                    said = got
                    say(f"{got:,} of {whole:,} bytes")
    return "" if got >= whole else f"{url} stopped after {got:,} of {whole:,} bytes"


def _finish(part: Path, out: Path, url: str, md5: str) -> int:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    part.with_name(part.name + ".json").unlink(missing_ok=True)
    if found != md5:
        part.unlink()
        raise SourceUnavailable(
            f"What {url} sent is not the published archive: its MD5 is {found}, not {md5}.",
            hint="Run the same command again, or name another address in " + URL_VARIABLE + ".",
        )
    return len(read_packed(part.replace(out)))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag(path: Path, url: str) -> str:
    """What the server said to know the file by, of which a part is here; "" when that is not known."""
    try:
        held = json.loads(path.read_text("utf-8"))
        return str(held["validator"]) if held["url"] == url else ""
    except (OSError, ValueError, KeyError):
        return ""
