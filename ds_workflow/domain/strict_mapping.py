"""Reading a document key by key: a typing error, a wrong kind or a number out of range is refused by its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ds_workflow.errors import InvalidInput


class Part:
    """A mapping inside a document that knows its own path, so that every refusal can name the key."""

    def __init__(self, path: str, content: Any) -> None:
        if not isinstance(content, Mapping):
            raise InvalidInput(f"{path}: a mapping of keys to values is wanted here, not {content!r}.")
        self.path, self.content = path, content

    def keys(self, *known: str, optional: Sequence[str] = ()) -> None:
        """Refuse what is unknown, and what is missing and not optional."""
        for key in self.content:
            if key not in (*known, *optional):
                raise InvalidInput(
                    f"{self.path}: unknown key '{key}'. Allowed: {', '.join(sorted((*known, *optional)))}.",
                    hint="Correct the key; an unknown one is refused, so that a typing error switches no gate off.",
                )
        for key in known:
            if key not in self.content:
                raise InvalidInput(f"{self.path}: the key '{key}' is missing. Wanted: {', '.join(sorted(known))}.")

    def part(self, key: str) -> Part:
        """The mapping below a key."""
        return Part(f"{self.path}.{key}", self.content[key])

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.content[key]
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"{self.path}.{key}: a text is wanted, not {value!r}.")
        return value

    def number(self, key: str, *, low: float, high: float) -> float:
        """A number, both ends allowed."""
        value = self.content[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InvalidInput(f"{self.path}.{key}: a number from {low:g} to {high:g} is wanted, not {value!r}.")
        return float(value)

    def integer(self, key: str, *, low: int, high: int) -> int:
        """A whole number, both ends allowed."""
        value = self.content[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidInput(f"{self.path}.{key}: a whole number from {low} to {high} is wanted, not {value!r}.")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the allowed words."""
        value = self.content[key]
        if value not in allowed:
            raise InvalidInput(f"{self.path}.{key}: {value!r} is not known. Allowed: {', '.join(allowed)}.")
        return str(value)

    def per_name(self, key: str, names: Sequence[str], *, low: float, high: float) -> dict[str, float]:
        """One number for all names, or a mapping with exactly one for each."""
        if not isinstance(self.content[key], Mapping):
            return dict.fromkeys(names, self.number(key, low=low, high=high))
        each = self.part(key)
        each.keys(*names)
        return {name: each.number(name, low=low, high=high) for name in names}
