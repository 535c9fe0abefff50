"""Who may do what: every address that the pages have, asked for by everybody."""

import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from mailer.accounts import Accounts
from mailer.composition.links import Purpose
from mailer.outbox import audit
from mailer.outbox.roles import Role
from mailer.outbox.schema import letter
from mailer.web.app import create_app
from tests.conference import EVENT, PRACTITIONER, RECIPIENTS
from tests.web.desk import Desk, invited
from tests.web.test_door import OURS, _browser, _signed_in
from tests.web.test_start import _with_setup

V, O, A, M = Role  # noqa: E741 - one letter each, so that the table can be read

LOWEST: Mapping[str, Role] = {
    "GET /": V,
    "GET /timetable": V,
    "GET /timetable/{mailing}": V,
    "GET /live": V,
    "GET /agenda": V,
    "GET /agenda/compare": V,
    "GET /agenda/event": V,
    "GET /agenda/event/cancel": O,
    "GET /agenda/event/cancel/letter.html": O,
    "GET /agenda/event/move": O,
    "GET /agenda/new": O,
    "GET /agenda/publish": V,
    "GET /agenda/publish/letter.html": V,
    "GET /agenda/publish/people": V,
    "GET /agenda/sessions/{key}": V,
    "GET /agenda/versions": V,
    "GET /agenda/versions/{new}/since/{old}": V,
    "GET /agenda/versions/{number}": V,
    "POST /agenda/carry-over": O,
    "POST /agenda/event": O,
    "POST /agenda/event/approval": M,
    "POST /agenda/event/cancel": O,
    "POST /agenda/event/move": O,
    "POST /agenda/event/reinstate": O,
    "POST /agenda/give-up": O,
    "POST /agenda/new": O,
    "POST /agenda/publish": O,
    "POST /agenda/sessions/{key}": O,
    "POST /agenda/sessions/{key}/cancel": O,
    "POST /agenda/sessions/{key}/reinstate": O,
    "POST /agenda/undo": O,
    "GET /people": V,
    "GET /people/delegations/{code}": V,
    "GET /people/import": O,
    "GET /people/import/{token}": O,
    "GET /people/list": V,
    "GET /people/{number}": V,
    "POST /people/export": O,
    "POST /people/import": O,
    "POST /people/import/go-on": O,
    "POST /people/import/{token}": O,
    "POST /people/import/{token}/drop": O,
    "POST /people/import/{token}/take": O,
    "POST /people/{number}/back": O,
    "POST /people/{number}/clear": O,
    "POST /people/{number}/correct": O,
    "POST /people/{number}/off": O,
    "POST /people/{number}/revoke": O,
    "GET /mailings": V,
    "GET /mailings/{key}": V,
    "GET /mailings/new": O,
    "GET /mailings/{key}/attachments": V,
    "GET /mailings/{key}/attachments/{digest}": V,
    "GET /mailings/{key}/hours": V,
    "GET /mailings/{key}/letter.html": V,
    "GET /mailings/{key}/people": V,
    "GET /mailings/{key}/wording": V,
    "GET /mailings/{key}/wording/{language}": V,
    "POST /mailings/new": O,
    "POST /mailings/{key}": O,
    "POST /mailings/{key}/approve": A,
    "POST /mailings/{key}/attachments": O,
    "POST /mailings/{key}/attachments/take-off": O,
    "POST /mailings/{key}/letter.html": O,
    "POST /mailings/{key}/take-back": O,
    "POST /mailings/{key}/take-out": O,
    "POST /mailings/{key}/test": O,
    "POST /mailings/{key}/wording/{language}": O,
    "POST /mailings/{key}/wording/{language}/take-out": O,
    "GET /outbox": V,
    "GET /outbox/hold": O,
    "GET /outbox/retry": O,
    "GET /outbox/run": V,
    "GET /outbox/{number}": V,
    "GET /outbox/{number}/files/{part}": O,
    "GET /outbox/{number}/letter.eml": O,
    "GET /outbox/{number}/letter.html": V,
    "POST /outbox/pause": O,
    "POST /outbox/resume": O,
    "POST /outbox/retry": O,
    "POST /outbox/stop": O,
    "POST /outbox/{number}/address": O,
    "POST /outbox/{number}/retry": O,
    "POST /outbox/{number}/settle": O,
    "GET /inbox": V,
    "GET /inbox/{number}": V,
    "GET /inbox/{number}/mail.eml": O,
    "POST /inbox/clear": O,
    "POST /inbox/{number}/decide": O,
    "GET /replies": V,
    "GET /replies/answers.csv": V,
    "GET /rehearsal": V,
    "GET /rehearsal/moment": V,
    "GET /rehearsal/playing": V,
    "GET /tray": V,
    "GET /tray/{number}": V,
    "GET /tray/{number}/files/{part}": O,
    "GET /tray/{number}/letter.eml": O,
    "GET /tray/{number}/letter.html": V,
    "GET /account": V,
    "POST /account/codes": V,
    "POST /account/codes/end": V,
    "POST /account/password": V,
    "POST /sign-out": V,
    "GET /accounts": M,
    "POST /accounts/close": M,
    "POST /accounts/invite": M,
    "POST /accounts/role": M,
    "POST /accounts/token": M,
    "POST /accounts/token/revoke": M,
    "POST /accounts/withdraw": M,
    "GET /audit": M,
    "GET /start": M,
    "POST /start/file": M,
    "POST /start/form": M,
    "POST /start/publish": M,
    "POST /start/test": O,
    "GET /api/agenda/versions": V,
    "GET /api/agenda/versions/{number}": V,
    "GET /api/event": V,
    "GET /api/inbox": V,
    "GET /api/letters": V,
    "GET /api/mailings": V,
    "GET /api/openapi.json": V,
    "GET /api/pauses": V,
    "GET /api/people": V,
    "GET /api/replies": V,
    "GET /api/status": V,
    "DELETE /api/pauses": O,
    "DELETE /api/pauses/{mailing}": O,
    "POST /api/pauses": O,
}
"""The least that one must be; a route that is not here fails the first test."""

