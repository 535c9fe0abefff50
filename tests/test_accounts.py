"""Who may use the pages: what lets somebody in, and what keeps them out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import Lock, Thread
from typing import Literal

import pyotp
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import select, update

from mailer import accounts as module
from mailer.accounts import (
    FREE_TRIES,
    SIGNED_IN_FOR,
    WELCOME_FOR,
    Accounts,
    NotLetIn,
    Passwords,
    Visitor,
    strong,
)
from mailer.errors import ConvenorError
from mailer.outbox import audit
from mailer.outbox.accounts import Account
from mailer.outbox.database import Database
from mailer.outbox.roles import Role
from mailer.outbox.schema import account, api_token, sign_in
from mailer.web.office import Office
from tests.conference import PUBLISHED_AT
from tests.passwords import QUICK

NOW = PUBLISHED_AT
PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database=database, passwords=QUICK)


def _join(
    accounts: Accounts, name: str = "Maria Huber", role: Role = Role.ADMINISTRATOR
) -> tuple[Account, str]:
    session = accounts.join(accounts.welcome(role, NOW, "convenor"), name, PASSWORD, NOW)
    found = accounts.visitor(session, NOW)
    assert found is not None
    assert found.account is not None
    return found.account, session


def _deeds(accounts: Accounts) -> list[tuple[str, str, str]]:
    with accounts.database.reading() as transaction:
        return [(deed.who, deed.did, deed.what) for deed in reversed(audit.deeds(transaction))]


def test_the_first_account_is_made_by_a_link_that_works_once(accounts: Accounts) -> None:
    token = accounts.welcome_if_first(NOW)
    assert token is not None
    assert accounts.welcomed(token, NOW) is Role.ADMINISTRATOR

    accounts.join(token, "  Maria  HUBER ", PASSWORD, NOW)

    assert [(each.name, each.role) for each in accounts.every()] == [("Maria HUBER", Role.ADMINISTRATOR)]
    assert accounts.welcomed(token, NOW) is None
    assert accounts.welcome_if_first(NOW) is None
    with pytest.raises(NotLetIn):
        accounts.join(token, "another", PASSWORD, NOW)
    assert _deeds(accounts) == [
        ("convenor", "invited", "a new administrator"),
        ("Maria HUBER", "joined", "as administrator"),
    ]


def test_a_link_grows_old(accounts: Accounts) -> None:
    token = accounts.welcome(Role.VIEWER, NOW, "convenor")

    assert timedelta(days=2) == WELCOME_FOR  # as the page, the terminal and the document say
    assert accounts.welcomed(token, NOW + WELCOME_FOR - timedelta(seconds=1)) is Role.VIEWER
    assert accounts.welcomed(token, NOW + WELCOME_FOR) is None
    with pytest.raises(NotLetIn):
        accounts.join(token, "late", PASSWORD, NOW + WELCOME_FOR)
    assert accounts.every() == []


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        ("", PASSWORD, "a name has"),
        ("x" * 61, PASSWORD, "a name has"),
        ("a\x07b", PASSWORD, "a name has"),
        ("maria", "short", "a password has"),
        ("maria", "x" * 201, "a password has"),
        ("maria the first", "Maria the First", "must not be the name"),
    ],
)
def test_what_cannot_be_an_account_uses_up_no_link(
    accounts: Accounts, name: str, password: str, said: str
) -> None:
    token = accounts.welcome(Role.VIEWER, NOW, "convenor")

    with pytest.raises(ConvenorError, match=said):
        accounts.join(token, name, password, NOW)

    assert accounts.welcomed(token, NOW)


def test_a_name_is_had_once_and_the_second_link_is_still_good(accounts: Accounts) -> None:
    _join(accounts)
    token = accounts.welcome(Role.VIEWER, NOW, "maria huber")

    with pytest.raises(ConvenorError, match="already"):
        accounts.join(token, "MARIA huber", PASSWORD, NOW)

    assert accounts.welcomed(token, NOW)


def test_a_session_holds_for_a_time_and_until_it_is_ended(accounts: Accounts) -> None:
    mine, _ = _join(accounts)
    session = accounts.sign_in("Maria Huber", PASSWORD, "", NOW)

    assert accounts.visitor(session, NOW) == Visitor(
        name="Maria Huber", role=Role.ADMINISTRATOR, account=mine
    )
    assert accounts.visitor(session, NOW + SIGNED_IN_FOR) is None
    assert accounts.visitor("invented", NOW) is None
    accounts.sign_out(session, NOW, mine.name)
    assert accounts.visitor(session, NOW) is None


def test_nothing_that_is_kept_lets_anybody_in(accounts: Accounts) -> None:
    _, session = _join(accounts)
    token = accounts.make_token("calendar wall", Role.VIEWER, NOW, "maria huber")

    with accounts.database.reading() as c:
        columns = (sign_in.c.digest, api_token.c.digest, account.c.password)
        shown = [each for column in columns for each in c.scalars(select(column))]

    assert not {session, token, PASSWORD} & set(shown)
    assert all(accounts.visitor(each, NOW) is None and accounts.machine(each) is None for each in shown)


@pytest.mark.parametrize(("name", "password"), [("maria huber", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_whatever_is_wrong_the_answer_is_the_same(accounts: Accounts, name: str, password: str) -> None:
    _join(accounts)

    with pytest.raises(NotLetIn, match="name, password or code is wrong"):
        accounts.sign_in(name, password, "", NOW)


def test_a_password_costs_whoever_guesses_it_what_the_standard_asks_for(database: Database) -> None:
    kept = strong().kept(PASSWORD)

    assert extract_parameters(kept) == extract_parameters(strong().nobodys) == RFC_9106_LOW_MEMORY
    assert strong().is_right(kept, PASSWORD)
    assert not strong().is_right(kept, PASSWORD.upper())
    assert Accounts(database=database).passwords is strong()
    assert Office.__dataclass_fields__["passwords"].default_factory is strong


def test_an_unknown_name_costs_as_much_as_a_known_one(accounts: Accounts) -> None:
    _join(accounts)
    asked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
            asked.append(str(hash))
            return super().verify(hash, password)

    accounts = replace(accounts, passwords=Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1)))
    for name in ("nobody", "maria huber"):
        with pytest.raises(NotLetIn):
            accounts.sign_in(name, "wrong", "", NOW)

    assert len(asked) == 2


def _fail(accounts: Accounts, times: int, now: datetime) -> None:
    for _ in range(times):
        with pytest.raises(NotLetIn):
            accounts.sign_in("maria huber", "wrong", "", now)


def test_whoever_tries_in_vain_waits_longer_each_time(accounts: Accounts) -> None:
    _join(accounts)
    _fail(accounts, FREE_TRIES, NOW)

    with pytest.raises(NotLetIn):
        accounts.sign_in("maria huber", PASSWORD, "", NOW + timedelta(seconds=1))
    assert accounts.sign_in("maria huber", PASSWORD, "", NOW + timedelta(seconds=3))

    with accounts.database.writing() as transaction:
        transaction.execute(update(account).values(failures=1000))
    _fail(accounts, 1, NOW)
    with pytest.raises(NotLetIn):
        accounts.sign_in("maria huber", PASSWORD, "", NOW + timedelta(minutes=14))
    assert accounts.sign_in("maria huber", PASSWORD, "", NOW + timedelta(minutes=15))


def test_a_code_is_asked_for_and_serves_once(accounts: Accounts) -> None:
    mine, _ = _join(accounts)
    secret = module.new_secret()
    totp = pyotp.TOTP(secret)
    with pytest.raises(ConvenorError, match="not the code"):
        accounts.begin_codes(mine, secret, "000000", NOW)
    accounts.begin_codes(mine, secret, totp.at(NOW), NOW)

    later = NOW + timedelta(minutes=2)
    for code in ("", "12345", "１２３４５６", totp.at(NOW), totp.at(later + timedelta(minutes=2))):
        with pytest.raises(NotLetIn):
            accounts.sign_in("maria huber", PASSWORD, code, later)
    shown = f"{totp.at(later)[:3]} {totp.at(later)[3:]}"
    session = accounts.sign_in("maria huber", PASSWORD, shown, later + timedelta(seconds=20))
    with pytest.raises(NotLetIn):
        accounts.sign_in("maria huber", PASSWORD, shown, later + timedelta(seconds=25))

    found = accounts.visitor(session, later)
    assert found is not None
    assert found.account is not None
    assert found.account.has_totp
    with pytest.raises(NotLetIn):
        accounts.end_codes(found.account, "wrong", later)
    accounts.end_codes(found.account, PASSWORD, later)
    assert accounts.sign_in("maria huber", PASSWORD, "", later + timedelta(minutes=20))


def test_a_new_password_ends_the_other_sessions(accounts: Accounts) -> None:
    mine, first = _join(accounts)
    second = accounts.sign_in("maria huber", PASSWORD, "", NOW)

    with pytest.raises(NotLetIn):
        accounts.change_password(mine, "wrong", "another long password", NOW, second)
    with pytest.raises(ConvenorError, match="a password has"):
        accounts.change_password(mine, PASSWORD, "short", NOW, second)
    accounts.change_password(mine, PASSWORD, "another long password", NOW, second)

    assert accounts.visitor(first, NOW) is None
    assert accounts.visitor(second, NOW)
    with pytest.raises(NotLetIn):
        accounts.sign_in("maria huber", PASSWORD, "", NOW)
    assert accounts.sign_in("maria huber", "another long password", "", NOW)


def test_a_closed_account_is_out_at_once_and_somebody_stays_administrator(accounts: Accounts) -> None:
    _join(accounts)
    _, session = _join(accounts, "jan", Role.ORGANISER)

    with pytest.raises(ConvenorError, match="the only administrator"):
        accounts.close("maria huber", NOW, "jan")
    with pytest.raises(ConvenorError, match="the only administrator"):
        accounts.give_role("maria huber", Role.VIEWER, NOW, "jan")
    accounts.give_role("jan", Role.ADMINISTRATOR, NOW, "maria huber")
    found = accounts.visitor(session, NOW)
    assert found is not None
    assert found.role is Role.ADMINISTRATOR
    accounts.close("jan", NOW, "maria huber")

    assert accounts.visitor(session, NOW) is None
    with pytest.raises(NotLetIn):
        accounts.sign_in("jan", PASSWORD, "", NOW)
    with pytest.raises(ConvenorError, match="no account named jan"):
        accounts.close("jan", NOW, "maria huber")


def test_a_machine_shows_its_token_until_it_is_revoked(accounts: Accounts) -> None:
    token = accounts.make_token(" calendar  wall ", Role.VIEWER, NOW, "maria huber")
    (kept,) = accounts.tokens()

    assert accounts.machine(token) == Visitor(name="token calendar wall", role=Role.VIEWER)
    assert accounts.machine(token[:-1]) is None
    accounts.revoke_token(kept.id, NOW, "maria huber")
    accounts.revoke_token(kept.id, NOW, "maria huber")
    assert accounts.machine(token) is None
    assert [deed[1] for deed in _deeds(accounts)] == ["made a token", "revoked a token"]
    with pytest.raises(ConvenorError, match="what the token is for"):
        accounts.make_token("  ", Role.VIEWER, NOW, "maria huber")


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_those_before_it_may(role: Role) -> None:
    order = list(Role)

    assert [Visitor(name="x", role=role).may(each) for each in order] == [
        number <= order.index(role) for number in range(len(order))
    ]


def test_of_the_first_links_the_newest_alone_is_good(accounts: Accounts) -> None:
    """They stand in logs, which others may read."""
    earlier, newest = accounts.welcome_if_first(NOW), accounts.welcome_if_first(NOW)
    assert earlier is not None
    assert newest is not None

    assert accounts.welcomed(earlier, NOW) is None
    assert accounts.welcomed(newest, NOW) is Role.ADMINISTRATOR


def test_an_invitation_can_be_withdrawn_until_it_is_used(accounts: Accounts) -> None:
    token = accounts.welcome(Role.APPROVER, NOW, "maria huber")
    (invited,) = accounts.invitations(NOW)
    assert (invited.role, invited.made_at) == (Role.APPROVER, NOW)
    assert accounts.invitations(NOW + WELCOME_FOR) == []

    for _ in range(2):
        accounts.withdraw(invited.digest, NOW, "maria huber")

    assert accounts.invitations(NOW) == []
    with pytest.raises(NotLetIn):
        accounts.join(token, "late", PASSWORD, NOW)
    assert _deeds(accounts)[1:] == [("maria huber", "withdrew an invitation", "")]


@pytest.mark.parametrize("secret", ["", "x", "!!!", "1" * 32, "A" * 31, "a" * 32])
def test_what_is_no_secret_of_ours_begins_no_codes(accounts: Accounts, secret: str) -> None:
    mine, _ = _join(accounts)

    with pytest.raises(ConvenorError, match="not the code of that secret"):
        accounts.begin_codes(mine, secret, "123456", NOW)


def test_codes_that_are_used_are_not_replaced_without_the_password(accounts: Accounts) -> None:
    """Whoever comes upon an open page could lock its owner out."""
    mine, _ = _join(accounts)
    secret, other = module.new_secret(), module.new_secret()
    accounts.begin_codes(mine, secret, pyotp.TOTP(secret).at(NOW), NOW)
    (mine,) = accounts.every()

    with pytest.raises(ConvenorError, match="used already"):
        accounts.begin_codes(mine, other, pyotp.TOTP(other).at(NOW), NOW)


def test_codes_that_were_begun_meanwhile_are_not_replaced(accounts: Accounts) -> None:
    """Two windows, each opened before codes were used."""
    mine, _ = _join(accounts)
    first, second = module.new_secret(), module.new_secret()
    accounts.begin_codes(mine, first, pyotp.TOTP(first).at(NOW), NOW)

    with pytest.raises(ConvenorError, match="used already"):
        accounts.begin_codes(mine, second, pyotp.TOTP(second).at(NOW), NOW)

    later = NOW + timedelta(minutes=2)
    assert accounts.sign_in("maria huber", PASSWORD, pyotp.TOTP(first).at(later), later)


def test_who_guesses_elsewhere_keeps_nobody_out_of_where_they_were_let_in(accounts: Accounts) -> None:
    _, session = _join(accounts)
    _, other = _join(accounts, "jan")
    mark, others = accounts.mark(session, NOW), accounts.mark(other, NOW)
    _fail(accounts, FREE_TRIES + 3, NOW)

    for shown in ("", "x", "\xff", others):
        with pytest.raises(NotLetIn):
            accounts.sign_in("maria huber", PASSWORD, "", NOW, mark=shown)
    with pytest.raises(NotLetIn):
        accounts.sign_in("maria huber", "wrong", "", NOW, mark=mark)
    assert accounts.sign_in("maria huber", PASSWORD, "", NOW, mark=mark)


def test_a_mark_is_nothing_after_another_password_and_of_no_session(accounts: Accounts) -> None:
    mine, session = _join(accounts)
    mark = accounts.mark(session, NOW)
    accounts.change_password(mine, PASSWORD, "another long password", NOW, session)

    assert accounts.mark(session, NOW) not in {mark, ""}
    assert accounts.mark("no session", NOW) == ""
    assert accounts.visitor(mark, NOW) is None


def test_a_wrong_password_for_ones_own_account_stands_in_the_audit(accounts: Accounts) -> None:
    mine, session = _join(accounts)

    with pytest.raises(NotLetIn):
        accounts.change_password(mine, "wrong", "another long password", NOW, session)
    with pytest.raises(NotLetIn):
        accounts.end_codes(mine, "wrong", NOW)

    assert _deeds(accounts)[-2:] == [("Maria Huber", "gave a wrong password", "for their own account")] * 2


class _Meanwhile(Passwords):
    """Knows every password, and something happens while it looks."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self._happens = happens

    def is_right(self, kept: str, password: str) -> bool:
        self._happens()
        return True


