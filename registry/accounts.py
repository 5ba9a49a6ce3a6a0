"""Who may use the pages: people with a name, roles and a password, and tokens for their programs.

Rules without a store. Passwords are kept as Argon2id hashes; sessions and tokens as SHA-256 digests of 256 random
bits, which need no slow hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from registry.errors import InvalidRecord
from registry.signing import Signer

PROGRAMS = ("service", "agent")  # no people: they carry tokens, log in nowhere and never decide
ROLES = ("viewer", "data_scientist", "approver", *PROGRAMS)
DISABLED = "disabled"  # the only role left to a disabled account: nobody is dropped, so solo mode never comes back
SHORTEST, LONGEST = 12, 200  # characters of a password
TOKEN_PREFIX = "dsw"  # noqa: S105 - how a token begins, so that scanners of secrets find a leaked one
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Account:
    """A person, or a program's own account. `name` is lower case and never given to another one."""

    name: str
    roles: tuple[str, ...]
    disabled: bool
    created_at: str
    changed_at: str
    full_name: str = ""  # as documents and git call them
    email: str = ""

    @property
    def program(self) -> bool:
        """Whether it is no person's."""
        return bool(set(PROGRAMS) & set(self.roles))

    def to_dict(self) -> dict[str, Any]:
        """As JSON; nothing secret is in it."""
        return {
            "name": self.name,
            "roles": list(self.roles),
            "program": self.program,
            "disabled": self.disabled,
            "created_at": self.created_at,
            "changed_at": self.changed_at,
            **{key: said for key, said in (("full_name", self.full_name), ("email", self.email)) if said},
        }


@dataclass(frozen=True)
class Known:
    """What else a person is called: by documents, and by the git that they commit with."""

    full_name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Vouch:
    """Who stands for a change of an account, and the key that they sign it with, if they have one."""

    by: str = ""
    signer: Signer | None = None


UNNAMED, UNVOUCHED = Known(), Vouch()


@dataclass(frozen=True)
class Token:
    """What is known of an API token once it was shown: everything but itself."""

    id: str
    account: str
    label: str
    created_at: str
    expires_at: str
    revoked: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "account": self.account,
            "label": self.label,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "revoked": self.revoked,
        }


@dataclass(frozen=True)
class Session:
    """A person who logged in. `secret` keys the tokens of this session's forms."""

    account: Account
    secret: str = field(repr=False)
    expires_at: str


@dataclass(frozen=True)
class Access:
    """One line of the access log: who tried what, from where, and what came of it."""

    at: str
    kind: str  # login, form, decision, token, read, request
    outcome: str  # granted, refused
    who: str
    address: str
    path: str
    detail: str
    seq: int = 0


def require_account_name(name: str) -> str:
    """The name in lower case. Only ASCII, so that no two names look alike."""
    plain = name.strip().lower()
    if not _NAME.fullmatch(plain):
        raise InvalidRecord(
            f"'{name}' can't be a user's name: 1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit.",
            hint="For example 'ana' or 'ana.silva@example.org'.",
        )
    return plain


def require_roles(roles: Sequence[str]) -> tuple[str, ...]:
    """The roles in their order, each once. A program has one role of its own and none of people's."""
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        said = f"There is no role '{unknown[0]}'." if unknown else "A user needs at least one role."
        raise InvalidRecord(said, hint=f"Roles are {', '.join(ROLES)}.")
    if set(PROGRAMS) & set(roles) and len(set(roles)) > 1:
        raise InvalidRecord(
            f"An account is a person's or a program's; {' and '.join(r for r in ROLES if r in roles)} can't be one.",
            hint="Give the program an account of its own, with the role 'service' or 'agent' alone.",
        )
    return tuple(role for role in ROLES if role in roles)


def stored_password(password: str, name: str, roles: Sequence[str]) -> str:
    """The hash that is kept: of a person's password; of 256 random bits that nobody knows for a program, which logs in
    nowhere. Raises InvalidRecord for a bad password, and for a program's."""
    if not set(PROGRAMS) & set(roles):
        return hashed(require_password(password, name))
    if password:
        raise InvalidRecord(
            f"'{name}' is a program's account, which logs in nowhere and takes no password.",
            hint=f"Its program carries a token: token-add {name} --label WHAT",
        )
    return hashed(secrets.token_urlsafe(32))


def require_password(password: str, name: str) -> str:
    """The password, when it is long enough (NIST SP 800-63B: length over composition rules) and not the name."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidRecord(
            f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}.",
            hint="A sentence of a few words is long and easy to remember.",
        )
    if len(set(password)) < 5 or name in password.lower():
        raise InvalidRecord(
            "This password is too easy to guess.", hint="It may not hold the name, and needs five different characters."
        )
    return password


def hashed(password: str) -> str:
    """The Argon2id hash, its parameters and salt within."""
    return str(_hasher().hash(password))


def fits(password: str, stored: str | None) -> bool:
    """Whether the password is the one of the hash; as slow for a name that nobody has."""
    found = bool(_hasher().verify(password[:LONGEST], stored or _nobody()))
    return found and stored is not None and len(password) <= LONGEST


@cache
def _hasher() -> Any:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    # OWASP, Password Storage Cheat Sheet: Argon2id with 19 MiB and two passes on one lane; tries are limited besides
    return PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1),))


@cache
def _nobody() -> str:
    return hashed("no account has this password")


def digest_of_secret(secret: str) -> str:
    """What is stored of a random secret: SHA-256, 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def merged(written: Mapping[str, Sequence[str]], accounts: Sequence[Account]) -> dict[str, tuple[str, ...]]:
    """Everybody declared, in config/people.yaml or as a user, with all their roles; a disabled user keeps none."""
    people = {name: tuple(roles) for name, roles in written.items()}
    for account in accounts:
        same = next((name for name in people if name.strip().casefold() == account.name), account.name)
        both = tuple(dict.fromkeys((*people.get(same, ()), *account.roles)))
        people[same] = (DISABLED,) if account.disabled else both
    return people
