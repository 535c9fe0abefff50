"""Leaving the list: one exact body, by a person or by a mail program (RFC 8058)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.composition.links import Purpose
from mailer.outbox import people
from tests.conference import EVENT, PRACTITIONER
from tests.web.desk import Desk, published

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The event is published; no letter has left yet."""
    with published(tmp_path) as desk:
        yield desk


def has_left(desk: Desk) -> bool:
    with desk.database.reading() as transaction:
        return {m.recipient.address: m.unsubscribed for m in people.roster(transaction, EVENT.key)}[
            PRACTITIONER.address
        ]


def path(desk: Desk) -> str:
    return f"/u/{desk.token(Purpose.UNSUBSCRIBE)}"


def test_looking_asks_first(desk: Desk) -> None:
    page = desk.browser().get(path(desk)).text
    assert "No more letters?" in page
    assert 'name="List-Unsubscribe" value="One-Click"' in page
    assert not has_left(desk)


def test_the_one_click_of_a_mail_program_acts_without_cookies_or_a_redirect(desk: Desk) -> None:
    response = desk.browser().post(
        path(desk), content=ONE_CLICK, headers=FORM | {"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 200
    assert has_left(desk)
    assert "set-cookie" not in response.headers


def test_the_one_click_may_come_as_multipart(desk: Desk) -> None:
    response = desk.browser().post(path(desk), files={"List-Unsubscribe": (None, "One-Click")})
    assert response.status_code == 200
    assert has_left(desk)


def test_twice_is_once(desk: Desk) -> None:
    for _ in range(2):
        assert "You are unsubscribed" in desk.browser().post(path(desk), content=ONE_CLICK, headers=FORM).text
    before = desk.dump()
    desk.clock.move(days=1)
    desk.browser().post(path(desk), content=ONE_CLICK, headers=FORM)
    assert desk.dump() == before
    assert "You are unsubscribed" in desk.browser().get(path(desk)).text


@pytest.mark.parametrize(
    "body",
    [
        "",
        "List-Unsubscribe=one-click",
        "list-unsubscribe=One-Click",
        "List-Unsubscribe=One-Click&x=y",
        "x=y&List-Unsubscribe=One-Click",
        "List-Unsubscribe=One-Click\r\n",
        "List-Unsubscribe=One%2DClick",
        '{"List-Unsubscribe": "One-Click"}',
    ],
)
def test_another_body_does_nothing(desk: Desk, body: str) -> None:
    response = desk.browser().post(
        path(desk), content=body, headers=FORM | {"Cookie": "List-Unsubscribe=One-Click"}
    )
    assert response.status_code == 400
    assert not has_left(desk)


@pytest.mark.parametrize("more", [{"x": (None, "y")}, {"List-Unsubscribe": ("a.txt", "One-Click")}])
def test_another_multipart_form_does_nothing(desk: Desk, more: dict[str, tuple[str | None, str]]) -> None:
    response = desk.browser().post(path(desk), files={"List-Unsubscribe": (None, "One-Click")} | more)
    assert response.status_code == 400
    assert not has_left(desk)


def test_a_broken_multipart_form_does_nothing(desk: Desk) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert desk.browser().post(path(desk), content=b"--y\r\n\r\n", headers=headers).status_code == 400
    assert not has_left(desk)


def test_the_link_to_the_personal_page_does_not_unsubscribe(desk: Desk) -> None:
    response = desk.browser().post(f"/u/{desk.token(Purpose.PAGE)}", content=ONE_CLICK, headers=FORM)
    assert response.status_code == 404
    assert not has_left(desk)


def test_whoever_has_left_reads_so_on_the_personal_page(desk: Desk) -> None:
    desk.browser().post(path(desk), content=ONE_CLICK, headers=FORM)
    assert "You have unsubscribed" in desk.browser().get(f"/r/{desk.token()}").text
