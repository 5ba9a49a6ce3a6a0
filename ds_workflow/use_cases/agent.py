"""The monitoring agent's plan, from figures and a drift verdict as files or requests bring them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ds_workflow.domain import agent
from ds_workflow.domain.agent import Plan

__all__ = ["Plan", "plan_of", "yaml_text"]


def plan_of(points: Sequence[Any], drift: Any = None) -> Plan:
    """The plan. Raises InvalidInput that names what can't be used."""
    return agent.plan(agent.points_of(points), agent.drift_of(drift))


def yaml_text(plan: Plan) -> str:
    """The plan as YAML: the same plan, the same bytes."""
    import yaml

    return str(yaml.safe_dump(plan.to_dict(), sort_keys=False, allow_unicode=True, width=120))
