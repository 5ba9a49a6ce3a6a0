"""What the program is made of, written down, and held against what it should be made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import run_files, sbom
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import CHECKOUT, parse_yaml
from registry.records import utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from ds_workflow.workspace import Workspace

LICENCES = CHECKOUT / "config" / "licences.yaml"
PINS = CHECKOUT / "constraints.txt"


@dataclass(frozen=True)
class Bill:
    """The bill of materials, where it was written, and what is wrong; `checked` says whether that was asked."""

    content: dict[str, Any]
    path: Path
    checked: bool
    findings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `sbom --json`."""
        number, count = self.content["serialNumber"], len(self.content["components"])
        return {"path": str(self.path), "serial": number, "components": count, "findings": list(self.findings)}

    def text(self) -> str:
        """For the terminal."""
        lines = [f"{len(self.content['components'])} components (CycloneDX 1.6): {self.path}"]
        if self.checked:
            lines += self.findings or ["Versions, licences and files are as they should be."]
        return "\n".join(lines)


def bill(work: Workspace, out: Path, *, check: bool) -> Bill:
    """Write the bill of materials to `out`; with `check` also find what differs from constraints.txt, has a licence
    that is not allowed, or has files that are not those that were installed.

    Raises InvalidInput when something needed is not installed, or the list of licences can't be read.
    """
    if out.suffix.lower() != ".json":
        raise InvalidInput(f"--out {out} must name a .json file.", hint="dist/sbom.cdx.json, for example.")
    allowed, stated = licences()
    parts = sbom.components(stated=stated)
    content = sbom.document(parts, at=utc_text(work.clock()))
    out.parent.mkdir(parents=True, exist_ok=True)
    run_files.write_json(out, content)
    return Bill(content, out, check, tuple(_findings(parts, allowed)) if check else ())


def licences() -> tuple[tuple[str, ...], dict[str, str]]:
    """The licences that are allowed, and those that are stated for distributions which don't say."""
    try:
        told = parse_yaml(LICENCES.read_bytes(), where=str(LICENCES))
        return tuple(map(str, told["allowed"])), {str(k): str(v) for k, v in told["stated"].items()}
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{LICENCES} can't be read: {error}", hint="It holds 'allowed' and 'stated'.") from error


def pins() -> dict[str, str]:
    """The versions of constraints.txt by name, of those that belong to this machine."""
    from packaging.requirements import Requirement

    found = {}
    for line in PINS.read_text("utf-8").splitlines() if PINS.exists() else ():
        if line.strip() and not line.lstrip().startswith("#"):
            wanted = Requirement(line.strip())
            if wanted.marker is None or wanted.marker.evaluate():
                found[sbom.normal(wanted.name)] = str(wanted.specifier).removeprefix("==")
    return found


def _findings(parts: tuple[sbom.Component, ...], allowed: tuple[str, ...]) -> list[str]:
    pinned, found = pins(), []
    for part in parts:
        if part.name != sbom.NAME:
            if (pin := pinned.get(part.name)) is None:
                found.append(f"{part.name} {part.version} is needed and constraints.txt does not name it.")
            elif pin != part.version:
                found.append(f"{part.name} {part.version} is installed, constraints.txt names {pin}.")
            if changed := sbom.changed_files(part):
                found.append(f"{part.name} {part.version}: {len(changed)} files were changed, {changed[0]} first.")
        if not part.licence:
            found.append(f"{part.name} {part.version} names no licence; state it in config/licences.yaml.")
        elif not sbom.permitted(part.licence, allowed):
            found.append(
                f"{part.name} {part.version} is under {part.licence}, which config/licences.yaml does not allow."
            )
    return found
