"""Ed25519 signatures of what a person decided (RFC 8032): a key file signs, its public half stands in the chain.

The private key is read from a file that only its owner may read; it is never written to a store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from registry import laws
from registry.errors import InvalidRecord, NotEligible
from registry.records import Event

KEY_ADDED, KEY_REVOKED, person = laws.KEY_ADDED, laws.KEY_REVOKED, laws.person
_DOMAIN = "ds-workflow event "  # so that a signature given for something else never fits an event


@dataclass(frozen=True)
class Signature:
    """Who signed which event: `key` and `signature` in hex, 64 and 128 digits."""

    seq: int
    actor: str
    key: str
    signature: str


@dataclass(frozen=True)
class Signer:
    """A private key in memory."""

    secret: Any  # cryptography's Ed25519PrivateKey

    @staticmethod
    def new() -> Signer:
        """A new key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Signer(Ed25519PrivateKey.generate())

    @staticmethod
    def read(path: Path) -> Signer:
        """The key of a PEM file. Raises InvalidRecord when it is none, or when others may read it."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            others, text = path.stat().st_mode & 0o077, path.read_bytes()
        except OSError as error:
            raise InvalidRecord(f"The key file {path} can't be read: {error.strerror}.") from error
        if others:
            raise InvalidRecord(f"The key file {path} can be read by others.", hint=f"Type: chmod 600 {path}")
        try:
            found = load_pem_private_key(text, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidRecord(f"{path} holds no private key in PEM.", hint="Make one with 'key-add'.") from error
        if not isinstance(found, Ed25519PrivateKey):
            raise InvalidRecord(f"The key of {path} is not an Ed25519 key.", hint="Make one with 'key-add'.")
        return Signer(found)

    def write(self, path: Path) -> None:
        """Write the key to a new file that only its owner may read. Raises InvalidRecord when there is one."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        text = self.secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise InvalidRecord(f"{path} is there already; a key is never overwritten.") from error
        with os.fdopen(handle, "wb") as file:
            file.write(text)

    @cached_property
    def public(self) -> str:
        """The public half, 64 hex digits."""
        return str(self.secret.public_key().public_bytes_raw().hex())

    def sign(self, told: Event, actor: str) -> Signature:
        """The signature of an event, by its hash."""
        return Signature(told.seq, actor, self.public, str(self.secret.sign(_message(told.hash)).hex()))


def verified(key: str, signature: str, message: bytes) -> bool:
    """Whether this is the key's signature of the message; all but the message in hex."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def active_key(events: Iterable[Event], actor: str) -> str | None:
    """The public key a person signs with, by the events about keys, oldest first; None without one."""
    found = None
    for told in events:
        if person(told.body.get("actor", "")) == person(actor):
            found = str(told.body.get("key", "")) if told.kind == KEY_ADDED else None
    return found


def require_signer(signer: Signer | None, key: str | None, actor: str) -> Signer | None:
    """Who signs for `actor`: nobody while they have no key. Raises NotEligible when this process lacks their key."""
    if key is None:
        return None
    if signer is None or signer.public != key:
        raise NotEligible(
            f"What '{actor}' decides or owns is signed with the key {key[:16]}, and it is not at hand here.",
            hint="Type it at the command line, with DS_WORKFLOW_SIGNING_KEY naming the key's file.",
        )
    return signer


def _message(link: str) -> bytes:
    return f"{_DOMAIN}{link}".encode()
