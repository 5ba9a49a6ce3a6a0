"""The people who use the console: add, list, disable; tokens for their programs; who is let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.reports import tables

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.accounts import Account, Token


@dataclass(frozen=True)
class Users:
    """Everybody, and the tokens of their programs."""

    accounts: tuple[Account, ...]
    tokens: tuple[Token, ...]
    at: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `user-list --json`."""
        return {"users": [a.to_dict() for a in self.accounts], "tokens": [t.to_dict() for t in self.tokens]}

    def text(self) -> str:
        """For the terminal."""
        if not self.accounts:
            return (
                "No users yet: this workspace is in solo mode, its pages can be read but nothing is decided on them.\n"
                "Add the first one: ds-workflow user-add ana --role approver"
            )
        body = [[a.name, ", ".join(a.roles), "disabled" if a.disabled else "active", a.created_at[:10]]
                for a in self.accounts]  # fmt: skip
        lines = tables.text_table(["user", "roles", "state", "since"], body)
        if self.tokens:
            found = [[t.id, t.account, t.label, self._state(t), t.expires_at[:10]] for t in self.tokens]
            lines = [*lines, "", *tables.text_table(["token", "user", "program", "state", "until"], found)]
        return "\n".join(lines)

    def _state(self, token: Token) -> str:
        return "revoked" if token.revoked else "over" if token.expires_at <= self.at else "active"


@dataclass(frozen=True)
class Issued:
    """A token's text, shown this once."""

    token: Token
    text_of_token: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `token-add --json`."""
        return {**self.token.to_dict(), "token": self.text_of_token}

    def text(self) -> str:
        """For the terminal."""
        return (
            f"{self.text_of_token}\n\nThis is the only time it is shown. A program of {self.token.account} sends it as "
            f"'Authorization: Bearer ...' until {self.token.expires_at[:10]}. It reads and predicts; it never decides."
        )


def add(work: Workspace, name: str, *, roles: Sequence[str], password: str, update: bool) -> Account:
    """A new user, or with `update` new roles and a new password for one who is there."""
    change = work.accounts.change if update else work.accounts.add
    return change(name, roles=roles, password=password)


def listed(work: Workspace) -> Users:
    """Everybody, by name."""
    from registry.records import utc_text

    return Users(tuple(work.accounts.listed()), tuple(work.accounts.tokens()), utc_text(work.clock()))


def disable(work: Workspace, name: str) -> Account:
    """Let a user in no more; their sessions end and their tokens are revoked."""
    return work.accounts.disable(name)


def issue(work: Workspace, name: str, *, label: str, days: int) -> Issued:
    """A new token for a user's program."""
    return Issued(*work.accounts.add_token(name, label=label, days=days))


def revoke(work: Workspace, ident: str) -> Token:
    """Let a token in no more."""
    return work.accounts.revoke_token(ident)


def said(account: Account) -> str:
    """One line about a user."""
    return f"{account.name}: {'disabled' if account.disabled else ', '.join(account.roles)}"
