"""How many people a decision takes, by how much hangs on the model."""

from __future__ import annotations

from collections.abc import Mapping

from ds_workflow.domain.materiality import Materiality, Tier

PEOPLE: Mapping[Tier, int] = {1: 2, 2: 1, 3: 1}  # beside whoever owns the work; this house's choice


def people(found: Materiality) -> int:
    """Approvers without an interest that a promotion of this problem takes once people are declared."""
    return PEOPLE[found.tier]