def test_nobody_else_waits_while_a_password_is_tried(accounts: Accounts) -> None:
    """It takes a tenth of a second, in which letters leave."""
    mine, session = _join(accounts)

    def write() -> None:
        with accounts.database.writing() as transaction:
            audit.note(transaction, NOW, "Convenor", "wrote meanwhile")

    accounts = replace(accounts, passwords=_Meanwhile(write))
    accounts.change_password(mine, PASSWORD, "another long password", NOW, session)
    accounts.end_codes(mine, PASSWORD, NOW)

    assert [deed[1] for deed in _deeds(accounts)].count("wrote meanwhile") == 2


def test_a_password_that_changed_while_it_was_tried_is_wrong(accounts: Accounts) -> None:
    mine, session = _join(accounts)

    def change() -> None:
        accounts.set_password("maria huber", "set by somebody else", NOW, "convenor")

    with pytest.raises(NotLetIn):
        replace(accounts, passwords=_Meanwhile(change)).change_password(
            mine, PASSWORD, "another long password", NOW, session
        )
    assert accounts.sign_in("maria huber", "set by somebody else", "", NOW)


@pytest.mark.parametrize("becomes", [None, Role.APPROVER])
def test_who_is_no_administrator_any_more_leaves_no_door_behind(
    accounts: Accounts, becomes: Role | None
) -> None:
    _join(accounts)
    _join(accounts, "jan")
    links, tokens = {}, {}
    for number, name in enumerate(("maria huber", "jan")):
        at = NOW + timedelta(minutes=number)
        links[name] = accounts.welcome(Role.ADMINISTRATOR, at, name)
        tokens[name] = accounts.make_token("wall", Role.ADMINISTRATOR, at, name)
    later = NOW + timedelta(hours=1)

    if becomes is None:
        accounts.close("jan", later, "maria huber")
    else:
        accounts.give_role("jan", becomes, later, "maria huber")

    assert accounts.welcomed(links["jan"], later) is None
    assert accounts.machine(tokens["jan"]) is None
    assert accounts.welcomed(links["maria huber"], later)
    assert accounts.machine(tokens["maria huber"])
    assert _deeds(accounts)[-2:] == [
        ("maria huber", "withdrew an invitation", "of jan"),
        ("maria huber", "revoked a token", "wall, made by jan"),
    ]


