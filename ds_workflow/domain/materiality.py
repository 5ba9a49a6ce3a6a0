"""How much hangs on a model: its tier, and what a tier asks for before a release.

After the guidance on model risk of the United States' banking agencies of 17 April 2026 (Federal Reserve SR 26-2, OCC
Bulletin 2026-13), which weighs a model by its exposure and by its purpose. The table itself is this house's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ds_workflow.domain.findings import Severity
from ds_workflow.errors import InvalidInput

Exposure = Literal["low", "medium", "high"]
Purpose = Literal["benchmark", "decision_support", "automated_decision", "regulated"]
Tier = Literal[1, 2, 3]

TABLE: Mapping[Purpose, tuple[Tier, Tier, Tier]] = {  # by exposure: low, medium, high
    "benchmark": (3, 3, 2),
    "decision_support": (3, 2, 1),
    "automated_decision": (2, 1, 1),
    "regulated": (1, 1, 1),
}


@dataclass(frozen=True)
class Requirements:
    """What a release of a tier needs. `blocking` findings block while open; any finding blocks once it is overdue."""

    pack: bool  # the documents of docs-build, whole and about the champion
    signatures: bool  # the checklist's gates that people sign
    independent: bool  # by somebody who does not own the version; and the champion is not self-approved
    monitoring: bool  # a status of monitoring on record, healthy
    blocking: tuple[Severity, ...]


REQUIRED: Mapping[Tier, Requirements] = {
    1: Requirements(True, True, True, True, ("critical", "high", "medium")),
    2: Requirements(True, True, True, True, ("critical", "high")),
    3: Requirements(False, False, False, False, ("critical", "high")),
}


@dataclass(frozen=True)
class Materiality:
    """One problem's assessment. Not assessed counts as tier 1 until somebody says otherwise.

    `approvers` maps a role of the checklist to the person named for it.
    """

    exposure: Exposure | None = None
    purpose: Purpose | None = None
    reason: str = ""
    assessed_by: str = ""
    approvers: Mapping[str, str] = field(default_factory=dict)

    @property
    def assessed(self) -> bool:
        """Whether exposure and purpose are both said."""
        return self.exposure is not None and self.purpose is not None

    @property
    def tier(self) -> Tier:
        """1 (most hangs on it) to 3."""
        if self.exposure is None or self.purpose is None:
            return 1
        return TABLE[self.purpose][get_args(Exposure).index(self.exposure)]

    @property
    def required(self) -> Requirements:
        """What a release of this tier needs."""
        return REQUIRED[self.tier]

    @property
    def words(self) -> str:
        """The tier and why, on one line."""
        if not self.assessed:
            return "tier 1: nobody has assessed it, and what is not assessed counts as the highest"
        return f"tier {self.tier}: exposure {self.exposure}, purpose {str(self.purpose).replace('_', ' ')}"

    @staticmethod
    def parse(content: Any, *, where: str) -> Materiality:
        """One problem's entry, as YAML gives it. Raises InvalidInput naming the key."""
        if not isinstance(content, Mapping):
            raise InvalidInput(f"{where} must be a mapping with exposure, purpose and reason.")
        known = {"exposure", "purpose", "reason", "assessed_by", "approvers"}
        if unknown := sorted(map(str, set(content) - known)):
            raise InvalidInput(f"{where} has keys that nobody knows: {', '.join(unknown)}.")
        exposure, purpose = content.get("exposure"), content.get("purpose")
        for key, value, allowed in (
            ("exposure", exposure, get_args(Exposure)),
            ("purpose", purpose, get_args(Purpose)),
        ):
            if value not in allowed:
                raise InvalidInput(f"{where}.{key} is {value!r}; allowed are {', '.join(allowed)}.")
        reason = str(content.get("reason") or "").strip()
        if not reason:
            raise InvalidInput(f"{where}.reason is empty; say in a sentence why.")
        approvers = content.get("approvers") or {}
        if not isinstance(approvers, Mapping) or not all(isinstance(v, str) and v.strip() for v in approvers.values()):
            raise InvalidInput(f"{where}.approvers must map a role to one person's name.")
        named = {str(role): str(name).strip() for role, name in approvers.items()}
        return Materiality(exposure, purpose, reason, str(content.get("assessed_by") or ""), named)
