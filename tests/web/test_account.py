"""One's own account and everybody's, as pages."""

import re

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text, update

from mailer.accounts import FREE_TRIES, Accounts
from mailer.outbox import audit
from mailer.outbox.roles import Role
from mailer.outbox.schema import audit as rows
from mailer.web.organiser.account import AT_ONCE, TRIES_A_MINUTE, Throttle
from tests.web.desk import Desk
from tests.web.test_door import OURS, PASSWORD, _browser, _signed_in, real

__all__ = ["real"]


def test_codes_are_begun_with_a_picture_and_asked_for_from_then_on(real: Desk) -> None:
    browser = _signed_in(real, Role.VIEWER)

    begun = browser.post("/account/codes", headers=OURS).text
    (secret,) = re.findall(r'name="secret" value="([A-Z2-7]+)"', begun)
    assert "<svg" in begun
    code = pyotp.TOTP(secret).at(real.clock())
    assert (
        browser.post("/account/codes", data={"secret": secret, "code": code}, headers=OURS).status_code == 303
    )

    given = {"name": "viewer", "password": PASSWORD}
    assert _browser(real).post("/sign-in", data=given, headers=OURS).status_code == 401
    assert "asked for whenever" in browser.get("/account").text
    ended = browser.post("/account/codes/end", data={"password": PASSWORD}, headers=OURS)
    assert ended.status_code == 303
    assert _browser(real).post("/sign-in", data=given, headers=OURS).status_code == 303


def test_a_password_is_changed_by_whoever_knows_the_old_one(real: Desk) -> None:
    browser = _signed_in(real, Role.VIEWER)

    wrong = browser.post("/account/password", data={"old": "x", "new": "another long one"}, headers=OURS)
    right = browser.post("/account/password", data={"old": PASSWORD, "new": "another long one"}, headers=OURS)

    assert (wrong.status_code, right.status_code) == (422, 303)
    assert browser.get("/account").status_code == 200


def test_an_invited_person_joins_and_is_given_a_role_and_closed(real: Desk) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)

    invited = browser.post("/accounts/invite?role=organiser", headers=OURS).text
    (path,) = re.findall(r"https?://[^/]+(/welcome/[\w-]+)", invited)
    other = _browser(real)
    other.post(path, data={"name": "jan", "password": PASSWORD}, headers=OURS)
    assert other.get("/accounts").status_code == 403
    browser.post("/accounts/role", data={"name": "jan", "role": "administrator"}, headers=OURS)
    assert other.get("/accounts").status_code == 200
    browser.post("/accounts/close", data={"name": "jan"}, headers=OURS)
    assert other.get("/accounts").status_code == 303

    refused = browser.post("/accounts/close", data={"name": "administrator"}, headers=OURS)
    assert (refused.status_code, "only administrator" in refused.text) == (422, True)


def test_a_token_is_shown_once(real: Desk) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)

    made = browser.post("/accounts/token", data={"name": "wall", "role": "viewer"}, headers=OURS).text
    (token,) = re.findall(r"cnv_[\w-]+", made)

    assert token not in browser.get("/accounts").text
    accounts = Accounts(database=real.database)
    assert accounts.machine(token)
    browser.post("/accounts/token/revoke", data={"number": str(accounts.tokens()[0].id)}, headers=OURS)
    assert accounts.machine(token) is None


@pytest.mark.parametrize("path", ["role", "close", "token", "token/revoke", "invite"])
def test_forms_without_their_fields_are_refused(real: Desk, path: str) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    before = {name: rows for name, rows in real.dump().items() if name != "audit"}

    response = browser.post(f"/accounts/{path}", data={"role": "emperor", "number": "x"}, headers=OURS)

    assert 400 <= response.status_code < 500
    assert {name: rows for name, rows in real.dump().items() if name != "audit"} == before


