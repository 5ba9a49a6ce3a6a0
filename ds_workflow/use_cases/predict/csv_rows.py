"""Rows of a CSV text that somebody uploads: bounded in every direction, typed by the declaration."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.contract import set_aside, typed
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases.predict.answerer import require_few

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

MOST_COLUMNS = 500
LONGEST_CELL = 100_000
_HINT = "A CSV in UTF-8 with a header of the problem's fields, and one line a row."


@dataclass(frozen=True)
class Uploaded:
    """The rows as JSON would have brought them, and the declared columns that were set aside unread."""

    rows: list[dict[str, Any]]
    aside: tuple[str, ...]


def read(work: Workspace, content: bytes, *, most: int) -> Uploaded:
    """The rows of a CSV. An empty cell is nothing, and so is what the plug-in's MISSING says its source writes for it.

    Raises TooMany beyond `most` rows, InvalidInput for what is no such CSV.
    """
    problem, missing = work.problem, frozenset(getattr(work.plugin, "MISSING", ()))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The file is not UTF-8: byte {error.start} can't be read.", hint=_HINT) from error
    lines = _lines(text)
    header = next(lines, None)
    if header is None:
        raise InvalidInput("The file is empty.", hint=_HINT)
    names = [name.strip() for name in header]
    if len(names) > MOST_COLUMNS:
        raise InvalidInput(f"The file has {len(names):,} columns; at most {MOST_COLUMNS} are read.", hint=_HINT)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"The header names '{twice[:60]}' twice.", hint=_HINT)
    columns = {c.name: c for c in problem.inputs}
    names = _as_declared(names, list(columns))
    aside = set_aside(problem)
    if set(columns) <= set(names):
        aside |= set(names) - set(columns)  # where every field is there, another column is no misspelt one
    rows: list[dict[str, Any]] = []
    for cells in lines:
        if not cells:
            continue  # an empty line
        if len(cells) != len(names):
            raise InvalidInput(f"Row {len(rows)} has {len(cells)} cells; the header has {len(names)}.", hint=_HINT)
        require_few(len(rows) + 1, most)
        row = {}
        for name, cell in zip(names, cells, strict=True):
            if name in columns:
                row[name] = typed(columns[name], cell, missing=missing)
            elif name not in aside:
                row[name] = cell  # unknown: the contract says so
        rows.append(row)
    if not rows:
        raise InvalidInput("The file has a header and no rows.", hint=_HINT)
    return Uploaded(rows, tuple(name for name in names if name in aside))


def _as_declared(names: list[str], fields: list[str]) -> list[str]:
    """The header's names, those that differ from a field's in upper and lower case alone as that field's."""
    known = {field.lower(): field for field in fields}
    taken = set(names)
    return [name if known.get(name.lower(), name) in taken else known.get(name.lower(), name) for name in names]


def _lines(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            yield next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidInput(f"Line {lines.line_num} of the file can't be read: {error}.", hint=_HINT) from error
