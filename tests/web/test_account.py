"""One's own account and everybody's, as pages."""

import re

import pyotp
import pytest

from mailer.accounts import Accounts
from mailer.outbox.roles import Role
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
