"""The event schema as SQL: what every raw column becomes, and what is wrong with a row.

Compiled from `domain.telemetry.schema`, whose `faults` says the same of one event in Python.
"""

from __future__ import annotations

from collections.abc import Mapping

from ds_workflow.adapters.telemetry.views import literal
from ds_workflow.domain.telemetry import schema
from ds_workflow.domain.telemetry.schema import FIELDS, Field

SQL_TYPES = {
    "text": "varchar",
    "number": "double",
    "integer": "integer",
    "flag": "boolean",
    "time": "timestamp",
}
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATING = ("FLOAT", "DOUBLE", "DECIMAL")
_FLAGS = "case lower({0}) when 'true' then true when '1' then true when 'false' then false when '0' then false end"


def typed(columns: Mapping[str, str]) -> str:
    """The select list that turns raw columns (name -> DuckDB type) into the fields, null where a value can't be one.

    A numeric field also keeps a double of its own, `n_<name>`, since a fraction or an absurd figure is told apart from
    what is no number at all; `t_<name>` tells whether anything was there.
    """
    parts = []
    for field in FIELDS:
        kind = columns.get(field.name, "").upper()
        raw = f'"{field.name}"' if kind else "cast(null as varchar)"
        text = f"nullif(trim(cast({raw} as varchar)), '')"
        native = kind.startswith((*_NUMERIC, *_FLOATING))
        parts.append(f"({f'{raw} is not null' if native else f'{text} is not null'}) as t_{field.name}")
        if field.type == "text":
            value = text
        elif field.type == "flag":
            value = raw if kind == "BOOLEAN" else _FLAGS.format(text)
        elif field.type == "time":
            value = raw if kind.startswith("TIMESTAMP") and "TIME ZONE" not in kind else _moment(text)
        else:
            number = f"cast({raw} as double)" if native else _number(text)
            parts.append(f"case when isfinite({number}) then {number} end as n_{field.name}")
            number = f"(case when isfinite({number}) then {number} end)"
            value = number if field.type == "number" else f"try_cast({number} as integer)"
        parts.append(f"cast({value} as {SQL_TYPES[field.type]}) as {field.name}")
    return ",\n    ".join(parts)


def reasons(received_at: str) -> str:
    """An SQL text: every `reason:field` of a typed row, joined by ';'; empty for a sound one. `received_at` is the
    moment of arrival as an SQL literal, UTC."""
    known = f"event_type in ({_listed(tuple(schema.KINDS))})"
    cases = []
    for field in FIELDS:
        given = f"t_{field.name}"
        everywhere = field.of == tuple(schema.KINDS)
        here = known if everywhere else f"event_type in ({_listed(field.of)})"
        branches = [f"when {known} and not ({here}) then case when {given} then 'misplaced:{field.name}' end"]
        missing = f"'missing:{field.name}'"
        branches.append(f"when not {given} then {missing if everywhere else f'case when {known} then {missing} end'}")
        branches += [f"when {test} then '{reason}:{field.name}'" for test, reason in _tests(field, received_at)]
        cases.append(f"case {' '.join(branches if not everywhere else branches[1:])} end")
    joined = f"concat_ws(';',\n    {f',{chr(10)}    '.join(cases)})"
    return f"coalesce(nullif({joined}, ''), case when {_contradicts()} then 'contradiction:error_type' end, '')"


def sound(received_at: str) -> str:
    """Whether nothing at all is wrong with a typed row, as one SQL condition: the rows on which `reasons` is empty.

    Nearly every row is sound, and this takes a sixth of the time that looking for reasons takes.
    """
    parts = [f"event_type in ({_listed(tuple(schema.KINDS))})", f"not coalesce({_contradicts()}, false)"]
    for field in FIELDS:
        fine = [f"t_{field.name}", *(f"not coalesce({test}, false)" for test, _ in _tests(field, received_at))]
        if field.of == tuple(schema.KINDS):
            parts += fine
        else:
            here = f"event_type in ({_listed(field.of)})"
            parts.append(f"case when {here} then {' and '.join(fine)} else not t_{field.name} end")
    return f"coalesce({' and '.join(f'({part})' for part in parts)}, false)"


def _contradicts() -> str:
    outcome = f"case event_type when '{schema.COMPILED}' then compiled else tests_passed end"
    measured = f"event_type in ('{schema.COMPILED}', '{schema.TESTED}')"
    return f"{measured} and ({outcome}) <> (error_type = '{schema.ERRORS[0]}')"


def _tests(field: Field, received_at: str) -> list[tuple[str, str]]:
    name = field.name
    if field.type == "text":
        found = [(f"{name} not in ({_listed(field.allowed)})", "unknown_value")] if field.allowed else []
        return [*found, (f"length({name}) > {schema.LONGEST_TEXT}", "too_long")]
    if field.type == "flag":
        return [(f"{name} is null", "not_a_flag")]
    if field.type == "time":
        ahead = f"{received_at} + interval '{int(schema.AHEAD.total_seconds())} seconds'"
        return [
            (f"{name} is null", "not_a_time"),
            (f"{name} > {ahead}", "in_the_future"),
            (f"{name} < timestamp '{schema.EARLIEST:%Y-%m-%d}'", "too_old"),
        ]
    number = f"n_{name}"
    found = [(f"{number} is null", "not_a_number")]
    if field.type == "integer":
        found.append((f"{number} <> floor({number})", "not_whole"))
    if field.minimum is not None:
        found.append((f"{number} < {field.minimum}", "out_of_range"))
    if field.maximum is not None:
        found.append((f"{number} > {field.maximum}", "out_of_range"))
    return found


def _number(text: str) -> str:
    return f"case when regexp_full_match({text}, '{schema.NUMBER_SHAPE}') then try_cast({text} as double) end"


def _moment(text: str) -> str:
    shaped = f"regexp_matches({text}, '^{schema.MOMENT_SHAPE}')"
    return f"case when {shaped} then try_cast({text} as timestamptz) at time zone 'UTC' end"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(literal, names))
