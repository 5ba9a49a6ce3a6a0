"""What this program is made of: every distribution it needs, as it is installed, with version, licence and files.

Read from the metadata that installers leave behind, so it tells of this very environment and asks no network.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ds_workflow.errors import InvalidInput

NAME = "champion-challenger-workflow"
# names that people wrote before SPDX's, lower case
_SPDX = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")


@dataclass(frozen=True)
class Component:
    """One installed distribution. `licence` is an SPDX expression, or "" when its metadata hold none that can be read;
    `record` is the digest of the list of its files and their hashes ("" when there is no list)."""

    name: str
    version: str
    licence: str
    record: str
    needs: tuple[str, ...]


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def components(root: str = NAME, *, stated: Mapping[str, str] | None = None) -> tuple[Component, ...]:
    """`root` and everything that it needs here, directly or not, by name; `stated` are licences known from elsewhere.

    Raises InvalidInput when one of them is not installed.
    """
    found: dict[str, Component] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(root, frozenset())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        try:
            there = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise InvalidInput(
                f"{name} is not installed, so what it is made of can't be told.", hint="Run 'make install'."
            ) from error
        needed = dict(_needs(there, extras))
        before = found.get(normal(name))
        needs = {*needed, *(before.needs if before else ())}
        found[normal(name)] = Component(
            normal(name),
            there.version,
            (stated or {}).get(normal(name)) or licence_of(there.metadata),
            hashlib.sha256((there.read_text("RECORD") or "").encode()).hexdigest() if there.read_text("RECORD") else "",
            tuple(sorted(needs)),
        )
        for item in needed.items():
            if item not in seen:
                seen.add(item)
                waiting.append(item)
    return tuple(found[name] for name in sorted(found))


def _needs(there: metadata.Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    from packaging.requirements import Requirement

    for line in there.requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *sorted(extras))):
            yield normal(wanted.name), frozenset(wanted.extras)


def licence_of(told: Any) -> str:
    """The SPDX expression in a distribution's metadata: the field made for it, else an older name that is known."""
    expression = str(told.get("License-Expression") or "")
    if expression:
        return expression
    classified = [
        str(c).rpartition(" :: ")[2] for c in told.get_all("Classifier") or () if str(c).startswith("License")
    ]
    first = str(told.get("License") or "").strip().partition("\n")[0]
    for name in (first, *classified):
        if known := _SPDX.get(name.lower()):
            return known
        if _EXPRESSION.fullmatch(name) and name.upper() not in ("UNKNOWN", "BSD", "PSFL"):
            return name
    return "PSF-2.0" if first == "PSFL" else ""


def permitted(licence: str, allowed: Sequence[str]) -> bool:
    """Whether an SPDX expression can be met by licences that are allowed: all of an AND, one of an OR."""
    text = licence.strip()
    while "(" in text:  # the innermost first
        text = re.sub(r"\(([^()]*)\)", lambda m: "YES" if permitted(m[1], allowed) else "NO", text, count=1)
    return any(
        all(one == "YES" or one.partition(" WITH ")[0] in allowed for one in part.split(" AND "))
        for part in text.split(" OR ")
    )


def changed_files(component: Component) -> list[str]:
    """Files of a distribution that are not what was installed, or are gone; those that carry no hash are not asked."""
    there, found = metadata.distribution(component.name), []
    # RECORD itself: `files` leaves out, in some versions of Python, what is gone.
    for name, hashed, _ in csv.reader((there.read_text("RECORD") or "").splitlines()):
        if not hashed.startswith("sha256="):
            continue
        path = Path(str(there.locate_file(name)))
        content = path.read_bytes() if path.is_file() else b""
        seen = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if seen != hashed.removeprefix("sha256="):
            found.append(name)
    return found


def document(parts: Sequence[Component], *, at: str) -> dict[str, Any]:
    """The bill of materials as CycloneDX 1.6 (ECMA-424), plain JSON. Its number follows from its content."""
    own = next(part for part in parts if part.name == NAME)
    said = "\n".join(f"{part.name} {part.version} {part.record}" for part in parts)
    digest = hashlib.sha256(said.encode()).hexdigest()
    number = f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"  # a UUID of kind 8
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"timestamp": at, "component": _shown(own, "application")},
        "components": [_shown(part, "library") for part in parts if part is not own],
        "dependencies": [{"ref": part.name, "dependsOn": list(part.needs)} for part in parts],
    }


def _shown(part: Component, kind: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": kind, "bom-ref": part.name, "name": part.name, "version": part.version}
    if kind == "library":
        shown["purl"] = f"pkg:pypi/{part.name}@{part.version}"
    if part.licence:
        shown["licenses"] = [{"expression": part.licence}]
    if part.record:
        shown["properties"] = [{"name": f"{NAME}:sha256-of-RECORD", "value": part.record}]
    return shown
