"""Reading a document key by key: typing errors, wrong kinds and numbers out of range are collected by their paths, so
that one look shows everything that is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ds_workflow.errors import InvalidInput

NAMED = 6  # faults that an error names; a check lists all
_PERCENT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*%\s*")
_WITH_UNIT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([a-z]*)\s*")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the key's path, what was found and what is allowed, and how to mend it."""

    path: str
    said: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.said}"


@dataclass
class Faults:
    """What was found so far, in the order read."""

    found: list[Fault] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)  # paths of keys that are not there

    def add(self, path: str, said: str, fix: str = "") -> None:
        """Keep one more."""
        self.found.append(Fault(path, said, fix))

    def under(self, *paths: str) -> bool:
        """Whether anything at or below one of these paths is wrong, so that no more can be concluded from it."""
        wrong = [*(one.path for one in self.found), *self.lost]
        return any(one == path or one.startswith(f"{path}.") for one in wrong for path in paths)


def refusal(what: str, faults: Sequence[Fault]) -> InvalidInput:
    """One error that names all faults, or the first ones and how many more there are."""
    if len(faults) == 1:
        return InvalidInput(str(faults[0]), hint=faults[0].fix)
    listed = [f"({i}) {one}{f' {one.fix}' if one.fix else ''}" for i, one in enumerate(faults[:NAMED], start=1)]
    more = [f"And {len(faults) - NAMED} more."] if len(faults) > NAMED else []
    return InvalidInput(f"{what} has {len(faults)} faults: {' '.join([*listed, *more])}")


def near(given: Any, allowed: Sequence[str]) -> str:
    """The allowed word that was probably meant, or "". Source: difflib's ratio, at least 0.6."""
    found = difflib.get_close_matches(str(given).lower(), [word.lower() for word in allowed], n=1)
    return next((word for word in allowed if found and word.lower() == found[0]), "")


def _meant(given: Any, allowed: Sequence[str]) -> str:
    word = near(given, allowed)
    return f"Did you mean '{word}'?" if word else ""


class Part:
    """A mapping inside a document that knows its own path. What is wrong goes into `faults`, and a stand-in comes back,
    which nobody may use while there are faults. A key that is missing is told once, by `keys`."""

    def __init__(self, path: str, content: Any, faults: Faults) -> None:
        self.path, self.faults = path, faults
        if content is None:
            faults.add(path, "there is nothing here; a mapping of keys to values is wanted.")
        elif not isinstance(content, Mapping):
            faults.add(path, f"a mapping of keys to values is wanted here, not {_short(content)}.")
        self.content: Mapping[Any, Any] = content if isinstance(content, Mapping) else {}
        self.whole = isinstance(content, Mapping)

    def fault(self, key: str, said: str, fix: str = "") -> None:
        """Something is wrong with one key, or ("") with all of this part."""
        self.faults.add(f"{self.path}.{key}" if key else self.path, said, fix)

    def keys(self, *known: str, optional: Sequence[str] = ()) -> None:
        """Note what is unknown, and what is missing and not optional; a key that is missing because it was mistyped is
        told once."""
        if not self.whole:
            return
        allowed = (*known, *optional)
        listed = ", ".join(sorted(allowed))
        lost = [key for key in known if key not in self.content]
        self.faults.lost |= {f"{self.path}.{key}" for key in lost}
        for key in self.content:
            if key in allowed:
                continue
            meant = near(key, [k for k in allowed if k not in self.content])
            fix = "Correct the key; an unknown one is refused, so that a typing error switches no gate off."
            if meant:
                fix = f"Did you mean '{meant}'?"
                lost = [one for one in lost if one != meant]
            self.fault("", f"unknown key '{_short(key, quoted=False)}'. Allowed: {listed}.", fix)
        for key in lost:
            self.fault("", f"the key '{key}' is missing. Wanted: {', '.join(sorted(known))}.", f"Write '{key}'.")

    def part(self, key: str) -> Part:
        """The mapping below a key; an empty one where the key is missing."""
        return Part(f"{self.path}.{key}", self.content.get(key, {}), self.faults)

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Every key with the mapping below it; a name that is no text is noted."""
        for name, content in self.content.items():
            if not isinstance(name, str) or not name.strip():
                said = (
                    f"the name {_short(name)} is no text; YAML reads bare yes, no, dates and numbers as something else."
                )
                self.fault("", said, f'Write it in quotes: "{name}".')
                continue
            yield name, Part(f"{self.path}.{name}", content, self.faults)

    def text(self, key: str) -> str:
        """A text that is not empty."""
        if key not in self.content:
            return ""
        value = self.content[key]
        if isinstance(value, str) and value.strip():
            return value
        quote = f'Write it in quotes: "{value}".' if isinstance(value, int | float) else ""
        self.fault(key, f"a text is wanted, not {_short(value)}.", quote)
        return ""

    def number(self, key: str, *, low: float, high: float) -> float:
        """A number, both ends allowed."""
        if key not in self.content:
            return low
        value = self.content[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            said = f"a number from {low:g} to {high:g} is wanted, not {_short(value)}."
            self.fault(key, said, _as_number(value, low, high))
            return low
        return float(value)

    def integer(self, key: str, *, low: int, high: int) -> int:
        """A whole number, both ends allowed."""
        if key not in self.content:
            return low
        value = self.content[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            fix = ""
            if isinstance(value, str) and value.strip().isdigit() and low <= int(value) <= high:
                fix = f"Write it without quotes: {value.strip()}."
            self.fault(key, f"a whole number from {low} to {high} is wanted, not {_short(value)}.", fix)
            return low
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the allowed words; "" for another."""
        if key not in self.content:
            return ""
        value = self.content[key]
        if isinstance(value, str) and value in allowed:
            return value
        self.fault(key, f"{_short(value)} is not known. Allowed: {', '.join(allowed)}.", _meant(value, allowed))
        return ""

    def words(self, names: Sequence[str], what: str) -> list[str]:
        """The keys of a mapping that may have some of these names and has at least one."""
        for key in self.content:
            if key not in names:
                said = f"unknown key '{_short(key, quoted=False)}'. Allowed: {', '.join(names)}."
                self.fault("", said, _meant(key, names))
        if self.whole and not self.content:
            self.fault("", f"at least one {what} is wanted, from: {', '.join(names)}.")
        return [name for name in self.content if name in names]

    def per_name(self, key: str, names: Sequence[str], *, low: float, high: float) -> dict[str, float]:
        """One number for all names, or a mapping with exactly one for each."""
        if not isinstance(self.content.get(key), Mapping):
            return dict.fromkeys(names, self.number(key, low=low, high=high))
        each = self.part(key)
        each.keys(*names)
        return {name: each.number(name, low=low, high=high) for name in names}


def _short(value: Any, *, quoted: bool = True) -> str:
    """A value as messages show it."""
    said = repr(value) if quoted else str(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _as_number(value: Any, low: float, high: float) -> str:
    """What a number was probably meant to be: 5 for 5 %, '5 %', or a number in quotes."""
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if percent is not None:
        share = float(percent[1]) / 100
        return f"Did you mean {share:g}? A share is written as a number." if low <= share <= high else ""
    plain = _WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if plain is not None:
        fits = low <= float(plain[1]) <= high
        how = f"without '{plain[2]}', which the key says" if plain[2] else "without quotes"
        return f"Write it {how}: {plain[1]}." if fits else ""
    if isinstance(value, int | float) and not isinstance(value, bool) and high <= 1 < value <= 100:
        share = value / 100
        return f"Did you mean {share:g}? {value:g} % is written {share:g}." if low <= share <= high else ""
    return ""
