"""Monitoring policies on disk: one optional YAML per problem, beside the arena's policies.

`load` is what everybody asks: the workspace's config/monitoring/<problem>.yaml, else the checkout's, else the defaults
of `domain.monitoring.policy.MonitoringPolicy`. `domain.monitoring.policy.contradictions` compares it with the arena's
policy.
"""

from __future__ import annotations

from pathlib import Path

from ds_workflow.domain.monitoring.policy import MonitoringPolicy
from ds_workflow.domain.strict_mapping import Fault, refusal
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import CHECKOUT, Settings, parse_yaml


def path_of(settings: Settings, problem: str) -> Path | None:
    """The file that holds the problem's limits, or None where the defaults do."""
    places = (settings.root, CHECKOUT)
    found = (place / "config" / "monitoring" / f"{problem}.yaml" for place in places)
    return next((path for path in found if path.exists()), None)


def load(settings: Settings, problem: str) -> MonitoringPolicy:
    """The limits by which the problem is watched. Raises InvalidInput naming file and key."""
    policy, faults = read(settings, problem)
    if policy is None:
        error = refusal("The monitoring policy", faults)
        raise InvalidInput(f"{path_of(settings, problem)}: {error}", hint=error.hint)
    return policy


def read(settings: Settings, problem: str) -> tuple[MonitoringPolicy | None, tuple[Fault, ...]]:
    """As `load`, but with everything that is wrong instead of an error. InvalidInput for what is no YAML."""
    path = path_of(settings, problem)
    if path is None:
        return MonitoringPolicy(problem), ()
    return MonitoringPolicy.read(parse_yaml(path.read_bytes(), where=str(path)), problem=problem)
