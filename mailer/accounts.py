"""Who may use the organiser's pages, and how they prove it: passwords, one-time codes, sessions, tokens of machines.

A password is kept as an argon2id hash (RFC 9106), a code is that of RFC 6238, and of what is shown again and again only
the SHA-256 is kept. Whoever tries in vain waits longer each time. Every act is noted in the audit, in its transaction.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailer.errors import ConvenorError
from mailer.outbox import accounts as rows
from mailer.outbox import audit
from mailer.outbox.accounts import Account, Invitation, Secrets, Token
from mailer.outbox.database import Database, Transaction
from mailer.outbox.roles import Role

SIGNED_IN_FOR = timedelta(hours=12)
"""After which a session ends by itself."""

WELCOME_FOR = timedelta(days=2)
"""How long a one-time link can be used."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
LONGEST_NAME = 60
FREE_TRIES = 5
"""Attempts in vain before one has to wait: two seconds then, twice as long each time."""

INVITED, MADE_A_TOKEN = "invited", "made a token"
"""How the audit tells of links and tokens; by it one knows whose they are."""

_LONGEST_WAIT = timedelta(minutes=15)
_WRONG_PASSWORD = "the password is wrong"  # noqa: S105 - no password
_HAS_CODES = "codes are used already: end them first, which asks for your password"
_NOBODYS_NAMES = frozenset({"convenor", "demo"})
_NAMES_OF_MACHINES = "token "
_SECRET = re.compile(r"[A-Z2-7]{32}")
_STEP = 30  # seconds for which a code holds (RFC 6238 4)
_TOKEN_BEGINS = "cnv_"  # noqa: S105 - the beginning of every token, and of none in particular


class NotLetIn(ConvenorError):  # noqa: N818 - it names what was met
    """Name, password or code is wrong, or it was tried too often: which of it is not said."""


class Passwords:
    """Makes of a password what is kept of it (argon2id, RFC 9106), and knows it again. Its cost is the hasher's."""

    _at_once = BoundedSemaphore(2)
    """Each takes 64 MB for a moment: never so many together that the machine runs out of them."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self.nobodys = hasher.hash("nobody has this password")
        """What is tried where there is no account, so that this takes as long as where there is one."""

    def kept(self, password: str) -> str:
        with self._at_once:
            return self._hasher.hash(password)

    def is_right(self, kept: str, password: str) -> bool:
        try:
            with self._at_once:
                return self._hasher.verify(kept, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False


@cache
def strong() -> Passwords:
    """As costly as RFC 9106 4 asks for."""
    return Passwords(PasswordHasher())


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Whoever looks at the pages: `name` stands in the audit. A machine, and whoever looks at the example, has no
    account.
    """

    name: str
    role: Role
    account: Account | None = None

    @property
    def is_person(self) -> bool:
        """Whether it is somebody, and no machine."""
        return self.account is not None or self is DEMO

    def may(self, role: Role) -> bool:
        """Whether this visitor may do what `role` may."""
        order = list(Role)
        return order.index(self.role) >= order.index(role)


