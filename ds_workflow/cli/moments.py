"""An option that is a moment."""

from __future__ import annotations

from datetime import UTC, datetime, time

import click


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A date, which means its end, or a time; without a zone it is UTC."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment in UTC."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{text}' is no date: 2026-03-01, or with a time.", param, ctx)
        if len(text) == len("2026-03-01"):
            found = datetime.combine(found.date(), time.max)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
