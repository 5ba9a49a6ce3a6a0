"""Policies on disk: one YAML per problem."""

from __future__ import annotations

from pathlib import Path

from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strict_mapping import Fault, refusal
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import parse_yaml


def load(path: Path, problem: Problem) -> Policy:
    """The policy of a problem. Raises one InvalidInput naming the file and the keys that are wrong."""
    policy, faults = read(path, problem)
    if policy is None:
        error = refusal("The policy", faults)
        more = "'policy-check' lists all of them with what is allowed." if len(faults) > 1 else ""
        raise InvalidInput(f"{path}: {error}", hint=error.hint or more)
    return policy


def read(path: Path, problem: Problem) -> tuple[Policy | None, tuple[Fault, ...]]:
    """The policy in a file and no fault, or None and all faults of its keys. Raises InvalidInput for a file that can't
    be read or is no YAML."""
    try:
        content = parse_yaml(path.read_bytes(), where=str(path))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"There is no policy for {problem.name} at {path}.", hint="Write one; see config/policies/nyc_sales.yaml."
        ) from error
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
    if content is None:
        raise InvalidInput(f"{path} is empty.", hint="Begin with a copy of config/policies/nyc_sales.yaml.")
    return Policy.read(content, segments=problem.segments, metrics=problem.metrics, problem=problem.name)