DEMO = Visitor(name="demo", role=Role.ADMINISTRATOR)
"""Whoever looks at the example on this machine, where every letter stays in the tray."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """The accounts in one database. `by` is always the name of who does it, for the audit."""

    database: Database
    passwords: Passwords = field(default_factory=strong)

    # ── coming in ────────────────────────────────────────────────────────────────────────────────────────────

    def sign_in(self, name: str, password: str, code: str, now: datetime, *, mark: str = "") -> str:
        """The id of a new session, which is told once.

        Whoever tried in vain waits, and so does everybody else who gives that name: but not a browser that bears the
        account's `mark`, so that one who guesses keeps nobody out of where they have been let in before.

        Raises:
            NotLetIn: always the same, and after the same work, whatever was wrong.
        """
        key = _key(name)
        with self.database.reading() as transaction:
            found = rows.secrets_of(transaction, key, to_change=False)
        tried = found.password if found else self.passwords.nobodys
        is_right = self.passwords.is_right(tried, password)
        with self.database.writing() as transaction:
            found = rows.secrets_of(transaction, key)
            is_right = is_right and found is not None and found.password == tried
            if found and (not _waits(found, now) or hmac.compare_digest(_mark(found), mark.encode())):
                step = _step_of(found, code, now)
                if is_right and step is not None:
                    return self._let_in(transaction, found.account, step, now)
                failures = found.failures + 1
                locked_until = _locked_until(failures, now)
                rows.change(transaction, found.account.id, failures=failures, locked_until=locked_until)
                audit.note(transaction, now, found.account.name, "was not let in")
        raise NotLetIn(
            "name, password or code is wrong, or it was tried too often: wait a little and try again"
        )

    @staticmethod
    def _let_in(transaction: Transaction, account: Account, step: int, now: datetime) -> str:
        rows.change(transaction, account.id, failures=0, locked_until=None, totp_step=step)
        session = secrets.token_urlsafe(32)
        rows.begin(transaction, digest(session), account.id, now)
        audit.note(transaction, now, account.name, "signed in")
        return session

    def visitor(self, session: str, now: datetime) -> Visitor | None:
        """Whose session this is."""
        with self.database.reading() as transaction:
            account = rows.session(transaction, digest(session), now - SIGNED_IN_FOR)
        return Visitor(name=account.name, role=account.role, account=account) if account else None

    def mark(self, session: str, now: datetime) -> str:
        """What the browser of this session is known by from now on, until the account's password changes; it lets
        nobody in.
        """
        with self.database.reading() as transaction:
            account = rows.session(transaction, digest(session), now - SIGNED_IN_FOR)
            found = rows.secrets_of(transaction, _key(account.name), to_change=False) if account else None
        return _mark(found).decode() if found else ""

    def machine(self, token: str) -> Visitor | None:
        """Whose token this is."""
        with self.database.reading() as transaction:
            found = rows.token(transaction, digest(token))
        return Visitor(name=f"{_NAMES_OF_MACHINES}{found.name}", role=found.role) if found else None

    def sign_out(self, session: str, now: datetime, by: str) -> None:
        with self.database.writing() as transaction:
            rows.end(transaction, digest(session), now)
            audit.note(transaction, now, by, "signed out")

    # ── the first to come ────────────────────────────────────────────────────────────────────────────────────

    def welcome(self, role: Role, now: datetime, by: str) -> str:
        """The token of a one-time link by which an account of this role can be made; it is told once."""
        token = secrets.token_urlsafe(32)
        with self.database.writing() as transaction:
            rows.keep_welcome(transaction, digest(token), role, now)
            audit.note(transaction, now, by, INVITED, f"a new {role}")
        return token

    def welcome_if_first(self, now: datetime) -> str | None:
        """As `welcome`, for an administrator, while there is no account at all. Earlier links of this kind, which stand
        in logs, end.
        """
        with self.database.writing() as transaction:
            if rows.is_any(transaction):
                return None
            rows.end_welcomes(transaction, Role.ADMINISTRATOR, now)
        return self.welcome(Role.ADMINISTRATOR, now, audit.COMMAND_LINE)

    def invitations(self, now: datetime) -> list[Invitation]:
        """Links by which an account can still be made."""
        with self.database.reading() as transaction:
            return [each for each in rows.invitations(transaction) if now < each.made_at + WELCOME_FOR]

    def withdraw(self, digest_of_link: str, now: datetime, by: str) -> None:
        """From now on a link makes no account."""
        with self.database.writing() as transaction:
            if rows.use_welcome(transaction, digest_of_link, now):
                audit.note(transaction, now, by, "withdrew an invitation")

    def welcomed(self, token: str, now: datetime) -> Role | None:
        """The role of the account that this link makes; None where it makes none any more."""
        with self.database.reading() as transaction:
            found = rows.welcome_of(transaction, digest(token))
        return found[0] if found and now < found[1] + WELCOME_FOR else None

    def join(self, token: str, name: str, password: str, now: datetime) -> str:
        """Make the account of a one-time link, and sign it in: the id of its session.

        Raises:
            NotLetIn: the link makes no account any more.
            ConvenorError: the name is taken or none, or the password too short; all of it in one text of lines.
        """
        key, called = _key(name), " ".join(name.split())
        _refuse(key, password)
        hashed = self.passwords.kept(password)
        with self.database.writing() as transaction:
            found = rows.welcome_of(transaction, digest(token))
            if (
                not found
                or now >= found[1] + WELCOME_FOR
                or not rows.use_welcome(transaction, digest(token), now)
            ):
                raise NotLetIn("this link has been used, or is too old")
            account = rows.add(transaction, key, found[0], hashed, now, called=called)
            if account is None:
                raise ConvenorError(f"there is an account named {called} already")
            session = secrets.token_urlsafe(32)
            rows.begin(transaction, digest(session), account.id, now)
            audit.note(transaction, now, called, "joined", f"as {found[0]}")
        return session

    # ── one's own account ────────────────────────────────────────────────────────────────────────────────────

    def change_password(self, account: Account, old: str, new: str, now: datetime, session: str = "") -> None:
        """Every other session of the account ends.

        Raises:
            NotLetIn: the old password is wrong.
            ConvenorError: the new one is too short.
        """
        if refused := _wrong_with(_key(account.name), new):
            raise ConvenorError(refused)
        tried = self._proven(account, old, now)
        hashed = self.passwords.kept(new)
        with self.database.writing() as transaction:
            _same_still(transaction, account, tried)
            rows.change(transaction, account.id, password=hashed)
            rows.end_all(transaction, account.id, now, but=digest(session))
            audit.note(transaction, now, account.name, "changed their password")

    def begin_codes(self, account: Account, secret: str, code: str, now: datetime) -> None:
        """From now on a code is asked for; `code` shows that whoever holds the secret can make them.

        Raises:
            ConvenorError: the code is not that of the secret, or codes are used already.
        """
        if account.has_totp:
            raise ConvenorError(_HAS_CODES)
        step = _matching_step(secret, code, now)
        if step is None:
            raise ConvenorError("this is not the code of that secret: is the clock of your telephone right?")
        with self.database.writing() as transaction:
            found = rows.secrets_of(transaction, _key(account.name))
            if found is None or found.totp:
                raise ConvenorError(_HAS_CODES)
            rows.change(transaction, account.id, totp=secret, totp_step=step)
            audit.note(transaction, now, account.name, "began to use codes")

    def end_codes(self, account: Account, password: str, now: datetime) -> None:
        """Raises NotLetIn when the password is wrong."""
        tried = self._proven(account, password, now)
        with self.database.writing() as transaction:
            _same_still(transaction, account, tried)
            rows.change(transaction, account.id, totp="", totp_step=0)
            audit.note(transaction, now, account.name, "gave up codes")

    def set_password(
        self, name: str, new: str, now: datetime, by: str, *, without_codes: bool = False
    ) -> None:
        """For whoever locked themselves out: a new password, no waiting, every session ended; and, if wanted, no codes.

        Raises:
            ConvenorError: there is no such open account, or the password will not do.
        """
        if refused := _wrong_with(_key(name), new):
            raise ConvenorError(refused)
        hashed = self.passwords.kept(new)
        with self.database.writing() as transaction:
            found = _open(transaction, name)
            values = {"totp": "", "totp_step": 0} if without_codes else {}
            rows.change(transaction, found.id, password=hashed, failures=0, locked_until=None, **values)
            rows.end_all(transaction, found.id, now)
            also = ", without codes" if without_codes else ""
            audit.note(transaction, now, by, "set a password", f"{found.name}{also}")

    def _proven(self, account: Account, password: str, now: datetime) -> str:
        """The hash that a password was found to be right by. It takes long, so that no transaction waits for it.

        Raises:
            NotLetIn: the password is wrong, which the audit tells.
        """
        with self.database.reading() as transaction:
            found = rows.secrets_of(transaction, _key(account.name), to_change=False)
        if found and self.passwords.is_right(found.password, password):
            return found.password
        with self.database.writing() as transaction:
            audit.note(transaction, now, account.name, "gave a wrong password", "for their own account")
        raise NotLetIn(_WRONG_PASSWORD)

    # ── everybody's ──────────────────────────────────────────────────────────────────────────────────────────

    def every(self) -> list[Account]:
        with self.database.reading() as transaction:
            return rows.every(transaction)

    def give_role(self, name: str, role: Role, now: datetime, by: str) -> None:
        """Another role. Who was an administrator and is none any more leaves no door behind, as by `close`.

        Raises:
            ConvenorError: no such open account, or no administrator would be left.
        """
        with self.database.writing() as transaction:
            found = _open(transaction, name)
            _leave_an_administrator(transaction, found, becomes=role)
            rows.change(transaction, found.id, role=role)
            audit.note(transaction, now, by, "gave a role", f"{found.name}: {role}")
            if role is not Role.ADMINISTRATOR:
                _end_what_they_gave(transaction, found, now, by)

    def close(self, name: str, now: datetime, by: str) -> None:
        """The account's sessions end, and it cannot sign in again; nor by a link or a token that its owner made.

        Raises:
            ConvenorError: as `give_role`.
        """
        with self.database.writing() as transaction:
            found = _open(transaction, name)
            _leave_an_administrator(transaction, found, becomes=None)
            rows.change(transaction, found.id, closed_at=now)
            rows.end_all(transaction, found.id, now)
            audit.note(transaction, now, by, "closed an account", found.name)
            _end_what_they_gave(transaction, found, now, by)

    def tokens(self) -> list[Token]:
        with self.database.reading() as transaction:
            return rows.tokens(transaction)

    def make_token(self, name: str, role: Role, now: datetime, by: str) -> str:
        """What a machine will show; it is told once. Raises ConvenorError without a name."""
        called = " ".join(name.split())[:LONGEST_NAME]
        if not called:
            raise ConvenorError("say what the token is for")
        token = _TOKEN_BEGINS + secrets.token_urlsafe(32)
        with self.database.writing() as transaction:
            rows.add_token(transaction, called, digest(token), role, now)
            audit.note(transaction, now, by, MADE_A_TOKEN, f"{called}: {role}")
        return token

    def revoke_token(self, token_id: int, now: datetime, by: str) -> None:
        with self.database.writing() as transaction:
            if rows.revoke_token(transaction, token_id, now):
                audit.note(transaction, now, by, "revoked a token", str(token_id))


def digest(shown: str) -> str:
    """What is kept of something random that is shown again and again."""
    return hashlib.sha256(shown.encode()).hexdigest()


def new_secret() -> str:
    """For codes: 160 random bits in base32 (RFC 4226 4)."""
    return pyotp.random_base32()


def address_of_secret(secret: str, name: str) -> str:
    """What telephones read from a picture to make codes: an otpauth address."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Convenor")


