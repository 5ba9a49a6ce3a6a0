"""What time it is: the machine's clock says, but never less than the ledger knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from registry import chain
from registry.errors import ClockBehind
from registry.ports import Ledger
from registry.records import utc_text


@dataclass(frozen=True)
class Now:
    """A look at the clock beside the newest time that the ledger knows (None: it knows none)."""

    clock: datetime
    ledger: datetime | None

    @staticmethod
    def look(clock: datetime, ledger: Ledger) -> Now:
        """The clock's time beside the ledger's."""
        return Now(clock, chain.latest(ledger))

    @property
    def at(self) -> datetime:
        """The time by which everything is judged: what has expired once stays so, wherever a clock is turned."""
        return self.clock if self.ledger is None else max(self.clock, self.ledger)

    @property
    def text(self) -> str:
        """The same, as records have it."""
        return utc_text(self.at)

    @property
    def behind(self) -> bool:
        """Whether the clock is before the ledger's time by more than commands that run at once explain."""
        return self.ledger is not None and self.clock < self.ledger - chain.CLOCK_SLACK

    def require_right(self) -> Now:
        """This look; ClockBehind when the clock is behind, since what it would date can't be trusted."""
        if self.behind and self.ledger is not None:
            raise ClockBehind(
                f"This machine's clock says {utc_text(self.clock)}, and the ledger knows of {utc_text(self.ledger)} "
                "already, so nothing is proposed or approved.",
                hint="Set the clock right and repeat the command. If the clock is right, another one was ahead when "
                "it wrote: an approver types 'arena-clock --by NAME --reason WHY'. Rolling back, restoring and "
                "rejecting work meanwhile.",
            )
        return self