@pytest.mark.parametrize("name", ["convenor", "Convenor", "demo", "token wall"])
def test_nobody_is_called_what_the_audit_calls_others(accounts: Accounts, name: str) -> None:
    token = accounts.welcome(Role.VIEWER, NOW, "maria huber")

    with pytest.raises(ConvenorError, match="choose another"):
        accounts.join(token, name, PASSWORD, NOW)
    assert accounts.welcomed(token, NOW)


def test_a_clock_that_was_ahead_keeps_nobody_out(accounts: Accounts) -> None:
    _join(accounts)
    _fail(accounts, FREE_TRIES + 3, NOW + timedelta(days=365))

    assert accounts.sign_in("maria huber", PASSWORD, "", NOW)


def test_every_act_stands_in_the_audit(accounts: Accounts) -> None:
    mine, session = _join(accounts)
    accounts.sign_out(session, NOW, mine.name)
    session = accounts.sign_in("maria huber", PASSWORD, "", NOW)
    _fail(accounts, 1, NOW)
    secret = module.new_secret()
    accounts.begin_codes(mine, secret, pyotp.TOTP(secret).at(NOW), NOW)
    accounts.end_codes(mine, PASSWORD, NOW)
    accounts.change_password(mine, PASSWORD, "another long password", NOW, session)
    accounts.set_password("maria huber", PASSWORD, NOW, "convenor", without_codes=True)
    _join(accounts, "jan", Role.VIEWER)
    accounts.give_role("jan", Role.APPROVER, NOW, mine.name)
    accounts.close("jan", NOW, mine.name)

    assert accounts.visitor(session, NOW) is None  # by the password that was set
    assert _deeds(accounts)[1:] == [
        ("Maria Huber", "joined", "as administrator"),
        ("Maria Huber", "signed out", ""),
        ("Maria Huber", "signed in", ""),
        ("Maria Huber", "was not let in", ""),
        ("Maria Huber", "began to use codes", ""),
        ("Maria Huber", "gave up codes", ""),
        ("Maria Huber", "changed their password", ""),
        ("convenor", "set a password", "Maria Huber, without codes"),
        ("convenor", "invited", "a new viewer"),
        ("jan", "joined", "as viewer"),
        ("Maria Huber", "gave a role", "jan: approver"),
        ("Maria Huber", "closed an account", "jan"),
    ]