ANYBODY = re.compile(r"(GET|POST) /(sign-in|welcome/.*|e/.*|f/.*|r/.*|u/.*|health|favicon(\.ico)?|static.*)")

FORM = {
    "seen": "1", "role": "viewer", "name": "x", "number": "1", "column": "email", "audience": "everyone",
    "mailing": "invitation", "form": "spreadsheet", "said": "found", "verdict": "dismiss",
}  # fmt: skip


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Desk]:
    """A real event's desk with every page there is, and letters in the tray."""
    with invited(tmp_path, is_demo=False) as desk:
        yield _with_setup(desk, tmp_path, event=EVENT.key)
        for thread in threading.enumerate():
            if thread.name == "rehearsing":
                thread.join(60)


def _routes(desk: Desk) -> set[str]:
    app = create_app(desk.office)
    found = {("GET", "/api/openapi.json")}
    for route in app.routes:
        if isinstance(route, APIRoute):
            found |= {(method, route.path) for method in route.methods or ()}
    return {f"{method} {path}" for method, path in found if method != "HEAD"}


def _ask(browser: TestClient, what: str) -> tuple[int, str]:
    method, _, path = what.partition(" ")
    given = {
        "key": "invitation" if path.startswith("/mailings") else EVENT.sessions[1].key,
        "token": "x" * 32, "digest": "0" * 64, "code": "AT", "language": "en", "mailing": "invitation",
    }  # fmt: skip
    path = re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], "1"), path)
    query = {"role": "viewer", "old": "1", "new": "1", "anchor": "event", "effect": "request"}
    if path.startswith("/api/"):
        wanted = {"mailing": "invitation"} if method == "POST" else None
        answer = browser.request(method, path, json=wanted, headers=OURS)
    elif method == "POST":
        form = {**FORM, "role": ""} if path.startswith("/people") else FORM
        answer = browser.post(path, params=query, data=form, headers=OURS)
    else:
        answer = browser.get(path, params=query)
    return answer.status_code, answer.headers.get("location", "")


def _as(desk: Desk, role: Role) -> TestClient:
    """Somebody of this role at the pages, and a machine of theirs at /api."""
    return _signed_in(desk, role)


def _kept(desk: Desk) -> dict[str, object]:
    return {name: rows for name, rows in desk.dump().items() if name != "audit"}


def _refusals(desk: Desk) -> int:
    with desk.database.reading() as transaction:
        return sum(each.did == "was refused" for each in audit.deeds(transaction, limit=1000))


