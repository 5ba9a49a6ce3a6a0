"""The judge of rows: what it takes, what it says of what it does not take, and that nobody can keep it busy."""

from __future__ import annotations

import json
import math
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ds_workflow import plugins
from ds_workflow.adapters.row_reader import reader
from ds_workflow.domain import strict_json
from ds_workflow.domain.contract import BadRows, allowed, check_rows, parse_rows, said_twice, set_aside, typed
from ds_workflow.domain.problem import Column, Problem

NAMES = plugins.names("problems")


def problem_of(name: str) -> Problem:
    declared: Problem = plugins.load("problems", name).PROBLEM
    return declared


def example_of(problem: Problem) -> dict[str, Any]:
    return {c.name: c.example for c in problem.inputs if c.example is not None}


# --- a field that stands twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_stands_twice_is_for_the_contract_and_the_contract_names_it(name: str) -> None:
    """Whatever else a text holds that looks like JSON, and however the second name is spelt."""
    problem = problem_of(name)
    row = example_of(problem) | {c.name: 'a: "b": {c:' for c in problem.inputs if c.kind == "text"}
    read, good = reader(problem), json.dumps(row)
    assert read(f"[{good}, {good}]".encode()) == parse_rows(problem, [row, row])[0]
    for column in problem.inputs:
        if column.name not in row:
            continue
        spelt = f"\\u{ord(column.name[0]):04x}{column.name[1:]}"
        for again in (column.name, spelt):
            for value in (row[column.name], None if not column.required else column.example):
                doubled = f'{good[:-1]}, "{again}": {json.dumps(value)}}}'
                assert read(f"[{good}, {doubled}]".encode()) is None
                _, repeated = strict_json.read(f"[{good}, {doubled}]")
                (error,) = said_twice(repeated)
                assert (error.row, error.field) == (1, column.name)


DOUBLED = (
    ('{"a": 1}', []),
    ('[{"a": 1}, {"a": 1}]', []),
    ('{"a": 1, "b": {"a": 1}}', []),
    ('{"a": 1, "a": 1}', [("a", 2)]),
    ('{"a": 1, "\\u0061": 2, "a": {}}', [("a", 3)]),
    ('[0, {"b": [{"c": 1, "c": 2}], "d": 1, "d": 2}]', [("[1].d", 2), ("[1].b[0].c", 2)]),
    ('{"a": {"x": 1, "x": 2}, "a": {"x": 3}}', [("a", 2)]),  # the first is gone, and what it said twice with it
)


@pytest.mark.parametrize(("text", "told"), DOUBLED)
def test_what_is_repeated_is_found_wherever_it_stands(text: str, told: list[tuple[str, int]]) -> None:
    document, repeated = strict_json.read(text)
    assert document == json.loads(text)
    assert [(one.field, len(one.values)) for one in repeated] == told
    assert strict_json.repeats(text) is bool(told)


@settings(max_examples=30)
@given(st.recursive(st.integers(), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=2), x)))
def test_nothing_is_repeated_in_what_a_writer_wrote(value: Any) -> None:
    assert strict_json.read(json.dumps(value)) == (value, ())


# --- every value that JSON can carry ---------------------------------------------------------------------------------

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", " ", "2024-05-14", "2024-05-14T09:00:00Z", "20240514", "1e5", "\ud800", "\x00", "x" * 20_001]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from([1e999, -0.0, 5e-324, 39.0, 39.0000000001, 2**53 + 1, 10**400]),
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(data=st.data())
def test_the_reader_takes_nothing_that_the_contract_refuses(name: str, data: st.DataObject) -> None:
    """And what it takes, it understands in the same way."""
    problem = problem_of(name)
    row = example_of(problem)
    for column in data.draw(st.lists(st.sampled_from(problem.inputs), max_size=3)):
        kept = [*column.categories[:5], column.minimum, column.maximum, column.example]
        row[column.name] = data.draw(st.one_of(ODD, st.sampled_from(kept)))
    if data.draw(st.booleans()):
        row.pop(data.draw(st.sampled_from(sorted(row))))
    body = json.dumps([row]).encode()
    try:
        sent = json.loads(body)
    except ValueError:  # an integer of more digits than Python reads
        return
    parsed, errors = parse_rows(problem, sent)
    taken = reader(problem)(body)
    if taken is not None:
        assert not errors
        assert taken == parsed
    for error in errors:
        json.dumps(error.to_dict(), allow_nan=False).encode()  # it can be sent back
        assert error.allowed
        assert error.message


