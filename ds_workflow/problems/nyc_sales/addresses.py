"""Street addresses and apartment names in one spelling, and what an apartment's name says about it.

The files write the same street as 'WEST 18TH STREET' and 'W 18 ST', and the same apartment as '12-C', '12C' or
'#12C'. An apartment's line (the letter, or the last two digits) is the stack of like apartments above each other.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_WORDS = {
    "STREET": "ST",
    "AVENUE": "AVE",
    "ROAD": "RD",
    "PLACE": "PL",
    "BOULEVARD": "BLVD",
    "DRIVE": "DR",
    "LANE": "LN",
    "COURT": "CT",
    "PARKWAY": "PKWY",
    "TERRACE": "TER",
    "SQUARE": "SQ",
    "EAST": "E",
    "WEST": "W",
    "NORTH": "N",
    "SOUTH": "S",
    "FIRST": "1",
    "SECOND": "2",
    "THIRD": "3",
    "FOURTH": "4",
    "FIFTH": "5",
    "SIXTH": "6",
    "SEVENTH": "7",
    "EIGHTH": "8",
    "NINTH": "9",
    "TENTH": "10",
}
_MARKS = str.maketrans("", "", ".'`")
_HIGHEST_FLOOR = 95  # taller than any residential building here: a larger number is a code, not a floor


class Apartment(NamedTuple):
    """What an apartment's name says. `floor` is NaN where the name does not tell it."""

    floor: float
    line: str
    name: str
    penthouse: bool
    combined: bool


NO_APARTMENT = Apartment(float("nan"), "", "", False, False)


def street(address: str) -> str:
    """House number and street of an address without its apartment, in one spelling: '1 Sheridan Square, 8C' and
    '1 SHERIDAN SQ' are one."""
    return " ".join([_short(word) for word in address.split(",", 1)[0].upper().translate(_MARKS).split()])


@lru_cache(maxsize=1 << 16)  # few words make all the addresses of a city
def _short(word: str) -> str:
    return re.sub(r"^(\d+)(ST|ND|RD|TH)$", r"\1", _WORDS.get(word, word))


def street_name(normalised: str) -> str:
    """The street of a normalised address, without the house number."""
    return re.sub(r"^[\d\-A-Z]*\d[\d\-A-Z]*\s+", "", normalised)


def inside(address: str) -> str:
    """What stands after the comma of an address: the apartment, where the source has no field for it."""
    return address.split(",", 1)[1].strip() if "," in address else ""


def apartment(text: str) -> Apartment:
    """Floor, line and kind from an apartment's name: '12C' is floor 12, line C; '1403' is floor 14, line 03."""
    name = re.sub(r"[^A-Z0-9/&+\-]", "", text.upper())
    if not name:
        return NO_APARTMENT
    penthouse = name.startswith(("PH", "PENT"))
    # '5A/B', '5A&5B', '5A5B': two apartments made one.
    combined = bool(re.search(r"[/&+]", name)) or bool(re.search(r"\d+[A-Z]+-?\d+[A-Z]+$", name) or _two_letters(name))
    name = name.replace("-", "")
    bare = re.sub(r"[/&+].*$", "", name)
    match = re.match(r"^([A-Z]*)(\d+)([A-Z]*)$", bare)
    if not match:
        return Apartment(float("nan"), bare, name, penthouse, combined)
    prefix, digits, letters = match.groups()
    floor, line = _floor_and_line(prefix, digits, letters)
    if floor > _HIGHEST_FLOOR:
        floor = float("nan")
    return Apartment(floor, line, name, penthouse, combined)


def _two_letters(name: str) -> bool:
    return len(name) >= 4 and bool(re.search(r"\d[A-Z]{2,}$", name))


def _floor_and_line(prefix: str, digits: str, letters: str) -> tuple[float, str]:
    long = len(digits) >= 3
    if letters:
        return (
            (float(digits[:-2]), digits[-2:] + letters)
            if long and not prefix
            else (float(digits), f"{prefix}|{letters}")
        )
    if long:
        return float(digits[:-2]), f"{prefix}|{digits[-2:]}"
    return (float(digits), f"{prefix}|") if prefix else (float("nan"), digits)
