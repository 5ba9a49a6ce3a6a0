"""The release check: five gates, red until every check of every one is green."""

from ds_workflow.use_cases.release.gates import Release, check

__all__ = ["Release", "check"]
