"""The champion that this process serves, loaded once and pinned."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from ds_workflow.use_cases import predict
from ds_workflow.workspace import Workspace


@dataclass
class Served:
    """Loads on first use; a failed load is tried again at the next request, never answered by another version."""

    work: Workspace
    _loaded: predict.Champion | None = None
    _lock: Lock = field(default_factory=Lock)

    def get(self) -> predict.Champion:
        """The champion. Raises NoChampion, StateConflict, OutOfCustody or Unavailable."""
        with self._lock:
            if self._loaded is None:
                self._loaded = predict.champion(self.work)
            return self._loaded