def test_every_address_is_for_somebody(whole: Desk) -> None:
    there = {each for each in _routes(whole) if not ANYBODY.fullmatch(each)}

    assert there == set(LOWEST)


def test_nobody_sees_or_does_anything(whole: Desk) -> None:
    before = whole.dump()

    for what in LOWEST:
        status, where = _ask(_browser(whole), what)
        assert status == 401 or (status == 303 and where.startswith("/sign-in")), (what, status, where)
    assert whole.dump() == before


@pytest.mark.parametrize("role", list(Role)[:-1])
def test_who_may_less_is_refused_changes_nothing_and_stands_in_the_audit(whole: Desk, role: Role) -> None:
    browser, order = _as(whole, role), list(Role)
    browser.post("/accounts/close", headers=OURS)  # the first refusal
    before = _kept(whole)

    for what, lowest in LOWEST.items():
        if order.index(lowest) > order.index(role):
            told = _refusals(whole)
            assert _ask(browser, what)[0] == 403, what
            assert _refusals(whole) == told + 1, what
    assert _kept(whole) == before


@pytest.mark.parametrize("role", list(Role))
def test_who_may_is_let_in(whole: Desk, role: Role) -> None:
    browser = _as(whole, role)

    for what, lowest in LOWEST.items():
        if lowest is role and what not in {"GET /live", "POST /sign-out"}:
            status, where = _ask(browser, what)
            assert status not in {401, 403}, what
            assert status < 500, what
            assert not where.startswith("/sign-in"), what


@pytest.mark.parametrize("role", list(Role)[:-1])
def test_a_machine_may_no_more_than_its_role(whole: Desk, role: Role) -> None:
    token = Accounts(database=whole.database).make_token("wall", role, whole.clock(), "convenor")
    browser, order = whole.browser(), list(Role)
    browser.headers["Authorization"] = f"Bearer {token}"
    before = _kept(whole)

    for what, lowest in LOWEST.items():
        if order.index(lowest) > order.index(role):
            assert _ask(browser, what)[0] == 403, what
    assert _kept(whole) == before


def test_only_a_person_approves(whole: Desk) -> None:
    token = Accounts(database=whole.database).make_token("wall", M, whole.clock(), "convenor")

    answer = whole.browser().post(
        "/mailings/invitation/approve", data={"seen": ""}, headers={"Authorization": f"Bearer {token}"}
    )

    assert (answer.status_code, "not for a machine" in answer.text) == (403, True)
    assert _refusals(whole) == 1


def test_who_may_only_look_is_shown_no_letter_that_opens_its_readers_page(whole: Desk) -> None:
    """A personal link lets its bearer answer for its reader."""
    _seen(whole, _signed_in(whole, Role.ORGANISER), is_open=True)
    _seen(whole, _signed_in(whole, Role.VIEWER), is_open=False)


def _seen(desk: Desk, browser: TestClient, *, is_open: bool) -> None:
    keys = [desk.token(purpose, each) for each in RECIPIENTS for purpose in Purpose]
    with desk.database.reading() as transaction:
        first = transaction.execute(letter.select()).first()
    assert first is not None
    browser.get("/rehearsal")
    for thread in threading.enumerate():
        if thread.name == "rehearsing":
            thread.join(60)
    shown = [
        f"/outbox/{first.id}?show=text",
        f"/outbox/{first.id}/letter.html",
        f"/outbox/{first.id}?show=calendar",
        "/tray/1?show=text",
        "/tray/1/letter.html",
        "/tray/1?show=calendar",
        f"/mailings/invitation/letter.html?to={PRACTITIONER.address}",
        f"/mailings/invitation/letter.html?to={PRACTITIONER.address}&part=text",
        f"/rehearsal?at=0&as={first.recipient_id}",
    ]
    for path in shown:
        page = browser.get(path)
        assert page.status_code == 200, path
        text = re.sub(r"\r?\n[ \t]", "", page.text)
        assert any(key in text for key in keys) == is_open, path
    for path in (f"/outbox/{first.id}/letter.eml", "/tray/1/letter.eml"):
        assert browser.get(path).status_code == (200 if is_open else 403)
    raw = [browser.get(f"{path}?show=raw").status_code for path in (f"/outbox/{first.id}", "/tray/1")]
    assert raw == ([200, 200] if is_open else [404, 404])
    assert not any(key in browser.get("/mailings/invitation").text for key in keys)
