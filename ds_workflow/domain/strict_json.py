"""JSON as it was sent, with every name that stands more than once in one object.

Readers keep the last of them without a word, which RFC 8259 (section 4) allows and nobody means.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ds_workflow.errors import InvalidInput

_TOLD = 50  # names of one object that are told one by one


@dataclass(frozen=True)
class Repeated:
    """A name that stands more than once in one object: where (`path`: list places and names), and its values."""

    path: tuple[str | int, ...]
    values: tuple[Any, ...]

    @property
    def times(self) -> str:
        """In words."""
        return "twice" if len(self.values) == 2 else f"{len(self.values):,} times"

    @property
    def field(self) -> str:
        """The path as people write it: `metrics[3].roc_auc`."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in self.path)
        return text.removeprefix(".")


class SaidTwice(InvalidInput):
    """A document in which a name stands more than once; `row` is its place in a list, where it stands in one."""

    def __init__(self, found: Repeated) -> None:
        shown = found.field.encode("utf-8", "replace").decode()
        super().__init__(f"'{shown}' stands {found.times} in one object.", hint="each name once")
        self.row = next((part for part in found.path if isinstance(part, int)), None)
        self.field = shown


def read(text: bytes | str) -> tuple[Any, tuple[Repeated, ...]]:
    """The document, and what is repeated in it, in the order of the document.

    Raises ValueError for what is no JSON, RecursionError for what is nested too deep.
    """
    # the objects are held too, as an id is theirs only while they live
    held: list[tuple[dict[str, Any], list[tuple[str, Any]]]] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            held.append((found, pairs))
        return found

    document = json.loads(text, object_pairs_hook=made)
    return document, _located(document, {id(found): pairs for found, pairs in held}) if held else ()


def loads(text: bytes | str) -> Any:
    """The document. Raises SaidTwice, and as `read` does."""
    document, repeated = read(text)
    if repeated:
        raise SaidTwice(repeated[0])
    return document


def repeats(text: bytes | str) -> bool:
    """Whether a name is repeated anywhere, or the text is not for `read` to tell."""
    try:
        return bool(read(text)[1])
    except (ValueError, RecursionError):
        return True


def _located(document: Any, held: dict[int, list[tuple[str, Any]]]) -> tuple[Repeated, ...]:
    """Where the objects stand that say something more than once; what an object that is said again overrode has no
    place any more, and its holder is told."""
    found: list[Repeated] = []
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            if pairs := held.get(id(value)):
                found += _of_object(path, pairs)
            inner: list[tuple[str | int, Any]] = list(value.items())
        elif isinstance(value, list):
            inner = list(enumerate(value))
        else:
            continue
        waiting += [((*path, key), part) for key, part in reversed(inner) if isinstance(part, dict | list)]
    return tuple(found)


def _of_object(path: tuple[str | int, ...], pairs: list[tuple[str, Any]]) -> list[Repeated]:
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    found = [Repeated((*path, name), tuple(said)) for name, said in values.items() if len(said) > 1]
    return found[:_TOLD]
