"""The one text of a value and of a time: what digests are taken over, and what sorts as it happened."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from registry.errors import InvalidRecord

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def utc_text(at: datetime) -> str:
    """`2026-01-31T12:00:00.000000Z`: fixed width, so that text order is time order."""
    if at.tzinfo is None:
        raise InvalidRecord("A time without a zone was given; pass an aware datetime in UTC.")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, no NaN; what digests and hashes are taken over."""
    return _ENCODER.encode(value)


def digest_of(value: Any) -> str:
    """SHA-256, as 64 hex digits, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