def _key(name: str) -> str:
    """By what an account is known, however its name is written."""
    return " ".join(name.casefold().split())


def _refuse(name: str, password: str) -> None:
    """Raises ConvenorError with all that is wrong with a name and a password."""
    wrong = []
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        wrong.append(f"a name has 1 to {LONGEST_NAME} characters")
    elif name in _NOBODYS_NAMES or name.startswith(_NAMES_OF_MACHINES):
        wrong.append("this name stands in the audit for what no person does: choose another")
    if refused := _wrong_with(name, password):
        wrong.append(refused)
    if wrong:
        raise ConvenorError("\n".join(wrong))


def _wrong_with(name: str, password: str) -> str:
    """Why a password will not do for whoever has this name; nothing if it will."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    return "the password must not be the name" if password.casefold() == name else ""


def _step_of(found: Secrets, code: str, now: datetime) -> int | None:
    """The time step to remember, or None where the code is wrong or was used before (RFC 6238 5.2)."""
    if not found.totp:
        return found.totp_step
    step = _matching_step(found.totp, code, now)
    return step if step is not None and step > found.totp_step else None


def _matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code it is: that of now, or one beside it, for clocks go wrong."""
    if not _SECRET.fullmatch(secret):
        return None
    asked, step = "".join(code.split()), int(now.timestamp()) // _STEP
    totp = pyotp.TOTP(secret)
    near = (step, step - 1, step + 1) if asked.isascii() else ()
    return next((each for each in near if secrets.compare_digest(totp.at(each * _STEP), asked)), None)


