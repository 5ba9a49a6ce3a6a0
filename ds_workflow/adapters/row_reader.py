"""Reading a request's JSON straight into rows, where it is plainly right.

What the reader takes, `domain.contract` takes too, with the same values. What the reader does not take it leaves to the
contract, which may still take it, or says what is wrong. So there is one judge of rows, and a quick way past the desk.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

from ds_workflow.domain.contract import LONGEST_TEXT
from ds_workflow.domain.problem import Column, Problem
from ds_workflow.domain.strict_json import repeats

if TYPE_CHECKING:
    Rows = list[dict[str, Any]]
    Read = Callable[[bytes], Rows | None]


def reader(problem: Problem) -> Read:
    """A function from a body to its rows, as `parse_rows` gives them; None where the contract must look."""
    from pydantic import ConfigDict, FailFast, TypeAdapter, ValidationError, create_model

    fields: dict[str, Any] = {c.name: _field(c) for c in problem.inputs}
    row: Any = create_model(f"{problem.name}_row", __config__=ConfigDict(extra="forbid", strict=True), **fields)
    # the first bad row ends it: the contract tells of all of them
    validate = TypeAdapter(Annotated[list[row], FailFast()]).validate_json
    whole = tuple(c.name for c in problem.inputs if c.kind == "integer")

    most_keys = 4 * (len(problem.inputs) + 1)  # per object; each key that is not declared costs an error of its own

    def read(body: bytes) -> Rows | None:
        if body.count(b'":') > most_keys * max(1, body.count(b"{")):
            return None
        try:
            found = validate(body)
        except ValidationError:
            return None
        # A row of plain values has a colon for each name, and maybe more inside texts. So where there are no more of
        # them than fields that were set, no name stands twice; pydantic itself would keep the last and say nothing.
        if body.count(b":") != sum([len(row.__pydantic_fields_set__) for row in found]) and repeats(body):
            return None
        rows = [row.__dict__ for row in found]
        fractions = any(row[name] is not None and not row[name].is_integer() for row in rows for name in whole)
        return None if fractions else rows

    return read


def _field(column: Column) -> tuple[Any, Any]:
    kind = _kind(column)
    return (kind, ...) if column.required else (Optional[kind], None)  # noqa: UP045 - made at run time


def _kind(column: Column) -> Any:
    from pydantic import Field

    if column.kind in ("number", "integer"):
        return Annotated[float, Field(ge=column.minimum, le=column.maximum, allow_inf_nan=False)]
    if column.kind == "date":
        first, last = (date.fromisoformat(day) if day else None for day in (column.earliest, column.latest))
        return Annotated[date, Field(ge=first, le=last)]
    if column.categories:
        return Literal[column.categories]
    return Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
