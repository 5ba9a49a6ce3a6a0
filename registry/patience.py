"""How long a store is waited for, and that one which did not answer is not waited for again at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import Unavailable

MLFLOW_SECONDS = 10.0


class Patience:
    """Waits for one store: `seconds` at most for a call, and no call at all for `seconds` after one in vain that took
    more than half as long.

    A command asks a store several times. Were each of them waited for, a store that does not answer would hold it up
    for as many times as long.
    """

    def __init__(self, seconds: float = MLFLOW_SECONDS) -> None:
        self.seconds = seconds
        self._until, self._error = 0.0, Unavailable("")

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A call on the store, which raises Unavailable when it is away."""
        if time.monotonic() < self._until:
            raise Unavailable(str(self._error), hint=self._error.hint)
        began = time.monotonic()
        try:
            yield
        except Unavailable as error:
            if time.monotonic() - began > self.seconds / 2:
                self._until, self._error = time.monotonic() + self.seconds, error
            raise
