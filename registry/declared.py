"""The people of config/people.yaml, read strictly: a misspelt role or a name that looks like another is refused."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.accounts import ROLES
from registry.errors import InvalidRecord

EXAMPLE = "people: {ana: [approver], ben: {roles: [data_scientist], name: Ben Stone, email: ben@example.org}}"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@'-]{0,63}")
_KEYS = ("roles", "name", "email")


@dataclass(frozen=True)
class Declared:
    """Roles by name, and, of what else a person is known as (full name, e-mail), the name they are declared under."""

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known_as: Mapping[str, str] = field(default_factory=dict)  # by `plain`


def plain(name: str) -> str:
    """A name as it is compared: composed (NFC), without case, surrounding and doubled blanks."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def declared(content: Any, *, where: str) -> Declared:
    """The people that a file declares; `where` names it in messages. Raises InvalidRecord naming the key."""
    people = content.get("people") if isinstance(content, Mapping) else None
    if content is None:
        return Declared()
    if not isinstance(people, Mapping) or set(content) != {"people"}:
        raise InvalidRecord(
            f"{where} must hold a mapping 'people' from a name to a list of roles, and nothing else.",
            hint=f"For example: '{EXAMPLE}'.",
        )
    roles: dict[str, tuple[str, ...]] = {}
    known_as: dict[str, str] = {}
    for key, said in people.items():
        name = _name(key, where, roles)
        told = said if isinstance(said, Mapping) else {"roles": said}
        if unknown := sorted(map(str, set(told) - set(_KEYS))):
            raise InvalidRecord(
                f"{where}, people.{name}: there is no key '{unknown[0]}'.", hint=f"Keys are {', '.join(_KEYS)}."
            )
        roles[name] = _roles(told.get("roles"), f"{where}, people.{name}")
        for what in ("name", "email"):
            if what in told:
                _also(known_as, name, told[what], f"{where}, people.{name}.{what}")
    for other, name in known_as.items():
        if (same := next((one for one in roles if plain(one) == other and one != name), None)) is not None:
            raise InvalidRecord(f"{where}: '{same}' is a person of the list, and {name} is said to be known as that.")
    return Declared(roles, known_as)


def _name(key: Any, where: str, before: Mapping[str, Any]) -> str:
    name = str(key)
    if not isinstance(key, str) or not _NAME.fullmatch(name) or name != name.strip():
        strange = [f"{c} ({unicodedata.name(c, hex(ord(c)))})" for c in sorted({*name}) if not c.isascii()]
        seen = f" It holds {', '.join(strange)}." if strange else ""
        raise InvalidRecord(
            f"{where}, people: '{name}' can't be a name.{seen}",
            hint="A name has 1 to 64 of a-z, A-Z, 0-9, blank and . _ @ ' -, beginning with a letter or digit, and no "
            "blank at its end; what else a person is called goes under 'name'.",
        )
    if (twin := next((one for one in before if plain(one) == plain(name)), None)) is not None:
        raise InvalidRecord(f"{where}, people: '{twin}' and '{name}' are the same name.", hint="Keep one of them.")
    return name


def _roles(said: Any, where: str) -> tuple[str, ...]:
    allowed = f"Roles are {', '.join(ROLES)}."
    if not isinstance(said, list) or not said:
        raise InvalidRecord(f"{where} has no list of roles.", hint=f"For example: '{EXAMPLE}'. {allowed}")
    for role in map(str, said):
        if role not in ROLES:
            near = difflib.get_close_matches(role, ROLES, n=1)
            raise InvalidRecord(
                f"{where}: there is no role '{role}'.", hint=(f"Did you mean '{near[0]}'? " if near else "") + allowed
            )
    return tuple(dict.fromkeys(map(str, said)))


def _also(known_as: dict[str, str], name: str, said: Any, where: str) -> None:
    if not isinstance(said, str) or not plain(said):
        raise InvalidRecord(f"{where} must be a text.", hint=f"For example: '{EXAMPLE}'.")
    if known_as.setdefault(plain(said), name) != name:
        raise InvalidRecord(f"{where}: '{said}' is {known_as[plain(said)]} already; it can't be two people.")
