"""The tables of people who use the pages; they stand in the ledger's database."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

_TIME = String(27)  # UTC ISO-8601 of fixed width: text order is time order
_DIGEST = String(64)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("roles", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    CheckConstraint("password_hash LIKE '$argon2id$%'", name="password_is_hashed"),
    CheckConstraint("name = lower(name)", name="name_is_lower_case"),
)


names = Table(  # what else a person is called, by documents and by git
    "account_names",
    metadata,
    Column("account", String(64), ForeignKey("accounts.name"), primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("email", Text, nullable=False),
)


def _account() -> Column[str]:
    return Column("account", String(64), ForeignKey("accounts.name"), nullable=False)


tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    _account(),
    Column("label", Text, nullable=False),
    Column("digest", _DIGEST, nullable=False, unique=True),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("revoked", Boolean, nullable=False),
)

sessions = Table(
    "web_sessions",
    metadata,
    Column("digest", _DIGEST, primary_key=True),
    _account(),
    Column("secret", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
)

access_log = Table(
    "access_log",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", _TIME, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("detail", Text, nullable=False),
    CheckConstraint("outcome IN ('granted', 'refused')", name="known_outcome"),
    Index("access_by_kind", "kind", "outcome", "at"),
)
