"""Request and response shapes, made from each problem's declaration for the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from serving.body import MAX_ROWS

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Column, Problem

TYPES = {"number": "number", "integer": "integer", "category": "string", "text": "string", "date": "string"}


class ModelName(BaseModel):
    """Which model answered."""

    problem: str
    version: int
    digest: str


class Prediction(BaseModel):
    """A value with its interval, or a probability with its class. A bound that is unknown is null."""

    value: float | None = None
    interval: tuple[float | None, float | None] | None = None
    probability: float | None = None
    label: int | None = None


class Predictions(BaseModel):
    """The answer to a batch, in the order of its rows. `request_id` is what a label that comes later names."""

    request_id: str
    model: ModelName
    predictions: list[Prediction]


class BadField(BaseModel):
    """One bad field of one row; row and field are null where the request as a whole is meant."""

    row: int | None
    field: str | None
    sent: Any
    allowed: str | None
    message: str


class BadRequest(BaseModel):
    """Every bad field (the first thousand of them), and the numbers of all bad rows."""

    errors: list[BadField]
    bad_rows: list[int] = Field(default_factory=list)


class ServedModel(BaseModel):
    """A champion as /health shows it. `way` is `compiled` or `pipeline`, and `why` says on what grounds; `behind` says
    why the champion that was decided is not the one that answers."""

    problem: str
    version: int
    digest: str
    custody: str
    way: str
    why: str
    behind: str = ""


class Health(BaseModel):
    """`status` is `ok`, or says why nothing is served; `waiting` names champions that are not loaded yet."""

    status: str
    models: list[ServedModel]
    detail: str = ""
    waiting: list[str] = Field(default_factory=list)


class Contribution(BaseModel):
    """What a feature moved, in the unit of the explanation."""

    feature: str
    value: Any
    contribution: float


class Words(BaseModel):
    """What a run of words moved."""

    words: str
    contribution: float


class Explanation(Prediction):
    """An answer, and what it is made of."""

    base: float
    contributions: list[Contribution]
    others: float
    words: list[Words] = Field(default_factory=list)


class Explanations(BaseModel):
    """The explanations of a batch, in the order of its rows."""

    request_id: str
    model: ModelName
    unit: str
    explanations: list[Explanation]


class Score(BaseModel):
    """The probability of a row, and whether it reaches the threshold."""

    row: int
    probability: float
    flag: bool


class Scores(BaseModel):
    """The scores of a file. `set_aside` names the columns that were not looked at."""

    request_id: str
    model: ModelName
    threshold: float
    rows: int
    flagged: int
    set_aside: list[str]
    predictions: list[Score]


class Forecast(Prediction):
    """An answer beside the row that was asked for."""

    model_config = ConfigDict(extra="allow")


class Forecasts(BaseModel):
    """The answers for each step that was asked for."""

    request_id: str
    model: ModelName
    predictions: list[Forecast]


class AgentPlan(BaseModel):
    """What the agent saw and what it proposes."""

    status: str
    findings: list[dict[str, Any]]
    actions: list[str]
    rationale: str


class Looked(BaseModel):
    """Which problem a webhook was about, and its custody now; null for a model that is not served here."""

    problem: str | None
    custody: str | None


class Feedback(BaseModel):
    """What became of the labels."""

    new: int
    repeated: int
    corrected: int


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": BadRequest, "description": "Something of the request can't be used."},
    413: {"model": BadRequest, "description": "Too many rows, or too many bytes."},
    503: {"model": BadRequest, "description": "No champion, or too much to do."},
}


def row_schema(problem: Problem) -> dict[str, Any]:
    """The JSON Schema of one row of a problem."""
    return {
        "type": "object",
        "title": f"{problem.name} row",
        "properties": {c.name: column_schema(c) for c in problem.inputs},
        "required": [c.name for c in problem.inputs if c.required],
        "additionalProperties": False,
    }


def example_row(problem: Problem) -> dict[str, Any]:
    """A row that the declaration gives as an example."""
    return {c.name: c.example for c in problem.inputs if c.example is not None}


UNIT = {
    "name": "X-Unit",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "Who asks (a user, a session). While a challenger has a share of the traffic, a unit keeps its arm.",
}


def rows_body(problem: Problem, *, most: int = MAX_ROWS) -> dict[str, Any]:
    """The request body of a JSON list of rows."""
    schema = {"type": "array", "items": row_schema(problem), "minItems": 1, "maxItems": most}
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": [example_row(problem)]}},
    }


def column_schema(column: Column) -> dict[str, Any]:
    """The JSON Schema of one field."""
    kind = TYPES[column.kind]
    described = f"{column.description} {f'({column.unit})' if column.unit else ''}".strip()
    schema: dict[str, Any] = {"description": described, "type": kind if column.required else [kind, "null"]}
    if column.example is not None:
        schema["examples"] = [column.example]
    if column.kind == "date":
        schema["format"] = "date"
    elif column.categories:
        schema["enum"] = [*column.categories] if column.required else [*column.categories, None]
    elif kind == "string":
        schema |= {"maxLength": 20_000} | ({"minLength": 1} if column.required else {})
    for name, value in (("minimum", column.minimum), ("maximum", column.maximum)):
        if value is not None:
            schema[name] = value
    return schema
