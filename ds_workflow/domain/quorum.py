"""How many people a decision takes, by how much hangs on the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.domain.materiality import Materiality, Tier

PEOPLE: Mapping[Tier, int] = {1: 2, 2: 1, 3: 1}  # beside whoever owns the work; this house's choice


ASKS = "asks"  # the part of a proposal's summary that binds this; `registry.quorum` reads it


def bound(found: Materiality, *, policy: str = "", materiality: str = "") -> dict[str, dict[str, Any]]:
    """The part of a summary that binds what a proposal asks of people, and the digests of the two files that say it."""
    why = found.words
    return {
        ASKS: {"tier": found.tier, "people": people(found), "why": why, "policy": policy, "materiality": materiality}
    }


def people(found: Materiality) -> int:
    """Approvers without an interest that a promotion of this problem takes once people are declared."""
    return PEOPLE[found.tier]
