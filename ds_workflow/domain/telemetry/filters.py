"""Which part of the log is looked at: days, language, segment, model version. Part of a page's address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from ds_workflow.domain.telemetry.schema import LANGUAGES, SEGMENTS
from ds_workflow.errors import InvalidInput

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}")


@dataclass(frozen=True)
class Filters:
    """Days are whole, UTC, both ends included; what is empty or None does not filter."""

    first: date | None = None
    last: date | None = None
    language: str = ""
    segment: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        for what, value, known in (("language", self.language, LANGUAGES), ("segment", self.segment, SEGMENTS)):
            if value and value not in known:
                raise InvalidInput(f"There is no {what} '{value[:60]}'.", hint=f"Known: {', '.join(known)}.")
        if self.version and not _VERSION.fullmatch(self.version):
            raise InvalidInput(f"'{self.version[:60]}' can't name a model version.", hint="Letters, digits, . _ : + -")
        if self.first and self.last and self.last < self.first:
            raise InvalidInput(f"The last day, {self.last}, is before the first, {self.first}.", hint="Swap them.")

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filters:
        """From texts by name (`from`, `to`, `language`, `segment`, `version`), as an address has them."""
        days = {}
        for name in ("from", "to"):
            text = given.get(name, "").strip()
            try:
                days[name] = date.fromisoformat(text) if text else None
            except ValueError as error:
                raise InvalidInput(f"'{text[:40]}' is no day.", hint="Write it as 2025-03-31.") from error
        rest = {name: given.get(name, "").strip() for name in ("language", "segment", "version")}
        return cls(days["from"], days["to"], **rest)

    def to_dict(self) -> dict[str, Any]:
        """The filters that are set, as texts: what an address carries."""
        named = {"first": "from", "last": "to"}
        return {named.get(k, k): str(v) for k, v in asdict(self).items() if v}

    @property
    def words(self) -> str:
        """For people."""
        days = " to ".join(str(d) if d else "…" for d in (self.first, self.last)) if self.first or self.last else ""
        return ", ".join(filter(None, (days, self.language, self.segment, self.version))) or "everything"
