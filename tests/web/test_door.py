"""The door to the organiser's pages, as browsers and machines meet it."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mailer.accounts import Accounts
from mailer.outbox import audit
from mailer.outbox.roles import Role
from mailer.web.organiser.account import TRIES_A_MINUTE, first_account
from mailer.web.organiser.door import COOKIE
from tests.web.desk import LOCAL, Desk, published

PASSWORD = "correct horse battery"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Desk]:
    """The desk of a real event, for which one needs an account."""
    with published(tmp_path, is_demo=False) as desk:
        yield desk


def _browser(desk: Desk) -> TestClient:
    """`__Host-` cookies are sent back over protected lines alone; browsers take loopback for one, this one does not."""
    return desk.browser(LOCAL.replace("http:", "https:"))


def _signed_in(desk: Desk, role: Role) -> TestClient:
    token = Accounts(database=desk.database).welcome(role, desk.clock(), "convenor")
    browser = _browser(desk)
    joined = browser.post(f"/welcome/{token}", data={"name": role, "password": PASSWORD}, headers=OURS)
    assert (joined.status_code, joined.headers["location"]) == (303, "/")
    return browser


PATHS = [
    "/",
    "/timetable",
    "/outbox",
    "/outbox/1",
    "/replies",
    "/replies/answers.csv",
    "/inbox",
    "/live",
    "/people",
    "/people/list",
    "/people/import",
    "/agenda",
    "/agenda/publish",
    "/agenda/versions",
    "/tray",
    "/account",
    "/accounts",
    "/audit",
]


@pytest.mark.parametrize("path", PATHS)
def test_without_an_account_every_page_leads_to_the_door(real: Desk, path: str) -> None:
    response = real.browser().get(path)

    assert response.status_code == 303
    assert response.headers["location"] == ("/sign-in" if path == "/" else f"/sign-in?to={path}")
    assert response.text == ""


@pytest.mark.parametrize("path", ["/api/status", "/api/replies", "/api/openapi.json", "/api/nothing"])
def test_machines_are_told_to_show_a_token(real: Desk, path: str) -> None:
    response = real.browser().get(path)

    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_opens_the_api(real: Desk) -> None:
    token = Accounts(database=real.database).make_token("wall", Role.VIEWER, real.clock(), "convenor")

    def get(shown: str) -> int:
        return int(real.browser().get("/api/status", headers={"Authorization": shown}).status_code)

    assert [get(f"Bearer {token}"), get(f"bearer  {token}")] == [200, 200]
    assert [get(f"Bearer {token}x"), get("Bearer "), get(f"Basic {token}")] == [401, 401, 401]


def test_the_first_account_is_made_by_the_link_that_was_printed(real: Desk) -> None:
    (said,) = first_account(real.office, "http://127.0.0.1:8400")
    path = said.partition("http://127.0.0.1:8400")[2]
    browser = _browser(real)

    assert "administrator" in browser.get(path).text
    assert real.browser().get(path).status_code == 200  # looking does not use it up
    browser.post(path, data={"name": "Maria", "password": PASSWORD}, headers=OURS)

    assert browser.get("/accounts").status_code == 200
    assert first_account(real.office, "x") == ()
    assert browser.get(path).status_code == 404


def test_signing_in_leads_to_where_one_was_going_and_out_again(real: Desk) -> None:
    _signed_in(real, Role.VIEWER)
    browser = _browser(real)

    given = {"name": "VIEWER", "password": PASSWORD}
    response = browser.post("/sign-in?to=/replies", data=given, headers=OURS)

    assert (response.status_code, response.headers["location"]) == (303, "/replies")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert browser.get("/replies").status_code == 200
    assert browser.get("/sign-in").headers["location"] == "/"
    browser.post("/sign-out", headers=OURS)
    assert browser.get("/replies").status_code == 303


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "x", "/a\nb"]
)
def test_nobody_is_led_to_another_place(real: Desk, to: str) -> None:
    _signed_in(real, Role.VIEWER)

    given = {"name": "viewer", "password": PASSWORD}
    response = _browser(real).post("/sign-in", params={"to": to}, data=given, headers=OURS)

    assert response.headers["location"] == "/"


def test_a_wrong_password_is_told_without_saying_what_is_wrong(real: Desk) -> None:
    _signed_in(real, Role.VIEWER)
    said = {
        _browser(real)
        .post("/sign-in", data={"name": name, "password": "x"}, headers=OURS)
        .text.replace(name, "")
        for name in ("viewer", "nobody")
    }

    assert len(said) == 1
    assert "name, password or code is wrong" in said.pop()


def test_from_one_address_it_can_be_tried_so_often(real: Desk) -> None:
    for _ in range(TRIES_A_MINUTE):
        _browser(real).post("/sign-in", data={"name": "x", "password": "x"}, headers=OURS)

    response = _browser(real).post("/sign-in", data={"name": "x", "password": "x"}, headers=OURS)

    assert "tried too often from here" in response.text


FOREIGN = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_what_changes_anything_comes_from_our_own_pages(real: Desk, headers: dict[str, str]) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    before = real.dump()

    response = browser.post("/accounts/invite?role=viewer", headers=headers)

    assert response.status_code == 403
    assert real.dump() == before


def test_who_lacks_the_role_is_refused_and_the_audit_tells(real: Desk) -> None:
    browser = _signed_in(real, Role.APPROVER)

    assert browser.get("/accounts").status_code == 403
    assert browser.post("/accounts/invite?role=administrator", headers=OURS).status_code == 403

    with real.database.reading() as transaction:
        refused = [(d.who, d.what) for d in audit.deeds(transaction) if d.did == "was refused"]
    assert refused == [("approver", "invite somebody"), ("approver", "see the accounts")]


def test_the_example_is_open_to_whoever_sits_at_this_machine(calm_desk: Desk) -> None:
    assert calm_desk.browser().get("/").status_code == 200
    assert calm_desk.browser(peer="192.0.2.7").get("/").status_code == 303
    behind_a_proxy = calm_desk.browser().get("/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert behind_a_proxy.status_code == 303


@pytest.mark.parametrize(
    "cookie", ["", "=", f"{COOKIE}", f"{COOKIE}=", f"{COOKIE}=x; {COOKIE}=y", "\xff", ";;;"]
)
def test_a_broken_cookie_is_no_session(real: Desk, cookie: str) -> None:
    response = real.browser().get("/", headers={"Cookie": cookie.encode("latin-1")})

    assert response.status_code == 303


@pytest.mark.parametrize("headers", FOREIGN)
def test_nobody_is_signed_in_from_another_place(real: Desk, headers: dict[str, str]) -> None:
    token = Accounts(database=real.database).welcome(Role.VIEWER, real.clock(), "convenor")

    answer = real.browser().post(
        f"/welcome/{token}", data={"name": "x", "password": PASSWORD}, headers=headers
    )

    assert answer.status_code == 403
    assert Accounts(database=real.database).every() == []


def test_behind_a_proxy_one_who_guesses_keeps_nobody_else_out(real: Desk) -> None:
    _signed_in(real, Role.VIEWER)

    def tries(address: str, password: str) -> int:
        headers = {**OURS, "X-Forwarded-For": f"203.0.113.9, {address}"}
        given = {"name": "viewer" if password == PASSWORD else "x", "password": password}
        return int(_browser(real).post("/sign-in", data=given, headers=headers).status_code)

    assert {tries("192.0.2.1", "x") for _ in range(TRIES_A_MINUTE + 1)} == {401}
    assert tries("192.0.2.1", PASSWORD) == 401
    assert tries("192.0.2.2", PASSWORD) == 303


def test_a_machine_without_a_token_is_told_so_whatever_it_wants(real: Desk) -> None:
    assert real.browser().post("/api/pauses", json={}).status_code == 401
    assert real.browser().delete("/api/pauses").status_code == 401


def test_invitations_are_shown_and_withdrawn(real: Desk) -> None:
    browser = _signed_in(real, Role.ADMINISTRATOR)
    browser.post("/accounts/invite?role=approver", headers=OURS)
    (invited,) = Accounts(database=real.database).invitations(real.clock())
    assert invited.digest in browser.get("/accounts").text

    assert browser.post("/accounts/withdraw", data={"link": invited.digest}, headers=OURS).status_code == 303

    assert Accounts(database=real.database).invitations(real.clock()) == []


def test_what_was_sent_after_the_session_ended_can_be_sent_again(real: Desk) -> None:
    browser = _signed_in(real, Role.ORGANISER)
    written = {"seen": "1.0", "title": '"><script>alert(1)</script>', "points": "one\r\ntwo"}
    browser.cookies.clear()
    before = real.dump()

    answer = browser.post("/agenda/sessions/session-1?day=1", data=written, headers=OURS)

    assert (answer.status_code, real.dump()) == (401, before)
    assert 'action="/agenda/sessions/session-1?day=1"' in answer.text
    assert "<script>alert" not in answer.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))
    assert {name: html.unescape(value) for name, value in fields.items()} == written


@pytest.mark.parametrize(
    ("path", "headers", "content"),
    [
        ("/account/password", {}, "old=secret&new=another"),
        ("/accounts/close", {}, "name=x"),
        ("/agenda/undo", {"Content-Type": "text/plain"}, "seen=1"),
        ("/agenda/undo", {}, "&".join(f"a{number}=1" for number in range(300))),
        ("//evil.example/x", {}, "a=1"),
    ],
)
def test_what_is_no_form_of_ours_or_secret_is_not_shown_again(
    real: Desk, path: str, headers: dict[str, str], content: str
) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = real.browser().post(f"{LOCAL}{path}", content=content, headers={**kind, **OURS, **headers})

    assert (answer.status_code, answer.text) == (303, "")


def test_a_foreign_form_is_not_shown_again_either(real: Desk) -> None:
    answer = real.browser().post("/agenda/undo", data={"seen": "1"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, "Send it again" in answer.text) == (403, False)
