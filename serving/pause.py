"""How long something that failed is left alone: each time in vain doubles it."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pause:
    """A pause of `first` seconds that grows up to `longest`."""

    def __init__(self, first: float, longest: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._first, self._longest, self._clock = first, longest, clock
        self._seconds, self._until = first, 0.0

    @property
    def over(self) -> bool:
        """Whether it may be tried again."""
        return self._clock() >= self._until

    def fail(self) -> None:
        """It was tried in vain: wait, and longer the next time."""
        self._until = self._clock() + self._seconds
        self._seconds = min(self._longest, 2 * self._seconds)

    def reset(self) -> None:
        """It went well, or something else is to be tried."""
        self._seconds, self._until = self._first, 0.0


def told(error: Exception) -> str:
    """An error in words; one that nobody foresaw has its kind before it, as its text alone rarely says enough."""
    foreseen = hasattr(error, "hint") or isinstance(error, OSError)
    return str(error) if foreseen else f"{type(error).__name__}: {error}"
