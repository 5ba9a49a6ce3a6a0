"""Policies on disk: one YAML per problem."""

from __future__ import annotations

from pathlib import Path

from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import parse_yaml


def load(path: Path, problem: Problem) -> Policy:
    """The policy of a problem. Raises InvalidInput naming file and key."""
    try:
        content = parse_yaml(path.read_bytes(), where=str(path))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"There is no policy for {problem.name} at {path}.", hint="Write one; see config/policies/nyc_sales.yaml."
        ) from error
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
    try:
        return Policy.parse(content, segments=problem.segments, metrics=problem.metrics)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", hint=error.hint) from error
