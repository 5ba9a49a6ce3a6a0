"""Where work is done: on this machine, or by the workers of a cluster. `start` gives an engine with three verbs."""

from __future__ import annotations

from ds_workflow.adapters.engine.base import HELP, LOCAL, Engine, require, start

__all__ = ["HELP", "LOCAL", "Engine", "require", "start"]
