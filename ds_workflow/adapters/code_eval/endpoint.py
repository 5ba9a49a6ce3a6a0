"""Completions from an endpoint that speaks OpenAI's chat protocol (POST {base}/chat/completions)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ds_workflow.domain.code_eval.answers import SYSTEM, code_in, question
from ds_workflow.domain.code_eval.tasks import Task
from ds_workflow.errors import InvalidInput, SourceUnavailable

BASE_URL, API_KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
BUSY = (408, 409, 425, 429, 500, 502, 503, 504)
REFUSED = (401, 403)


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, and how patiently. `timeout` in seconds for one answer; `pause` before the first repetition,
    doubled at each further one, unless the server says how long to wait."""

    base_url: str
    api_key: str = ""
    timeout: float = 120.0
    attempts: int = 5
    pause: float = 1.0

    @staticmethod
    def of(environ: Mapping[str, str], base_url: str = "", *, timeout: float = 120.0) -> Endpoint:
        """From the option or OPENAI_BASE_URL, with the key in OPENAI_API_KEY (a local server may want none)."""
        url = (base_url or environ.get(BASE_URL, "")).rstrip("/")
        if not url.startswith(("http://", "https://")):
            said = f"'{url}' is no http address" if url else "No endpoint was named"
            raise InvalidInput(f"{said}.", hint=f"Set {BASE_URL} or give --base-url, as in http://127.0.0.1:8080/v1.")
        return Endpoint(url, environ.get(API_KEY, ""), timeout)


@dataclass(frozen=True)
class Wish:
    """What is asked for of each task."""

    model: str
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 1024


def ask(endpoint: Endpoint, task: Task, wish: Wish, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """One completion. Asks again when the server is busy or the line breaks.

    Raises SourceUnavailable when it stays so, InvalidInput when the key, the model or the request is refused.
    """
    import httpx

    body = {
        "model": wish.model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(task)}],
        "temperature": wish.temperature,
        "max_tokens": wish.max_tokens,
        "n": 1,
    }
    headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    why = ""
    for attempt in range(endpoint.attempts):
        wait = endpoint.pause * 2**attempt
        try:
            answer = httpx.post(
                f"{endpoint.base_url}/chat/completions", json=body, headers=headers, timeout=endpoint.timeout
            )
        except httpx.TransportError as error:
            why = f"{type(error).__name__}: {error}"
        else:
            if answer.status_code == 200:
                return code_in(_content(answer.text))
            why = f"status {answer.status_code}: {answer.text[:200]}"
            if answer.status_code in REFUSED:
                raise InvalidInput(f"The endpoint refused the key ({why}).", hint=f"Set {API_KEY}.")
            if answer.status_code not in BUSY:
                raise InvalidInput(f"The endpoint refused the request for {task.task_id} ({why}).")
            wait = _seconds(answer.headers.get("retry-after"), wait)
        if attempt + 1 < endpoint.attempts:
            sleep(min(wait, 60.0))
    raise SourceUnavailable(
        f"{endpoint.base_url} did not answer for {task.task_id} in {endpoint.attempts} tries ({why}).",
        hint="What was answered so far is kept: run the command again to go on from there.",
    )


def _seconds(said: str | None, otherwise: float) -> float:
    try:
        return max(0.0, float(said)) if said else otherwise
    except ValueError:
        return otherwise


def _content(text: str) -> str:
    try:
        said = json.loads(text)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SourceUnavailable(
            f"The endpoint's answer has no choices[0].message.content: {text[:200]}",
            hint="It must speak OpenAI's chat protocol.",
        ) from error
    if not isinstance(said, str):
        raise SourceUnavailable(f"The endpoint answered no text: {text[:200]}")
    return said


def kept(path: Path, model: str) -> set[tuple[str, int]]:
    """The samples that a file already holds, of one model. A line that was cut off when a run was killed is removed;
    any other line that is no record is an InvalidInput, and the file stays as it is."""
    if not path.exists():
        return set()
    lines = path.read_bytes().split(b"\n")
    cut = lines.pop()
    if cut and _whole(cut):
        lines.append(cut)
        with path.open("ab") as file:
            file.write(b"\n")
        cut = b""
    found = set()
    for number, line in enumerate(filter(None, lines), start=1):
        try:
            record: dict[str, Any] = json.loads(line)
            key = (str(record["task_id"]), int(record["sample"]))
            if record["model"] != model:
                raise InvalidInput(
                    f"{path.name} holds completions of {record['model']}, not of {model}.",
                    hint="Give another --out: one file a model.",
                )
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(
                f"{path.name}, line {number}, is no completion, so nothing is added to the file.",
                hint="Give another --out, or remove the line.",
            ) from error
        found.add(key)
    if cut:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - len(cut))
    return found


def _whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def generate(
    endpoint: Endpoint,
    tasks: Mapping[str, Task],
    wish: Wish,
    path: Path,
    *,
    workers: int = 1,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, int]]:
    """Ask for what the file does not hold yet, `workers` questions at a time; each answer is on disk before it is
    yielded. The first question that fails ends the run; what was written stays."""
    there = kept(path, wish.model)
    wanted = [(t, s) for s in range(wish.samples) for t in tasks.values() if (t.task_id, s) not in there]
    path.parent.mkdir(parents=True, exist_ok=True)
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        answers = pool.map(lambda asked: ask(endpoint, asked[0], wish, sleep=sleep), wanted)
        with path.open("a", encoding="utf-8") as file:
            for (task, sample), code in zip(wanted, answers, strict=True):
                record = {"task_id": task.task_id, "model": wish.model, "sample": sample, "completion": code}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
                yield task.task_id, sample
    finally:
        pool.shutdown(cancel_futures=True)
