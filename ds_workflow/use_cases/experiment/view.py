"""Kept results for the console: all of them, one, and the tables behind its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import experiment_records
from ds_workflow.errors import InvalidInput, UnknownName, WorkflowError
from ds_workflow.reports import experiment_page as page
from ds_workflow.reports import experiment_tables
from ds_workflow.use_cases.experiment import record
from ds_workflow.use_cases.experiment.cite import EVENT, says

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

ELSEWHERE = frozenset({"code_eval"})  # kinds with pages of their own


@dataclass(frozen=True)
class Listed:
    """One line of the list. `problem` says why a file can't be read; `alarm` that the split is not the planned one."""

    name: str
    kind: str = ""
    at: str = ""
    verdict: str = ""
    says: str = ""
    source: str = ""
    alarm: bool = False
    intact: bool = True
    problem: str = ""


@dataclass(frozen=True)
class Shown:
    """One result. `head` and `body` are HTML, all in them escaped already; `cited` are proposals that name it."""

    name: str
    kind: str
    at: str
    digest: str
    intact: bool
    source: str
    head: str
    body: str
    choices: Mapping[str, list[str]]
    tables: tuple[str, ...]
    cited: tuple[str, ...]


def listed(work: Workspace, *, kind: str = "", verdict: str = "") -> list[Listed]:
    """Kept results, newest first, narrowed by kind and verdict."""
    found = []
    for name in experiment_records.names(work.settings.root):
        try:
            body = experiment_records.read(work.settings.root, name)
            if body["kind"] in ELSEWHERE:
                continue
            found.append(
                Listed(
                    name,
                    page.KINDS.get(body["kind"], body["kind"]),
                    body["at"],
                    page.verdict(body),
                    says(body),
                    page.source_words(body),
                    page.alarm(body) is not None,
                    record.intact(body),
                )
            )
        except (WorkflowError, KeyError, TypeError, ValueError) as error:
            found.append(Listed(name, problem=f"can't be read: {error}"))
    fits = [one for one in found if kind in ("", one.kind) and verdict in ("", one.verdict)]
    return sorted(fits, key=lambda one: (one.at, one.name), reverse=True)


def read(work: Workspace, name: str, choice: Mapping[str, str]) -> Shown:
    """One result, narrowed by `choice` (column -> value). UnknownName for a name or a value that there is not."""
    body = _body(work, name)
    known = page.choices(body)
    for column, value in choice.items():
        if value and value not in known.get(column, ()):
            raise UnknownName(column, value[:80], known.get(column, ()))
    place = page.Place(f"/experiments/{name}", choice, page.source_words(body), bool(body.get("sql")))
    told = [e.subject for e in work.registry.events(kind=EVENT) if e.body.get("digest") == body["digest"]]
    trial = body.get("trial")
    return Shown(
        name,
        page.KINDS.get(body["kind"], body["kind"]),
        body["at"],
        body["digest"],
        record.intact(body),
        place.source,
        page.head(body),
        page.html(body, place),
        known,
        tuple(experiment_tables.tables(body)),
        tuple(dict.fromkeys([*told, *([trial["proposal_id"]] if trial else [])])),
    )


def csv(work: Workspace, name: str, table: str, choice: Mapping[str, str]) -> str:
    """A table of a result as CSV. Raises UnknownName for a name that there is not."""
    found = experiment_tables.tables(_body(work, name))
    if table not in found:
        raise UnknownName("table", table[:80], found)
    return experiment_tables.chosen(found[table], choice).csv()


def kinds() -> tuple[str, ...]:
    """What the list can be narrowed to."""
    return tuple(words for kind, words in page.KINDS.items() if kind not in ELSEWHERE)


def _body(work: Workspace, name: str) -> dict[str, Any]:
    body = experiment_records.read(work.settings.root, name)
    if body["kind"] in ELSEWHERE:
        raise InvalidInput(f"'{name}' is an evaluation of code.", hint="It stands under Code.")
    return body
