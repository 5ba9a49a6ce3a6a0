"""Accounts, sessions, tokens and the access log, in the ledger's database.

Whoever is added, changed or disabled is an event of the chain, so that a new approver can't slip in unseen.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry import accounts as rules
from registry import accounts_schema as db
from registry import chain
from registry.accounts import UNNAMED, UNVOUCHED, Access, Account, Known, Session, Token, Vouch
from registry.errors import InvalidRecord, LoginRefused, NameTaken, NotFound
from registry.records import Event, utc_text
from registry.sql_store import SqlStore

SESSION_LIFE = timedelta(hours=8)
WINDOW = timedelta(minutes=15)  # of the limits below
TRIES_OF_BOTH, TRIES_OF_ADDRESS, TRIES_OF_NAME = 5, 20, 50  # refused logins in the window
KEPT = 20_000  # lines of the access log, of each kind
PRUNED_EVERY = 500  # lines, so that few of them pay for it
_TEXT = 300  # characters of a logged text

CHANGED = chain.ACCOUNT
TOKEN = "token.changed"  # noqa: S105 - the name of an event


_WITH_NAMES: Any = sa.select(db.accounts, db.names.c.full_name, db.names.c.email).select_from(
    db.accounts.outerjoin(db.names, db.names.c.account == db.accounts.c.name)
)


class _Database(SqlStore):
    def _create(self, engine: sa.Engine) -> None:
        super()._create(engine)
        with engine.connect() as connection:  # who only looks waits for nobody who writes
            if set(db.metadata.tables) <= set(sa.inspect(connection).get_table_names()):
                return
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            db.metadata.create_all(connection)


class Accounts:
    """The people of one workspace and what they carry: sessions and tokens.

    `where` is a SQLite file, or SQLAlchemy's URL of another database. The access log holds `kept` lines of each kind,
    and is looked through once in `pruned_every`.
    """

    def __init__(
        self, where: Path | str, *, clock: Callable[[], datetime], kept: int = KEPT, pruned_every: int = PRUNED_EVERY,
        busy_seconds: float = 20.0,
    ) -> None:  # fmt: skip
        self._db, self._clock = _Database.at(where, busy_seconds=busy_seconds), clock
        self._kept, self._pruned_every = kept, pruned_every

    # -- people ------------------------------------------------------------------------------------------------------

    def add(
        self, name: str, *, roles: Sequence[str], password: str = "", known: Known = UNNAMED, vouch: Vouch = UNVOUCHED
    ) -> Account:
        """A new account; a program's takes no password. NameTaken when there is one of that name, InvalidRecord for a
        bad name, role or password."""
        name, roles = rules.require_account_name(name), rules.require_roles(roles)
        stored, at = rules.stored_password(password, name, roles), self._now
        with self._db.transaction():
            if self._row(name) is not None:
                raise NameTaken(f"There is a user '{name}' already.", hint="Change them with 'user-add --update'.")
            row = {"name": name, "roles": " ".join(roles), "password_hash": stored, "disabled": False}
            self._run(db.accounts.insert().values(**row, created_at=at, changed_at=at))
            self._call(name, known)
            return self._told(name, "added", vouch)

    def change(
        self, name: str, *, roles: Sequence[str], password: str = "", known: Known = UNNAMED, vouch: Vouch = UNVOUCHED
    ) -> Account:
        """New roles and a new password; the account is enabled again and whoever is logged in is logged out."""
        name, roles = rules.require_account_name(name), rules.require_roles(roles)
        stored = rules.stored_password(password, name, roles)
        with self._db.transaction():
            self.account(name)
            self._update(name, roles=" ".join(roles), password_hash=stored, disabled=False)
            self._call(name, known)
            return self._told(name, "changed", vouch)

    def disable(self, name: str, *, vouch: Vouch = UNVOUCHED) -> Account:
        """Log the person out, revoke their tokens and let them in no more; what they decided stays theirs."""
        name = rules.require_account_name(name)
        with self._db.transaction():
            self.account(name)
            self._update(name, disabled=True)
            self._run(db.tokens.update().where(db.tokens.c.account == name).values(revoked=True))
            return self._told(name, "disabled", vouch)

    def account(self, name: str) -> Account:
        """One account; NotFound lists the known ones."""
        row = self._row(rules.require_account_name(name))
        if row is None:
            known = ", ".join(a.name for a in self.listed()) or "none yet"
            raise NotFound(f"There is no user '{name}'. Known: {known}.", hint="Add one with 'user-add'.")
        return _account(row)

    def listed(self) -> list[Account]:
        """Everybody, by name."""
        return [_account(row) for row in self._rows(_WITH_NAMES.order_by(db.accounts.c.name))]

    # -- tokens ------------------------------------------------------------------------------------------------------

    def add_token(self, name: str, *, label: str, days: int) -> tuple[Token, str]:
        """A token for a person's program, and its text, which is shown once and not kept."""
        if not 1 <= days <= 366:
            raise InvalidRecord(f"A token lives 1 to 366 days, not {days}.")
        if not label.strip() or len(label) > 100:
            raise InvalidRecord("A token needs a label of 1 to 100 characters.", hint="Say which program carries it.")
        account = self.account(name)
        if account.disabled:
            raise InvalidRecord(f"'{account.name}' is disabled.", hint="Enable them first with 'user-add --update'.")
        ident, text = secrets.token_hex(6), secrets.token_urlsafe(32)
        shown = f"{rules.TOKEN_PREFIX}_{ident}_{text}"
        at, until = self._now, utc_text(self._clock() + timedelta(days=days))
        token = Token(ident, account.name, label.strip(), at, until, False)
        with self._db.transaction():
            self._run(db.tokens.insert().values(**token.to_dict(), digest=rules.digest_of_secret(shown)))
            self._tell(TOKEN, ident, {**token.to_dict(), "what": "added", "digest": rules.digest_of_secret(shown)})
        return token, shown

    def revoke_token(self, ident: str) -> Token:
        """Let a token in no more; NotFound lists the known ones."""
        with self._db.transaction():
            if ident not in {t.id for t in self.tokens()}:
                known = ", ".join(t.id for t in self.tokens()) or "none yet"
                raise NotFound(f"There is no token '{ident}'. Known: {known}.", hint="'user-list' shows them.")
            self._run(db.tokens.update().where(db.tokens.c.id == ident).values(revoked=True))
            self._tell(TOKEN, ident, {"what": "revoked"})
            return next(t for t in self.tokens() if t.id == ident)

    def tokens(self) -> list[Token]:
        """All tokens, by account and age."""
        query = db.tokens.select().order_by(db.tokens.c.account, db.tokens.c.created_at)
        return [_token(row) for row in self._rows(query)]

    def of_token(self, text: str) -> Account | None:
        """Whose program carries this token; None for one that is unknown, revoked or over."""
        rows = self._rows(db.tokens.select().where(db.tokens.c.digest == rules.digest_of_secret(text)))
        if not rows or rows[0]["revoked"] or rows[0]["expires_at"] <= self._now:
            return None
        return self._enabled(rows[0]["account"])

    # -- sessions ----------------------------------------------------------------------------------------------------

    def log_in(self, name: str, password: str, *, address: str) -> tuple[Account, str]:
        """The account and the text of its new session. LoginRefused says nothing of which half was wrong.

        Every try is counted before the password is looked at, so that many at once don't slip under the limit.
        """
        plain = name.strip().lower()[:64]
        line = self._count(plain, address)
        row = self._row(plain)
        good = rules.fits(password, row["password_hash"] if row else None)
        if not good or row is None or row["disabled"] or _account(row).program:
            raise LoginRefused("Name and password don't fit.", hint="After five tries the next one has to wait.")
        text, at = secrets.token_urlsafe(32), self._now
        with self._db.transaction():
            log = db.access_log
            self._run(log.update().where(log.c.seq == line).values(outcome="granted", detail="logged in"))
            self._run(db.sessions.delete().where(db.sessions.c.expires_at <= at))
            self._run(
                db.sessions.insert().values(
                    digest=rules.digest_of_secret(text),
                    account=plain,
                    secret=secrets.token_urlsafe(32),
                    created_at=at,
                    expires_at=utc_text(self._clock() + SESSION_LIFE),
                )
            )
        return _account(row), text

    def session(self, text: str) -> Session | None:
        """The session of a cookie; None once it is over, ended, or its person disabled."""
        rows = self._rows(db.sessions.select().where(db.sessions.c.digest == rules.digest_of_secret(text)))
        if not rows or rows[0]["expires_at"] <= self._now:
            return None
        account = self._enabled(rows[0]["account"])
        return Session(account, rows[0]["secret"], rows[0]["expires_at"]) if account else None

    def log_out(self, text: str) -> None:
        """End a session; one that is not there is no error."""
        with self._db.transaction():
            self._run(db.sessions.delete().where(db.sessions.c.digest == rules.digest_of_secret(text)))

    # -- access log --------------------------------------------------------------------------------------------------

    def log(self, kind: str, outcome: str, *, who: str, address: str, path: str, detail: str) -> int:
        """Add a line and return its number; of each kind the oldest go when there are too many."""
        texts = {"who": who, "address": address, "path": path, "detail": detail}
        clean = {key: "".join(c if c.isprintable() else "?" for c in text)[:_TEXT] for key, text in texts.items()}
        with self._db.transaction():
            done = self._run(db.access_log.insert().values(at=self._now, kind=kind, outcome=outcome, **clean))
            seq = int(done.inserted_primary_key[0])
            if seq % self._pruned_every == 0:
                self._prune()
        return seq

    def access(self, *, outcome: str | None = None, limit: int = 100) -> list[Access]:
        """The newest lines first."""
        query = db.access_log.select().order_by(db.access_log.c.seq.desc()).limit(limit)
        if outcome is not None:
            query = query.where(db.access_log.c.outcome == outcome)
        return [Access(**row) for row in self._rows(query)]

    def _prune(self) -> None:
        """Keep the newest of each kind, so that a flood of one washes away no other; and every login that still counts
        against its name and address, however many there are."""
        log, since = db.access_log.c, utc_text(self._clock() - WINDOW)
        for row in self._rows(sa.select(log.kind).distinct()):
            mine = log.kind == row["kind"]
            last = self._rows(sa.select(log.seq).where(mine).order_by(log.seq.desc()).offset(self._kept).limit(1))
            if last:
                counts = sa.and_(log.kind == "login", log.at > since)
                old = sa.and_(mine, log.seq <= last[0]["seq"], sa.not_(counts))
                self._run(db.access_log.delete().where(old))

    def _count(self, name: str, address: str) -> int:
        log, since = db.access_log.c, utc_text(self._clock() - WINDOW)
        here, named = log.address == address, log.who == name
        with self._db.transaction():
            refused = sa.and_(log.kind == "login", log.outcome == "refused", log.at > since, here | named)
            counted = {"both": here & named, "here": here, "named": named}
            query: Any = sa.select(*[sa.func.count().filter(which).label(key) for key, which in counted.items()])
            (tries,) = self._rows(query.where(refused))
            few = tries["both"] < TRIES_OF_BOTH and tries["here"] < TRIES_OF_ADDRESS
            if few and tries["named"] < TRIES_OF_NAME:
                return self.log("login", "refused", who=name, address=address, path="/login", detail="wrong password")
        minutes = int(WINDOW.total_seconds() // 60)
        raise LoginRefused("Too many tries.", hint=f"Wait {minutes} minutes.", wait_seconds=int(WINDOW.total_seconds()))

    # -- parts -------------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> str:
        return utc_text(self._clock())

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        return self._db._rows(query)

    def _run(self, statement: Any) -> Any:
        with self._db._write() as connection:
            return connection.execute(statement)

    def _row(self, name: str) -> dict[str, Any] | None:
        rows = self._rows(_WITH_NAMES.where(db.accounts.c.name == name))
        return rows[0] if rows else None

    def _update(self, name: str, **values: Any) -> None:
        """Write the change and end every session of the person."""
        self._run(db.accounts.update().where(db.accounts.c.name == name).values(**values, changed_at=self._now))
        self._run(db.sessions.delete().where(db.sessions.c.account == name))

    def _enabled(self, name: str) -> Account | None:
        row = self._row(name)
        return _account(row) if row is not None and not row["disabled"] else None

    def _call(self, name: str, known: Known) -> None:
        """Write what else a person is called; what is not given stays."""
        row = self._row(name) or {}
        said = {"full_name": known.full_name or row.get("full_name") or "",
                "email": known.email or row.get("email") or ""}  # fmt: skip
        self._run(db.names.delete().where(db.names.c.account == name))
        if any(said.values()):
            self._run(db.names.insert().values(account=name, **said))

    def _told(self, name: str, what: str, vouch: Vouch) -> Account:
        account = self.account(name)
        by = {"by": vouch.by} if vouch.by else {}
        row = self._row(name) or {}
        secret = {"password": rules.digest_of_secret(str(row.get("password_hash")))}  # so that another one shows
        told = self._tell(CHANGED, name, {**account.to_dict(), **secret, "what": what, **by})
        if vouch.signer is not None:
            self._db.add_signature(vouch.signer.sign(told, vouch.by))
        return account

    def _tell(self, kind: str, subject: str, body: dict[str, Any]) -> Event:
        return self._db.add_event(at=self._now, kind=kind, subject=subject, body=body)


def _account(row: dict[str, Any]) -> Account:
    roles = tuple(str(row["roles"]).split())
    called = {key: row[key] or "" for key in ("full_name", "email")}
    return Account(row["name"], roles, bool(row["disabled"]), row["created_at"], row["changed_at"], **called)


def _token(row: dict[str, Any]) -> Token:
    return Token(**{name: row[name] for name in ("id", "account", "label", "created_at", "expires_at", "revoked")})
