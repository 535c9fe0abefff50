"""The rows of those who may use the organiser's pages: accounts, sessions, tokens of machines, one-time links.

What was shown is known by its digest alone. What a password or a code is worth is `mailer.accounts`' to say; every
function works in its caller's transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from mailer.outbox.database import insert as insert_or
from mailer.outbox.roles import Role
from mailer.outbox.schema import account, api_token, sign_in, welcome


@dataclass(frozen=True, kw_only=True)
class Account:
    """One person who may use the pages, by the `name` they gave. `has_totp`: a code is asked for beside the
    password.
    """

    id: int
    name: str
    role: Role
    made_at: datetime
    closed_at: datetime | None = None
    has_totp: bool = False


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """How an account proves itself, and what was tried in vain."""

    account: Account
    password: str
    totp: str
    totp_step: int
    failures: int
    locked_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a machine shows. Its secret was told once, when it was made."""

    id: int
    name: str
    role: Role
    made_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A one-time link that has not been used. What it opens by was told once; this is the digest of it."""

    digest: str
    role: Role
    made_at: datetime


def add(
    c: Connection, name: str, role: Role, password: str, at: datetime, *, called: str = ""
) -> Account | None:
    """A new account, known by `name` and shown as `called`; None where the name is taken."""
    row = {
        "name": name, "called": called, "role": role, "password": password, "totp": "", "totp_step": 0, "made_at": at,
        "failures": 0,
    }  # fmt: skip
    added = insert_or(c, account).values(row).on_conflict_do_nothing().returning(account.c.id)
    number = c.scalar(added)
    return None if number is None else Account(id=number, name=called or name, role=role, made_at=at)


def is_any(c: Connection) -> bool:
    """Whether there is an account that is not closed."""
    query = select(func.count()).select_from(account).where(account.c.closed_at.is_(None))
    return bool(c.scalar(query))


def every(c: Connection) -> list[Account]:
    """All accounts, also the closed ones, by name."""
    return [_account(row) for row in c.execute(select(account).order_by(account.c.name))]


def secrets_of(c: Connection, name: str, *, to_change: bool = True) -> Secrets | None:
    """How the open account known by this name proves itself. On PostgreSQL its row is locked `to_change` it."""
    query = select(account).where(account.c.name == name, account.c.closed_at.is_(None))
    row = c.execute(query.with_for_update() if to_change else query).first()
    if row is None:
        return None
    return Secrets(
        account=_account(row),
        password=row.password,
        totp=row.totp,
        totp_step=row.totp_step,
        failures=row.failures,
        locked_until=row.locked_until,
    )


def change(c: Connection, account_id: int, **values: object) -> None:
    """Set columns of one account, such as `role` or `failures`."""
    c.execute(update(account).where(account.c.id == account_id).values(values))


def open_administrators(c: Connection) -> int:
    query = select(func.count()).select_from(account)
    return c.scalar(query.where(account.c.closed_at.is_(None), account.c.role == Role.ADMINISTRATOR)) or 0


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(c: Connection, digest: str, account_id: int, at: datetime) -> None:
    """A session, known by the digest of its id."""
    c.execute(insert(sign_in).values(digest=digest, account_id=account_id, begun_at=at))


def session(c: Connection, digest: str, begun_after: datetime) -> Account | None:
    """Whose session it is; None once it has ended or is too old, or its account is closed."""
    query = (
        select(account)
        .join(sign_in, account.c.id == sign_in.c.account_id)
        .where(
            sign_in.c.digest == digest,
            sign_in.c.begun_at > begun_after,
            sign_in.c.ended_at.is_(None),
            account.c.closed_at.is_(None),
        )
    )
    row = c.execute(query).first()
    return _account(row) if row else None


def end(c: Connection, digest: str, at: datetime) -> None:
    c.execute(
        update(sign_in).where(sign_in.c.digest == digest, sign_in.c.ended_at.is_(None)).values(ended_at=at)
    )


def end_all(c: Connection, account_id: int, at: datetime, *, but: str = "") -> None:
    """Every session of an account but, perhaps, one."""
    these = (sign_in.c.account_id == account_id, sign_in.c.ended_at.is_(None), sign_in.c.digest != but)
    c.execute(update(sign_in).where(*these).values(ended_at=at))


# ── machines, and the first to come ──────────────────────────────────────────────────────────────────────────────


def add_token(c: Connection, name: str, digest: str, role: Role, at: datetime) -> int:
    row = {"name": name, "digest": digest, "role": role, "made_at": at}
    return int(c.execute(insert(api_token).values(row).returning(api_token.c.id)).scalar_one())


def token(c: Connection, digest: str) -> Token | None:
    """The token in force that has this digest."""
    row = c.execute(select(api_token).where(api_token.c.digest == digest)).first()
    return _token(row) if row and row.revoked_at is None else None


def tokens(c: Connection) -> list[Token]:
    """All tokens, also the revoked ones, by name."""
    return [_token(row) for row in c.execute(select(api_token).order_by(api_token.c.name, api_token.c.id))]


def tokens_of(c: Connection, made_at: Collection[datetime]) -> list[Token]:
    """Those in force that were made at one of these moments."""
    query = select(api_token).where(api_token.c.made_at.in_(made_at), api_token.c.revoked_at.is_(None))
    return [_token(row) for row in c.execute(query.order_by(api_token.c.id))]


def revoke_token(c: Connection, token_id: int, at: datetime) -> bool:
    these = (api_token.c.id == token_id, api_token.c.revoked_at.is_(None))
    return c.execute(update(api_token).where(*these).values(revoked_at=at)).rowcount > 0


def keep_welcome(c: Connection, digest: str, role: Role, at: datetime) -> None:
    """A one-time link by which an account of this role can be made."""
    c.execute(insert(welcome).values(digest=digest, role=role, made_at=at))


def welcome_of(c: Connection, digest: str) -> tuple[Role, datetime] | None:
    """The role of an unused link's account, and when the link was made."""
    query = select(welcome.c.role, welcome.c.made_at)
    row = c.execute(query.where(welcome.c.digest == digest, welcome.c.used_at.is_(None))).first()
    return (row.role, row.made_at) if row else None


def invitations(c: Connection) -> list[Invitation]:
    """Links that have not been used, the oldest first."""
    query = select(welcome).where(welcome.c.used_at.is_(None)).order_by(welcome.c.made_at)
    return [Invitation(digest=row.digest, role=row.role, made_at=row.made_at) for row in c.execute(query)]


def invitations_of(c: Connection, made_at: Collection[datetime]) -> list[str]:
    """The digests of unused links that were made at one of these moments."""
    query = select(welcome.c.digest).where(welcome.c.made_at.in_(made_at), welcome.c.used_at.is_(None))
    return list(c.scalars(query.order_by(welcome.c.digest)))


def end_welcomes(c: Connection, role: Role, at: datetime) -> None:
    """Use up every link that makes an account of this role."""
    c.execute(update(welcome).where(welcome.c.role == role, welcome.c.used_at.is_(None)).values(used_at=at))


def use_welcome(c: Connection, digest: str, at: datetime) -> bool:
    """Use a link up; whether it was still unused."""
    these = (welcome.c.digest == digest, welcome.c.used_at.is_(None))
    return c.execute(update(welcome).where(*these).values(used_at=at)).rowcount > 0


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id, name=row.called or row.name, role=row.role, made_at=row.made_at, closed_at=row.closed_at,
        has_totp=bool(row.totp),
    )  # fmt: skip


def _token(row: Row[Any]) -> Token:
    return Token(id=row.id, name=row.name, role=row.role, made_at=row.made_at, revoked_at=row.revoked_at)
