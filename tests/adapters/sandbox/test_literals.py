"""The wire between the tests and a program: plain values arrive as they were sent, and nothing else arrives."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.adapters.sandbox import literals

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
SIMPLE = NUMBERS | st.text(max_size=20) | st.binary(max_size=9)
HASHABLE = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
PLAIN = st.recursive(
    SIMPLE | st.complex_numbers(allow_nan=False) | st.sampled_from(list(literals.TYPES.values())),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_a_plain_value_arrives_as_it_was_sent(value: Any) -> None:
    line = literals.dumps(value)
    assert line.count(b"\n") == 1
    back = literals.loads(line)
    assert back == value
    assert type(back) is type(value)
    assert literals.dumps(back) == line or isinstance(value, set | frozenset | dict | list | tuple)


def test_what_is_not_a_number_stays_so() -> None:
    assert math.isnan(literals.loads(literals.dumps(math.nan)))
    assert math.copysign(1, literals.loads(literals.dumps(-0.0))) == -1


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def test_forged_equality_is_left_behind() -> None:
    assert literals.loads(literals.dumps(Liar(1))) != 5
    opaque = literals.loads(literals.dumps([object()]))[0]
    assert opaque != opaque  # noqa: PLR0124 - it equals nothing, itself included
    assert literals.loads(literals.dumps(Liar)) != Liar


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b'{"t":"x","v":1}', b'{"v":1}', b'{"t":"k","v":"object"}', b'{"t":"d","v":[[[1],2]]}', b"\xff",
     b'{"t":"i","v":"ten"}', b'{"t":"b","v":"zz"}', b'{"t":"c","v":[1]}', b"[" * 100_000],
)  # fmt: skip
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        literals.loads(line)


def test_what_is_too_deep_or_too_long_is_not_sent() -> None:
    deep: list[Any] = []
    for _ in range(literals.DEEPEST + 2):
        deep = [deep]
    with pytest.raises(ValueError, match="deeply"):
        literals.dumps(deep)
    with pytest.raises(ValueError, match="too long"):
        literals.dumps("x" * (literals.LONGEST + 1))
    with pytest.raises(ValueError, match=r".*"):
        literals.loads(json.dumps({"t": "f", "v": "nothing"}).encode())
