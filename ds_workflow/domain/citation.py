"""Whether a document's figures are what its evidence says: links of the form `[17.79 %](evidence/NAME.json#/a/b)`.

The part after `#` is a JSON pointer (RFC 6901), percent-encoded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

FOLDER = "evidence"
_LINK = re.compile(r"\[((?:[^\[\]\\]|\\.)*)\]\((evidence/[^)#\s]+)(?:#([^)\s]*))?\)")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.(\d+))?(?:e[-+]?\d+)?")


def resolve(content: Any, pointer: str) -> Any:
    """What a JSON pointer leads to. KeyError when it leads nowhere."""
    at = content
    for step in pointer.split("/")[1:]:
        word = step.replace("~1", "/").replace("~0", "~")
        if isinstance(at, list) and word.isdigit() and int(word) < len(at):
            at = at[int(word)]
        elif isinstance(at, Mapping) and word in at:
            at = at[word]
        else:
            raise KeyError(pointer)
    return at


def shows(text: str, value: Any) -> bool:
    """Whether a printed figure is this value, rounded: half a unit of its last digit, per cent and points times 100.

    A text that is no number must be in the value's own text.
    """
    number = _finite(value)
    found = _NUMBER.search(text)
    if number is None or found is None:
        bare = re.sub(r"[\\`*]", "", text)
        return " ".join(bare.split()) in " ".join(re.sub(r"[\\`*]", "", str(value)).split())
    shown = float(found.group().replace(",", ""))
    scale = 100.0 if re.search(r"%|\bpp\b", text) else 1.0
    if "e" in found.group():
        return abs(shown - number * scale) <= 1e-3 * abs(number * scale)
    return abs(shown - number * scale) <= 0.5000001 * 10.0 ** -len(found.group(1) or "")


def faults(document: str, files: Mapping[str, str]) -> list[str]:
    """What is wrong with the links of a document; `files` maps a path beside it to its text. Empty when all hold."""
    wrong: list[str] = []
    parsed: dict[str, Any] = {}
    for text, path, fragment in _LINK.findall(document):
        if path not in files:
            wrong.append(f"{path} is not there")
            continue
        if not fragment:
            continue
        if path not in parsed:
            parsed[path] = json.loads(files[path])
        try:
            value = resolve(parsed[path], _decoded(fragment))
        except KeyError:
            wrong.append(f"{path}#{fragment} leads nowhere")
            continue
        if not shows(text, value):
            wrong.append(f"'{text}' is not what stands at {path}#{fragment}: {str(value)[:60]}")
    return wrong


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _decoded(fragment: str) -> str:
    """A percent-encoded fragment as text (RFC 3986)."""
    raw = re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes.fromhex(found[1].decode()), fragment.encode())
    return raw.decode("utf-8", "replace")
