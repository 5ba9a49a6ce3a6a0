"""What can go wrong when remembering.

RegistryError
├── NotFound            no such version, proposal, snapshot or lock
├── InvalidRecord       a record contradicts itself (a bug of the caller, or bad input)
├── Conflict            the request is understood but the state forbids it
│   ├── ProposalClosed      decided otherwise, expired, superseded or invalidated
│   ├── NotPromotable       the verdict is not `pass`
│   ├── ChampionMoved       the champion is no longer the one the proposal was compared with
│   ├── ChampionExists      bootstrap where a champion stands
│   ├── NoChampion          a challenger needs a champion to challenge
│   ├── EvidenceChanged     the digest computed again differs from the one on the proposal
│   ├── NotEligible         this person may not take this decision
│   ├── OutOfCustody        the alias is not where the pointer log says
│   ├── NameTaken           the same name with other content
│   └── ApplyFailed         the new champion did not load, match its digest or pass its smoke test
├── LoginRefused        the name and the password don't fit, or were tried too often
└── Unavailable         a store cannot be reached or is locked
    ├── Unreadable          a stored row holds what no record can be made of
    └── ClockBehind         this machine's clock is behind what the ledger knows of already

Every message says what happened, what is allowed and what to do next.
"""

from __future__ import annotations


class RegistryError(Exception):
    """Base of all registry errors."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotFound(RegistryError):
    """Nothing is remembered under that name."""


class InvalidRecord(RegistryError):
    """A record contradicts itself."""


class Conflict(RegistryError):
    """The state forbids what was asked."""


class ProposalClosed(Conflict):
    """Only an open proposal can be decided."""


class NotPromotable(Conflict):
    """Only a proposal with verdict `pass` can be approved."""


class ChampionMoved(Conflict):
    """The champion changed after the proposal was written."""


class ChampionExists(Conflict):
    """Bootstrap is for a problem without a champion."""


class NoChampion(Conflict):
    """There is no champion to compare with or to serve."""


class EvidenceChanged(Conflict):
    """What the proposal was bound to has changed since."""


class NotEligible(Conflict):
    """This person may not take this decision."""


class OutOfCustody(Conflict):
    """The alias is not where the pointer log says it should be."""


class NameTaken(Conflict):
    """The same name already stands for other content."""


class ApplyFailed(Conflict):
    """The new version could not take its place; the old champion still serves."""


class LoginRefused(RegistryError):
    """Nobody is let in. `wait_seconds` is above 0 when there were too many tries."""

    def __init__(self, message: str, *, hint: str = "", wait_seconds: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.wait_seconds = wait_seconds


class Unavailable(RegistryError):
    """A store cannot be reached."""


class Unreadable(Unavailable):
    """A stored row holds what no record can be made of."""


class ClockBehind(Unavailable):
    """The clock is behind the ledger, so no time that it gives can be trusted."""