def test_a_password_is_not_the_name(accounts: Accounts) -> None:
    token = accounts.welcome(Role.VIEWER, NOW, "maria huber")

    with pytest.raises(ConvenorError, match="must not be the name"):
        accounts.join(token, "maria theresia", "Maria Theresia", NOW)


def test_never_so_many_passwords_are_tried_at_once_that_memory_runs_out(accounts: Accounts) -> None:
    _join(accounts)
    here, most, lock = [0], [0], Lock()

    class Slow(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
            with lock:
                here[0] += 1
                most[0] = max(most[0], here[0])
            Signal().wait(0.02)
            with lock:
                here[0] -= 1
            raise VerificationError

    accounts = replace(accounts, passwords=Passwords(Slow(time_cost=1, memory_cost=8, parallelism=1)))
    threads = [Thread(target=_fail, args=(accounts, 1, NOW)) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert most[0] == 2


def test_a_name_is_shown_as_it_was_written_and_known_however_it_is(accounts: Accounts) -> None:
    mine, _ = _join(accounts, "  Ludwig  van DEN Berg ")
    assert mine.name == "Ludwig van DEN Berg"
    assert accounts.visitor(accounts.sign_in("LUDWIG van den berg", PASSWORD, "", NOW), NOW) is not None
    accounts.change_password(mine, PASSWORD, "another long password", NOW)
    accounts.set_password("ludwig van den berg", "a third long password", NOW, "Jan")
    assert {who for who, _, _ in _deeds(accounts)} == {"convenor", "Ludwig van DEN Berg", "Jan"}
    assert _deeds(accounts)[-1] == ("Jan", "set a password", "Ludwig van DEN Berg")


def test_an_account_of_before_is_shown_by_the_name_that_is_kept(accounts: Accounts) -> None:
    _join(accounts)
    with accounts.database.writing() as transaction:
        transaction.execute(update(account).values(called=""))
    assert [each.name for each in accounts.every()] == ["maria huber"]
