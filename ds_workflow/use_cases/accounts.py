"""The people who use the console: add, list, disable; tokens for their programs; who is let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import StateConflict
from ds_workflow.reports import tables
from registry import deciding
from registry.accounts import Known, Vouch
from registry.quorum import same_person

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.accounts import Account, Token

NOBODY = "Nobody here has the role approver: nothing can be approved until 'user-add NAME --role approver' names one."


@dataclass(frozen=True)
class Users:
    """Everybody, and the tokens of their programs."""

    accounts: tuple[Account, ...]
    tokens: tuple[Token, ...]
    at: str
    written: Mapping[str, Sequence[str]]  # people and programs of config/people.yaml who are no users of the pages
    approvers: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `user-list --json`."""
        return {
            "users": [a.to_dict() for a in self.accounts],
            "tokens": [t.to_dict() for t in self.tokens],
            "declared": {name: list(roles) for name, roles in self.written.items()},
            "approvers": list(self.approvers),
        }

    def text(self) -> str:
        """For the terminal."""
        if not self.accounts and not self.written:
            return (
                "No users yet: this workspace is in solo mode, its pages can be read but nothing is decided on them.\n"
                "Add the first one: ds-workflow user-add ana --role approver"
            )
        body = [
            [a.name, "program" if a.program else "person", ", ".join(a.roles), "disabled" if a.disabled else "active",
             a.created_at[:10]]
            for a in self.accounts
        ]  # fmt: skip
        body += [
            [name, "program" if _program(roles) else "person", ", ".join(roles), "config/people.yaml", "-"]
            for name, roles in self.written.items()
        ]
        lines = tables.text_table(["user", "is a", "roles", "state", "since"], body)
        lines += ["", f"Who may approve: {', '.join(self.approvers)}." if self.approvers else NOBODY]
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


def add(
    work: Workspace,
    name: str,
    *,
    roles: Sequence[str],
    password: str,
    update: bool,
    full_name: str = "",
    email: str = "",
    by: str = "",
) -> Account:
    """A new user, or with `update` new roles and a new password for one who is there; `by` stands for it.

    `full_name` and `email` are what documents and git call the person. Raises StateConflict for a program's account
    where no person is declared: it would end solo mode with nobody who decides; and for a name or an address that is
    somebody else's. Raises NotEligible for who may not stand for it.
    """
    others = (held for other, held in work.people.items() if not same_person(other, name))
    if _program(roles) and all(_program(held) for held in others):
        raise StateConflict(
            f"No person is declared here yet, and with '{name}' alone nobody could decide anything.",
            hint="Declare a person first: user-add YOU --role approver",
        )
    for text in filter(None, (full_name, email)):
        known = work.known_as(text)
        if known != text and not same_person(known, name):
            raise StateConflict(f"'{text}' is what {known} is known as here, and it can't be two people.")
    vouch = Vouch(*work.registry.vouch(name, by=by, what="A change of a user"))
    change = work.accounts.change if update else work.accounts.add
    return change(name, roles=roles, password=password, known=Known(full_name.strip(), email.strip()), vouch=vouch)


def listed(work: Workspace) -> Users:
    """Everybody, by name."""
    from registry.records import utc_text

    accounts, everybody = tuple(work.accounts.listed()), work.people
    known = {a.name for a in accounts}
    return Users(
        accounts,
        tuple(work.accounts.tokens()),
        utc_text(work.clock()),
        {name: roles for name, roles in everybody.items() if name.strip().casefold() not in known},
        tuple(deciding.approvers(everybody)),
    )


def disable(work: Workspace, name: str, *, by: str = "") -> Account:
    """Let a user in no more; their sessions end and their tokens are revoked. `by` stands for it."""
    work.accounts.account(name)
    return work.accounts.disable(name, vouch=Vouch(*work.registry.vouch(name, by=by, what="A change of a user")))


def issue(work: Workspace, name: str, *, label: str, days: int) -> Issued:
    """A new token for a user's program."""
    return Issued(*work.accounts.add_token(name, label=label, days=days))


def revoke(work: Workspace, ident: str) -> Token:
    """Let a token in no more."""
    return work.accounts.revoke_token(ident)


def said(work: Workspace, account: Account) -> str:
    """What became of a user, and what of it stands in the way of deciding."""
    lines = [f"{account.name}: {'disabled' if account.disabled else ', '.join(account.roles)}"]
    if account.program and not account.disabled:
        lines += [
            "A program: it logs in nowhere and never decides. Its token, which reads and predicts: "
            f"token-add {account.name} --label WHAT"
        ]
    if not deciding.approvers(work.people):
        lines += [NOBODY]
    return "\n".join(lines)


def _program(roles: Sequence[str]) -> bool:
    return bool(deciding.NO_PERSON & set(roles))