def _locked_until(failures: int, now: datetime) -> datetime | None:
    beyond = failures - FREE_TRIES
    if beyond < 0:
        return None
    return now + min(_LONGEST_WAIT, timedelta(seconds=2 ** min(beyond + 1, 20)))


def _waits(found: Secrets, now: datetime) -> bool:
    """No longer than anybody has to: what a clock wrote down that was ahead does not count."""
    return found.locked_until is not None and now < found.locked_until <= now + _LONGEST_WAIT


def _mark(found: Secrets) -> bytes:
    """Another after each change of the password."""
    return (
        hmac.new(found.password.encode(), b"a browser that was let in", hashlib.sha256).hexdigest().encode()
    )


def _same_still(transaction: Transaction, account: Account, tried: str) -> None:
    """Raises NotLetIn: the password that was found right has been changed meanwhile."""
    found = rows.secrets_of(transaction, _key(account.name))
    if found is None or found.password != tried:
        raise NotLetIn(_WRONG_PASSWORD)


def _end_what_they_gave(transaction: Transaction, account: Account, now: datetime, by: str) -> None:
    """Links and tokens that somebody made, and so has seen, open nothing any more."""
    for link in rows.invitations_of(transaction, audit.moments(transaction, account.name, INVITED)):
        rows.use_welcome(transaction, link, now)
        audit.note(transaction, now, by, "withdrew an invitation", f"of {account.name}")
    for token in rows.tokens_of(transaction, audit.moments(transaction, account.name, MADE_A_TOKEN)):
        rows.revoke_token(transaction, token.id, now)
        audit.note(transaction, now, by, "revoked a token", f"{token.name}, made by {account.name}")


def _open(transaction: Transaction, name: str) -> Account:
    found = rows.secrets_of(transaction, _key(name))
    if found is None:
        raise ConvenorError(f"there is no account named {name}")
    return found.account


def _leave_an_administrator(transaction: Transaction, account: Account, *, becomes: Role | None) -> None:
    is_last = account.role is Role.ADMINISTRATOR and rows.open_administrators(transaction) == 1
    if is_last and becomes is not Role.ADMINISTRATOR:
        raise ConvenorError(f"{account.name} is the only administrator: make another one first")