@pytest.mark.parametrize("name", NAMES)
def test_the_reader_takes_the_declared_example(name: str) -> None:
    problem = problem_of(name)
    row = example_of(problem)
    taken = reader(problem)(json.dumps([row, row]).encode())
    parsed, errors = parse_rows(problem, [row, row])
    assert not errors
    assert taken == parsed


def test_numbers_keep_their_value_and_whole_ones_must_be_whole() -> None:
    problem = problem_of("adult_income")
    row = example_of(problem)
    (parsed,), errors = parse_rows(problem, [{**row, "age": 40.0, "capital_gain": 0.1}])
    assert (errors, parsed["age"], parsed["capital_gain"]) == ([], 40.0, 0.1)
    for bad in (40.5, math.nan, 10**400, True, "40", [40]):
        _, errors = parse_rows(problem, [{**row, "age": bad}])
        assert [e.field for e in errors] == ["age"], bad


def test_dates_are_text_and_within_their_bounds() -> None:
    problem = problem_of("nyc_sales")
    row = example_of(problem)
    column = problem.column("sale_date")
    assert column.latest in allowed(column)
    assert parse_rows(problem, [row])[0][0]["sale_date"] == date(2024, 5, 14)
    for bad in (20240514, "1969-12-31", "2059-09-19", "0001-01-01", "9999-12-31", "2024-13-01", "14.05.2024"):
        _, errors = parse_rows(problem, [{**row, "sale_date": bad}])
        assert [e.field for e in errors] == ["sale_date"], bad


def test_half_a_character_is_no_text() -> None:
    problem = problem_of("nyc_sales")
    _, errors = parse_rows(problem, [{**example_of(problem), "address": "1 MAIN \ud83d"}])
    assert [e.field for e in errors] == ["address"]
    assert "\ud83d" not in json.dumps(errors[0].to_dict(), ensure_ascii=False)


# --- nobody keeps it busy --------------------------------------------------------------------------------------------


def seconds_of(rows: list[dict[str, Any]], name: str = "nyc_sales") -> tuple[float, int]:
    started = time.process_time()
    _, errors = parse_rows(problem_of(name), rows)
    return time.process_time() - started, len(errors)


def test_thousands_of_unknown_fields_cost_little() -> None:
    row = example_of(problem_of("nyc_sales")) | {f"borouhg_{i}": 1 for i in range(100_000)}
    took, errors = seconds_of([row])
    assert errors == 51  # fifty by name, and how many more
    assert took < 2.0


def test_thousands_of_unknown_categories_cost_little() -> None:
    row = example_of(problem_of("nyc_sales"))
    took, errors = seconds_of([{**row, "borough": f"BROKLYN {i}"} for i in range(5_000)])
    assert errors == 5_000
    assert took < 5.0  # guessing at each would take half a minute


def test_the_first_errors_still_say_what_was_meant() -> None:
    row = example_of(problem_of("nyc_sales"))
    _, errors = parse_rows(problem_of("nyc_sales"), [{**row, "borough": "BROKLYN"}] * 1_000)
    assert all("did you mean 'BROOKLYN'" in e.message for e in errors)


# --- files of text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("number", " 12.5 ", 12.5),
        ("integer", "39", 39.0),
        ("integer", "1_000", "1_000"),
        ("number", "", None),
        ("number", "twelve", "twelve"),
        ("category", " Private ", "Private"),
        ("text", " kept as it is ", " kept as it is "),
        ("date", "2024-05-14 ", "2024-05-14"),
    ],
)
def test_cells_of_a_text_file(kind: Any, cell: str, value: object) -> None:
    assert typed(Column("x", kind, "a column"), cell) == value


def test_declared_columns_that_are_no_inputs_may_stand_in_a_table() -> None:
    problem = problem_of("adult_income")
    assert {"race", "over_50k", "relationship", "person_id"} <= set_aside(problem)
    assert not set_aside(problem) & {c.name for c in problem.inputs}


def test_bad_rows_say_how_many_and_why() -> None:
    _, errors = check_rows(problem_of("adult_income"), [{}, {"age": 1}])
    bad = BadRows(errors)
    assert "2 rows can't be used" in str(bad)
    assert len(bad.errors) == len(errors)
