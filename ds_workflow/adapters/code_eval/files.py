"""Task sets and completions from files: JSON lines (also gzipped) or one JSON list."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from ds_workflow.domain.code_eval.tasks import Completion, Task, completion_of, task_of
from ds_workflow.errors import InvalidInput, UnknownName

OWN = "own"  # the name of the task set that comes with the product
KINDS = ".jsonl, .jsonl.gz, .json, .json.gz"


@dataclass(frozen=True)
class TaskSet:
    """Tasks in the order of their file; `digest` is the SHA-256 of the file's bytes."""

    name: str
    digest: str
    tasks: Mapping[str, Task]


@dataclass(frozen=True)
class Answers:
    """The completions of one model; `digest` is the SHA-256 of the file's bytes."""

    model: str
    digest: str
    completions: tuple[Completion, ...]

    @property
    def samples(self) -> int:
        """The fewest samples of a task."""
        return min(Counter(c.task_id for c in self.completions).values())


def read_tasks(source: str) -> TaskSet:
    """The tasks in a file, or our own by the name `own`. InvalidInput names the record that is wrong."""
    if source == OWN:
        data = resources.files("ds_workflow").joinpath("templates", "code_tasks.jsonl").read_bytes()
        records = _parsed(data.decode("utf-8"), "code_tasks.jsonl", lines=True)
    else:
        data, records = _read(Path(source), "tasks")
    tasks: dict[str, Task] = {}
    for number, record in enumerate(records, start=1):
        task = task_of(record, number=number)
        if task.task_id in tasks:
            raise InvalidInput(f"Task {number}: the task_id '{task.task_id}' stands twice.")
        tasks[task.task_id] = task
    name = source if source == OWN else Path(source).name
    return TaskSet(name, hashlib.sha256(data).hexdigest(), tasks)


def read_completions(path: Path, *, tasks: TaskSet, model: str = "") -> Answers:
    """One model's completions in a file. `model` names it where the file holds several; where records name none, the
    file's name does.

    InvalidInput for records that are wrong, tasks that are not in the task set, and a sample given twice.
    """
    data, records = _read(path, "completions")
    stem = path.name.split(".")[0]
    found = [completion_of({"model": stem, **record}, number=n) for n, record in enumerate(records, start=1)]
    models = sorted({c.model for c in found})
    if not model and len(models) > 1:
        raise InvalidInput(f"{path.name} holds several models: {', '.join(models)}.", hint="Name one with --model.")
    chosen = model or models[0]
    if chosen not in models:
        raise UnknownName("model in these completions", chosen, models)
    mine = [c for c in found if c.model == chosen]
    lost = sorted({c.task_id for c in mine} - set(tasks.tasks))
    if lost:
        raise InvalidInput(
            f"{path.name} answers {len(lost)} tasks that {tasks.name} does not hold: {', '.join(lost[:5])}.",
            hint="Give the --tasks that the completions were written for.",
        )
    return Answers(chosen, hashlib.sha256(data).hexdigest(), tuple(_numbered(mine, path.name)))


def _numbered(found: Iterable[Completion], name: str) -> list[Completion]:
    """Completions without a sample take their place among those of their task; no number may stand twice."""
    seen: set[tuple[str, int]] = set()
    places: Counter[str] = Counter()
    numbered = []
    for completion in found:
        place = places[completion.task_id]
        places[completion.task_id] += 1
        key = (completion.task_id, completion.sample if completion.sample >= 0 else place)
        if key in seen:
            raise InvalidInput(f"{name} holds sample {key[1]} of {key[0]} twice.", hint="Number the samples from 0.")
        seen.add(key)
        numbered.append(replace(completion, sample=key[1]))
    return numbered


def _read(path: Path, what: str) -> tuple[bytes, list[Mapping[str, Any]]]:
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", hint=f"A file of {what} is one of: {KINDS}.")
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith((".jsonl", ".json")):
        raise InvalidInput(f"{path.name} is no file of {what} that can be read.", hint=f"Allowed: {KINDS}.")
    data = path.read_bytes()
    return data, _parsed(read_text(path, data), path.name, lines=name.endswith(".jsonl"))


def read_text(path: Path, data: bytes | None = None) -> str:
    """The text of a file that may be gzipped. InvalidInput when it is no whole gzip file or not UTF-8."""
    data = path.read_bytes() if data is None else data
    try:
        return (gzip.decompress(data) if path.name.lower().endswith(".gz") else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text: {error}", hint="Save it as UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path.name} is no whole gzip file: {error}", hint="Copy or download it again.") from error


def _parsed(text: str, name: str, *, lines: bool) -> list[Mapping[str, Any]]:
    if not text.strip():
        raise InvalidInput(f"{name} is empty.", hint="It must hold at least one record.")
    parts = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()] if lines else [(1, text)]
    values = []
    for number, part in parts:
        try:
            values.append(json.loads(part))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{name}, line {number}, is no JSON: {error}") from error
    if not lines:
        if not isinstance(values[0], list):
            raise InvalidInput(f"{name} must hold a list of records.", hint="Or save one record a line, as .jsonl.")
        values = values[0]
    wrong = next((n for n, value in enumerate(values, start=1) if not isinstance(value, dict)), 0)
    if wrong or not values:
        raise InvalidInput(f"{name}: record {wrong} is no JSON object." if wrong else f"{name} holds no records.")
    return values


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write one record a line, whole or not at all."""
    text = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all: what was there stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
