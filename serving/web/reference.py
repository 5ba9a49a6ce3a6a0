"""/docs: the routes for programs, as the OpenAPI document describes them. No script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from serving.web.frame import Anybody, PageRoute, render

router = APIRouter(route_class=PageRoute)
_SHAPES = "#/components/schemas/"
_MOST_VALUES = 40  # of a list of allowed values; the OpenAPI document has them all
_BOUNDS = (
    ("minimum", "at least {:,}"),
    ("exclusiveMinimum", "more than {:,}"),
    ("maximum", "at most {:,}"),
    ("exclusiveMaximum", "less than {:,}"),
    ("minLength", "at least {:,} characters"),
    ("maxLength", "at most {:,} characters"),
    ("minItems", "at least {:,} of them"),
    ("maxItems", "at most {:,} of them"),
    ("pattern", "as {}"),
)


@dataclass(frozen=True)
class Field:
    """One field of a body, a parameter or a shape. `shape` names the one it is made of."""

    name: str
    kind: str
    shape: str
    required: bool
    allowed: str
    about: str


@dataclass(frozen=True)
class Body:
    """What is sent as one media type."""

    media: str
    kind: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True)
class Operation:
    """One method of one path; `answers` are status, meaning and shape."""

    ident: str
    method: str
    path: str
    summary: str
    about: str
    tag: str
    parameters: tuple[Field, ...]
    bodies: tuple[Body, ...]
    answers: tuple[tuple[str, str, str], ...]


@router.get("/docs")
def reference(request: Request, who: Anybody) -> Response:
    """Every route with its fields, an example that works, and its answers."""
    document = request.app.openapi()
    operations = tuple(operations_of(document))
    shapes = [(name, s.get("description", ""), fields_of(s)) for name, s in sorted(_shapes(document).items())]
    about = document["info"].get("description", "")
    tags = sorted({one.tag for one in operations})
    return render(
        request, "reference.html", title="Routes for programs", about=about, tags=tags, operations=operations,
        shapes=shapes,
    )  # fmt: skip


def operations_of(document: Mapping[str, Any]) -> Iterator[Operation]:
    """The operations of an OpenAPI 3.1 document, in its order."""
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            contents = one.get("requestBody", {}).get("content", {})
            yield Operation(
                ident=one["operationId"],
                method=method.upper(),
                path=path,
                summary=one.get("summary", ""),
                about=one.get("description", ""),
                tag=next(iter(one.get("tags", ())), "other"),
                parameters=tuple(
                    _field(
                        p["name"], p.get("schema", {}), required=p.get("required", False), about=p.get("description")
                    )
                    for p in one.get("parameters", ())
                ),
                bodies=tuple(_body(media, content) for media, content in contents.items()),
                answers=tuple(_answer(status, found) for status, found in one.get("responses", {}).items()),
            )


def fields_of(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of an object, or of the objects in a list."""
    inner = schema.get("items", schema) if schema.get("type") == "array" else schema
    required = inner.get("required", ())
    return tuple(_field(name, one, required=name in required) for name, one in inner.get("properties", {}).items())


def _shapes(document: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document.get("components", {}).get("schemas", {})
    return found


def _body(media: str, content: Mapping[str, Any]) -> Body:
    schema, example = content.get("schema", {}), content.get("example")
    shown = example if isinstance(example, str) else "" if example is None else json.dumps(example, indent=1)
    return Body(media, _kind(schema)[0], fields_of(schema), shown)


def _answer(status: str, found: Mapping[str, Any]) -> tuple[str, str, str]:
    contents: list[Mapping[str, Any]] = list(found.get("content", {}).values())
    schema = contents[0].get("schema", {}) if contents else {}
    said = "Answered." if found.get("description") == "Successful Response" else found.get("description", "")
    return status, said, _kind(schema)[1]


def _field(name: str, schema: Mapping[str, Any], *, required: bool, about: str | None = None) -> Field:
    kind, shape = _kind(schema)
    return Field(name, kind, shape, required, _allowed(schema), about or schema.get("description", ""))


def _kind(schema: Mapping[str, Any]) -> tuple[str, str]:
    """The type in words, and the name of the shape it is made of."""
    if shape := schema.get("$ref", "").removeprefix(_SHAPES):
        return "", shape
    if options := schema.get("anyOf"):
        found = [_kind(one) for one in options]
        return " or ".join(word for word, _ in found if word), next((shape for _, shape in found if shape), "")
    kind = schema.get("type", "anything")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    if "items" in schema:
        word, shape = _kind(schema["items"])
        return f"list of {word}".strip(), shape
    return (f"{words}, {schema['format']}" if "format" in schema else words), ""


def _allowed(schema: Mapping[str, Any]) -> str:
    values = [one for one in schema.get("enum", ()) if one is not None]
    more = f", and {len(values) - _MOST_VALUES:,} more" if len(values) > _MOST_VALUES else ""
    said = [", ".join(map(str, values[:_MOST_VALUES])) + more] if values else []
    for one in (schema, *schema.get("anyOf", ())):
        said += [words.format(one[name]) for name, words in _BOUNDS if name in one]
    return "; ".join(said)
