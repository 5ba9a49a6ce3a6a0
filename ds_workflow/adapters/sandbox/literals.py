"""Plain values over a wire between a trusted and an untrusted process: JSON with tags, nothing that can run.

What is not a plain value is sent as `Opaque`, which equals nothing, so that an object made to compare equal to
everything gains nothing.
"""

from __future__ import annotations

import json
import math
from collections import deque
from typing import Any

TYPES = {k.__name__: k for k in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)}
DEEPEST, LONGEST = 200, 8 * 1024 * 1024  # nesting, bytes


class Opaque:
    """A value of a type that is no plain value; equal to nothing, not even itself."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<a {self.type_name}>"


def dumps(value: Any) -> bytes:
    """One line of bytes. ValueError for what is too deep or too long."""
    text = json.dumps(_tagged(value, 0), separators=(",", ":"), ensure_ascii=True).encode()
    if len(text) > LONGEST:
        raise ValueError("the value is too long to be sent")
    return text + b"\n"


def loads(line: bytes) -> Any:
    """The value of a line. ValueError for anything that `dumps` does not write."""
    try:
        return _plain(json.loads(line))
    except (KeyError, TypeError, IndexError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"no plain value: {type(error).__name__}") from error


def _tagged(value: Any, deep: int) -> Any:  # noqa: PLR0911, PLR0912 - one line per type
    if deep > DEEPEST:
        raise ValueError("the value is nested too deeply to be sent")
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -(2**53) < value < 2**53 else {"t": "i", "v": hex(value)}
    if kind is float:
        return {"t": "f", "v": value.hex() if math.isfinite(value) else repr(value)}
    if kind is complex:
        return {"t": "c", "v": [_tagged(value.real, deep), _tagged(value.imag, deep)]}
    if kind is type and value in TYPES.values():
        return {"t": "k", "v": value.__name__}
    if kind in (bytes, bytearray):
        return {"t": "b", "v": bytes(value).hex()}
    if kind is list:
        return [_tagged(v, deep + 1) for v in value]
    for tag, kinds in (("u", (tuple,)), ("s", (set,)), ("z", (frozenset,)), ("l", (deque, range)), ("d", (dict,))):
        if isinstance(value, kinds):
            if tag == "d":
                return {"t": "d", "v": [[_tagged(k, deep + 1), _tagged(v, deep + 1)] for k, v in dict.items(value)]}  # type: ignore[arg-type]
            return {"t": tag, "v": [_tagged(v, deep + 1) for v in value]}
    if isinstance(value, list):
        return [_tagged(v, deep + 1) for v in list.__iter__(value)]
    if isinstance(value, bool | int | str):  # kinds of their own: an enum, a str with another __eq__
        return _tagged(str.__str__(value) if isinstance(value, str) else int.__int__(value), deep)
    return {"t": "o", "v": kind.__name__[:80]}


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one line per type
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if not isinstance(value, dict):
        return value
    tag, inner = value["t"], value["v"]
    if tag == "i":
        return int(inner, 16)
    if tag == "f":
        return float.fromhex(inner) if "x" in inner else float(inner)
    if tag == "c":
        return complex(_plain(inner[0]), _plain(inner[1]))
    if tag == "b":
        return bytes.fromhex(inner)
    if tag == "d":
        return {_plain(k): _plain(v) for k, v in inner}
    if tag == "k":
        return TYPES[inner]
    if tag == "o":
        return Opaque(str(inner))
    made = {"u": tuple, "s": set, "z": frozenset, "l": list}[tag]
    return made(_plain(v) for v in inner)
