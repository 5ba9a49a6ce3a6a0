"""Request and response shapes, made from each problem's declaration for the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Column, Problem

TYPES = {"number": "number", "integer": "integer", "category": "string", "text": "string", "date": "string"}


class ModelName(BaseModel):
    """Which model answered."""

    problem: str
    version: int
    digest: str


class Prediction(BaseModel):
    """A value with its interval, or a probability with its class."""

    value: float | None = None
    interval: tuple[float, float] | None = None
    probability: float | None = None
    label: int | None = None


class Predictions(BaseModel):
    """The answer to a batch, in the order of its rows."""

    model: ModelName
    predictions: list[Prediction]


class BadField(BaseModel):
    """One bad field of one row."""

    row: int
    field: str
    sent: Any
    allowed: str
    message: str


class BadRequest(BaseModel):
    """Every bad field of every row."""

    errors: list[BadField]


class ServedModel(BaseModel):
    """A champion as /health shows it."""

    problem: str
    version: int
    digest: str
    custody: str


class Health(BaseModel):
    """`status` is `ok`, or says why nothing is served."""

    status: str
    models: list[ServedModel]
    detail: str = ""


def row_schema(problem: Problem) -> dict[str, Any]:
    """The JSON Schema of one row of a problem."""
    return {
        "type": "object",
        "title": f"{problem.name} row",
        "properties": {c.name: _column(c) for c in problem.inputs},
        "required": [c.name for c in problem.inputs if c.required],
        "additionalProperties": False,
    }


def example_row(problem: Problem) -> dict[str, Any]:
    """A row that the declaration gives as an example."""
    return {c.name: c.example for c in problem.inputs if c.example is not None}


def _column(column: Column) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": f"{column.description} {column.unit}".strip()}
    schema["type"] = TYPES[column.kind] if column.required else [TYPES[column.kind], "null"]
    if column.kind == "date":
        schema["format"] = "date"
    if column.categories:
        schema["enum"] = [*column.categories] if column.required else [*column.categories, None]
    for name, value in (("minimum", column.minimum), ("maximum", column.maximum)):
        if value is not None:
            schema[name] = value
    return schema
