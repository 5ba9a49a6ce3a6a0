"""Who is let in: accounts, sessions, tokens, the limit on tries, and how users join the declared people."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest

from registry import accounts as rules
from registry import deciding
from registry.accounts_store import TRIES_OF_ADDRESS, TRIES_OF_BOTH, WINDOW, Accounts
from registry.errors import InvalidRecord, LoginRefused, NameTaken, NotEligible, NotFound
from registry.sql_ledger import SqlLedger

PASSWORD = "four plain words here"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(tmp_path: Path, clock: Clock) -> Accounts:
    made = Accounts(tmp_path / "arena.db", clock=clock)
    made.add("Ana", roles=("approver",), password=PASSWORD)
    return made


def rows(people: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(people / "arena.db")) as connection:
        return connection.execute(query).fetchall()


def test_a_password_is_kept_as_argon2id_and_nowhere_else(people: Accounts, tmp_path: Path) -> None:
    ((stored,),) = rows(tmp_path, "SELECT password_hash FROM accounts")
    found = argon2.extract_parameters(str(stored))
    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost) >= (19_456, 2)  # OWASP's least
    assert argon2.PasswordHasher().verify(str(stored), PASSWORD)
    assert PASSWORD.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


@pytest.mark.parametrize("bad", ["short", "a" * 30, "ana is my own name!", "x" * 201])
def test_an_easy_password_is_refused(people: Accounts, bad: str) -> None:
    with pytest.raises(InvalidRecord):
        people.add("ana2", roles=("viewer",), password=bad.replace("ana", "ana2"))


@pytest.mark.parametrize("bad", ["", "a b", "\u0430na", "<b>", "../x", "a" * 65, "'; DROP TABLE accounts; --"])
def test_a_name_is_plain_ascii(people: Accounts, bad: str) -> None:
    with pytest.raises(InvalidRecord, match="can't be a user's name"):
        people.add(bad, roles=("viewer",), password=PASSWORD)


def test_names_are_one_without_case_and_roles_are_known(people: Accounts) -> None:
    with pytest.raises(NameTaken):
        people.add("ANA ", roles=("viewer",), password=PASSWORD)
    with pytest.raises(InvalidRecord, match="no role 'root'"):
        people.add("ben", roles=("root",), password=PASSWORD)
    with pytest.raises(NotFound, match="Known: ana"):
        people.account("ben")


def test_logging_in_gives_a_session_whose_text_is_not_stored(people: Accounts, clock: Clock, tmp_path: Path) -> None:
    account, text = people.log_in("ana", PASSWORD, address="127.0.0.1")
    assert account.roles == ("approver",)
    ((digest,),) = rows(tmp_path, "SELECT digest FROM web_sessions")
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    session = people.session(text)
    assert session is not None and session.account.name == "ana"
    assert people.session(text + "x") is None
    clock.at += timedelta(hours=8)
    assert people.session(text) is None, "a session ends after eight hours"


def test_logging_out_disabling_and_changing_end_sessions(people: Accounts) -> None:
    for end in (
        people.log_out,
        lambda _: people.change("ana", roles=("viewer",), password=PASSWORD),
        lambda _: people.disable("ana"),
    ):
        _, text = people.log_in("ana", PASSWORD, address="127.0.0.1")
        end(text)
        assert people.session(text) is None
    with pytest.raises(LoginRefused):
        people.log_in("ana", PASSWORD, address="127.0.0.1")


def test_the_sixth_try_waits_whatever_it_brings(people: Accounts, clock: Clock) -> None:
    for _ in range(TRIES_OF_BOTH):
        with pytest.raises(LoginRefused) as refused:
            people.log_in("ana", "not this one", address="10.0.0.9")
        assert refused.value.wait_seconds == 0
    with pytest.raises(LoginRefused) as limited:
        people.log_in("ana", PASSWORD, address="10.0.0.9")
    assert limited.value.wait_seconds == WINDOW.total_seconds()
    people.log_in("ana", PASSWORD, address="10.0.0.10")  # who sits elsewhere is not locked out with them
    clock.at += WINDOW + timedelta(seconds=1)
    people.log_in("ana", PASSWORD, address="10.0.0.9")


def test_one_address_can_not_try_many_names(people: Accounts) -> None:
    for k in range(TRIES_OF_ADDRESS):
        with pytest.raises(LoginRefused):
            people.log_in(f"name{k}", "not this one", address="10.0.0.9")
    with pytest.raises(LoginRefused) as limited:
        people.log_in("ana", PASSWORD, address="10.0.0.9")
    assert limited.value.wait_seconds > 0


def test_a_refusal_does_not_say_which_half_was_wrong(people: Accounts) -> None:
    told = set()
    for name, password in (("ana", "not this one"), ("nobody", PASSWORD)):
        with pytest.raises(LoginRefused) as refused:
            people.log_in(name, password, address="127.0.0.1")
        told.add((str(refused.value), refused.value.hint))
    assert len(told) == 1
    assert [(line.who, line.outcome) for line in people.access()] == [("nobody", "refused"), ("ana", "refused")]


def test_a_token_lets_in_until_it_is_over_revoked_or_its_person_disabled(people: Accounts, clock: Clock) -> None:
    people.add("ben", roles=("data_scientist",), password=PASSWORD)
    token, text = people.add_token("ben", label="nightly", days=30)
    assert text.startswith(f"dsw_{token.id}_")
    found = people.of_token(text)
    assert found is not None and found.name == "ben"
    assert people.of_token(text[:-1]) is None
    other, second = people.add_token("ben", label="other", days=1)
    people.revoke_token(other.id)
    assert people.of_token(second) is None
    clock.at += timedelta(days=30)
    assert people.of_token(text) is None
    _, third = people.add_token("ben", label="third", days=1)
    people.disable("ben")
    assert people.of_token(third) is None
    with pytest.raises(InvalidRecord, match="disabled"):
        people.add_token("ben", label="x", days=1)


def test_users_join_the_written_people_and_a_disabled_one_keeps_no_role(people: Accounts) -> None:
    people.add("ben", roles=("viewer",), password=PASSWORD)
    people.disable("ben")
    found = rules.merged({"Ana": ["data_scientist"], "Ben": ["approver"], "carl": ["approver"]}, people.listed())
    assert found == {"Ana": ("data_scientist", "approver"), "Ben": ("disabled",), "carl": ("approver",)}
    assert rules.merged({}, []) == {}


@pytest.mark.parametrize("role", ["service", "agent"])
def test_a_program_has_no_password_logs_in_nowhere_and_decides_nothing(
    people: Accounts, tmp_path: Path, role: str
) -> None:
    with pytest.raises(InvalidRecord, match="takes no password"):
        people.add("bot", roles=(role,), password=PASSWORD)
    with pytest.raises(InvalidRecord, match="a person's or a program's"):
        people.add("bot", roles=(role, "approver"))
    bot = people.add("bot", roles=(role,))
    assert bot.program and not people.account("ana").program
    ((stored,),) = rows(tmp_path, "SELECT password_hash FROM accounts WHERE name = 'bot'")
    assert argon2.extract_parameters(str(stored)).type is argon2.Type.ID
    for word in ("", PASSWORD, str(stored)):
        with pytest.raises(LoginRefused):
            people.log_in("bot", word, address="10.0.0.1")
    _, text = people.add_token("bot", label="nightly", days=1)
    assert people.of_token(text) == bot
    declared = rules.merged({}, people.listed())
    assert deciding.approvers(declared) == ["ana"]
    with pytest.raises(NotEligible, match="only people approve"):
        deciding.require_approver(declared, "bot", interests=None)
    with pytest.raises(NotEligible, match="only people close"):
        deciding.require_human(declared, "bot", "close a proposal")


def test_a_person_who_becomes_a_program_is_logged_out(people: Accounts) -> None:
    _, text = people.log_in("ana", PASSWORD, address="10.0.0.1")
    people.change("ana", roles=("service",))
    assert people.session(text) is None
    with pytest.raises(LoginRefused):
        people.log_in("ana", PASSWORD, address="10.0.0.1")
    with pytest.raises(InvalidRecord, match="characters"):
        people.change("ana", roles=("approver",))


def test_every_change_of_people_is_an_event_of_the_chain(people: Accounts, tmp_path: Path) -> None:
    people.change("ana", roles=("viewer",), password=PASSWORD)
    people.disable("ana")
    events = SqlLedger.at(tmp_path / "arena.db").events(kind="account.changed")
    assert [(e.subject, e.body["what"], e.body["roles"]) for e in events] == [
        ("ana", "added", ["approver"]),
        ("ana", "changed", ["viewer"]),
        ("ana", "disabled", ["viewer"]),
    ]
    assert all(e.sound() for e in events)
    assert "hash" not in str([e.body for e in events])


def test_a_flood_of_refusals_washes_away_neither_tries_nor_decisions(tmp_path: Path, clock: Clock) -> None:
    people = Accounts(tmp_path / "arena.db", clock=clock, kept=10, pruned_every=1)
    people.add("ana", roles=("approver",), password=PASSWORD)
    people.log("decision", "granted", who="olga", address="1.1.1.1", path="/arena/P-1/approve", detail="approved")
    for _ in range(TRIES_OF_BOTH):
        with pytest.raises(LoginRefused, match="don't fit"):
            people.log_in("ana", "wrong", address="6.6.6.6")
    for number in range(40):
        people.log("form", "refused", who="-", address="6.6.6.6", path=f"/arena/{number}", detail="forged")
    for number in range(15):
        people.log("login", "refused", who=f"user {number}", address=f"7.7.7.{number}", path="/login", detail="")
    with pytest.raises(LoginRefused) as told:
        people.log_in("ana", PASSWORD, address="6.6.6.6")
    assert told.value.wait_seconds
    kinds = [line.kind for line in people.access(limit=1_000)]
    assert (kinds.count("decision"), kinds.count("form")) == (1, 10)
    assert kinds.count("login") == TRIES_OF_BOTH + 15  # all of them still count
    clock.at += WINDOW
    people.log("login", "refused", who="ana", address="1.1.1.1", path="/login", detail="")
    assert [line.kind for line in people.access(limit=1_000)].count("login") == 10


def test_the_access_log_takes_text_as_text(people: Accounts) -> None:
    people.log("request", "refused", who="-", address="x", path="/\r\n\x1b[31m" + "a" * 999, detail="'; DROP TABLE x")
    (line,) = people.access(limit=1)
    assert line.path.startswith("/???[31maaa") and len(line.path) == 300
    assert line.detail == "'; DROP TABLE x"