def test_the_audit_is_shown_and_hostile_names_are_text(real: Desk) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    browser.post(
        "/accounts/token", data={"name": "<script>alert(1)</script>", "role": "viewer"}, headers=OURS
    )

    page = browser.get("/audit").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Every row is as it was written" in page


@pytest.mark.parametrize("path", ["role", "token"])
def test_a_role_is_never_taken_for_granted(real: Desk, path: str) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    _signed_in(real, Role.APPROVER)

    answer = browser.post(f"/accounts/{path}", data={"name": "approver"}, headers=OURS)

    assert (answer.status_code, "role: " in answer.text) == (422, True)
    accounts = Accounts(database=real.database)
    assert {each.name: each.role for each in accounts.every()}["approver"] is Role.APPROVER
    assert accounts.tokens() == []


def test_what_is_too_long_is_told_with_its_place(real: Desk) -> None:
    browser = _signed_in(real, Role.VIEWER)

    answer = browser.post("/account/password", data={"old": "x" * 401, "new": "y" * 401}, headers=OURS)

    assert answer.status_code == 422
    assert "old: String should have at most 400 characters" in answer.text
    assert "new: String should have at most 400 characters" in answer.text


def test_ones_own_password_is_not_guessed_for_long(real: Desk) -> None:
    """By whoever comes upon an open page."""
    browser = _signed_in(real, Role.VIEWER)
    for _ in range(TRIES_A_MINUTE):
        browser.post("/account/codes/end", data={"password": "wrong"}, headers=OURS)

    right = {"old": PASSWORD, "new": "another long one"}
    assert "tried too often" in browser.post("/account/password", data=right, headers=OURS).text
    real.clock.move(minutes=2)
    assert browser.post("/account/password", data=right, headers=OURS).status_code == 303


def test_a_browser_that_was_let_in_is_let_in_again_while_others_guess(real: Desk) -> None:
    mine = _signed_in(real, Role.VIEWER)
    mine.post("/sign-out", headers=OURS)

    def sign_in(browser: TestClient, password: str) -> int:
        given = {"name": "viewer", "password": password}
        return int(browser.post("/sign-in", data=given, headers=OURS).status_code)

    assert [sign_in(_browser(real), "wrong") for _ in range(FREE_TRIES + 1)] == [401] * (FREE_TRIES + 1)
    assert sign_in(_browser(real), PASSWORD) == 401
    assert sign_in(mine, PASSWORD) == 303


@pytest.mark.parametrize("before", ["0", "-1", "x", str(2**63), "9" * 400])
def test_a_place_in_the_audit_that_there_cannot_be_is_nothing(real: Desk, before: str) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)

    assert browser.get("/audit", params={"before": before}).status_code == 404


def test_the_audit_says_where_it_is_not_as_it_was_written(real: Desk) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    with real.database.writing() as transaction:
        transaction.execute(text("DROP TRIGGER audit_no_update"))
        transaction.execute(update(rows).where(rows.c.number == 2).values(who="somebody else"))

    page = browser.get("/audit").text

    assert "Every row is as it was written" not in page
    assert "row 2" in page.lower()


def test_the_audit_is_read_a_page_at_a_time(real: Desk) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    with real.database.writing() as transaction:
        for number in range(AT_ONCE):
            audit.note(transaction, real.clock(), "maria", "did", f"deed {number}")

    page = browser.get("/audit").text

    assert page.count("deed ") == AT_ONCE
    (older,) = re.findall(r'href="/audit\?before=(\d+)"', page)
    assert "joined" in browser.get(f"/audit?before={older}").text


def test_of_very_many_addresses_the_oldest_are_forgotten(real: Desk) -> None:
    throttle, now = Throttle(), real.clock()
    for _ in range(TRIES_A_MINUTE):
        assert not throttle.is_too_often("first", now)
    assert throttle.is_too_often("first", now)

    for number in range(10_000):
        throttle.is_too_often(str(number), now)

    assert not throttle.is_too_often("first", now)
    assert not throttle.is_too_often("9999", now)
