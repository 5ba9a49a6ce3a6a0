"""The effective challenge of one version: what is known, what the machine says of it, what people signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ds_workflow.domain.assurance import Known
from ds_workflow.domain.checklist import Checklist, Fact, Line, Signature


@dataclass(frozen=True)
class Challenge:
    """The checklist of one version as it stands."""

    known: Known
    facts: Mapping[str, Fact]
    checklist: Checklist
    signed: Mapping[str, Signature]
    lines: tuple[Line, ...]

    @property
    def ready(self) -> bool:
        """Whether every gate that the tier requires is green."""
        return not any(line.open for line in self.lines)

    @property
    def title(self) -> str:
        """The version and its tier in words."""
        return f"{self.known.problem.name} version {self.known.version.version}, {self.known.materiality.words}"

    def to_dict(self) -> dict[str, Any]:
        """The document of `checklist --json`."""
        version, materiality = self.known.version, self.known.materiality
        return {
            "problem": self.known.problem.name,
            "version": version.version,
            "digest": version.digest,
            "tier": materiality.tier,
            "ready": self.ready,
            "gates": [
                {
                    "id": line.gate.id,
                    "section": self.checklist.sections[line.gate.section],
                    "question": line.gate.question,
                    "role": line.gate.role,
                    "approver": line.approver,
                    "status": line.status,
                    "detail": line.detail,
                    "signature": asdict(line.signature) if line.signature else None,
                }
                for line in self.lines
            ],
        }
