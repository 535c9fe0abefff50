"""The calendar a person subscribes to: theirs alone, the same bytes until something changes, no key to more."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import icalendar
import pytest
from httpx import Response

from mailer.agenda.model import Event
from mailer.composition.links import Purpose
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS
from tests.web.desk import BASE_URL, Desk, published


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with published(tmp_path) as desk:
        yield desk


def path(desk: Desk) -> str:
    return f"/f/{desk.token(Purpose.FEED)}.ics"


def feed(desk: Desk, **headers: str) -> Response:
    response: Response = desk.browser().get(
        path(desk), headers={name.replace("_", "-"): told for name, told in headers.items()}
    )
    return response


def held(response: Response) -> list[str]:
    return [str(entry["SUMMARY"]) for entry in icalendar.Calendar.from_ical(response.content).walk("VEVENT")]


def titles(*keys: str, event: Event = EVENT) -> list[str]:
    return [event.title, *(event.session(key).title for key in keys)]


def test_it_holds_the_conference_and_the_sessions_one_chose(desk: Desk) -> None:
    assert held(feed(desk)) == titles("session-2", "session-4")
    page = f"/r/{desk.token()}"
    desk.browser().post(f"{page}/sessions", data={"was": "session-2", "session": "session-1"})
    assert held(feed(desk)) == titles("session-1", "session-4")


def test_it_is_told_as_calendars_want_it(desk: Desk) -> None:
    response = feed(desk)
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-cache"
    lines = response.text.replace("\r\n ", "").split("\r\n")
    assert lines[lines.index("METHOD:PUBLISH")] in lines[:5]
    assert {f"NAME:{EVENT.title}", f"X-WR-CALNAME:{EVENT.title}"} <= set(lines)
    assert {"REFRESH-INTERVAL;VALUE=DURATION:PT6H", "X-PUBLISHED-TTL:PT6H"} <= set(lines)
    assert [line for line in lines if line.startswith(("ATTENDEE", "UID:-", "PARTSTAT"))] == []
    signer = desk.office.sender.signer
    uids = [line.removeprefix("UID:") for line in lines if line.startswith("UID:")]
    assert uids == [
        signer.uid(EVENT.key, anchor, PRACTITIONER.address, "conference.example")
        for anchor in ("event", "session-2", "session-4")
    ]


def test_it_tells_nobody_the_way_to_the_page(desk: Desk) -> None:
    """A calendar is often shared: whoever sees it cannot answer in its owner's name."""
    told = feed(desk).text.replace("\r\n ", "")
    assert BASE_URL not in told
    assert PRACTITIONER.address not in told
    assert [each.family_name for each in RECIPIENTS if each.family_name in told] == []
    for purpose in (Purpose.PAGE, Purpose.UNSUBSCRIBE):
        assert desk.browser().get(f"/f/{desk.token(purpose)}.ics").status_code == 404
    for other in ("r", "u"):
        assert desk.browser().get(f"/{other}/{desk.token(Purpose.FEED)}").status_code == 404


def test_the_same_bytes_come_until_something_changes(desk: Desk) -> None:
    first = feed(desk)
    desk.clock.move(days=1)
    desk.work()
    again = feed(desk)
    assert (again.content, again.headers["etag"], again.headers["last-modified"]) == (
        first.content, first.headers["etag"], first.headers["last-modified"],
    )  # fmt: skip
    assert parsedate_to_datetime(first.headers["last-modified"]) == PUBLISHED_AT


def test_whoever_has_it_is_sent_nothing(desk: Desk) -> None:
    etag = feed(desk).headers["etag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        response = feed(desk, If_None_Match=known)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == etag
    assert feed(desk, If_None_Match='"x"').status_code == 200


def test_a_choice_and_a_new_agenda_change_it(desk: Desk) -> None:
    first = feed(desk)
    desk.clock.move(hours=1)
    desk.browser().post(f"/r/{desk.token()}/sessions", data={"session": "session-1"})
    chosen = feed(desk, If_None_Match=first.headers["etag"])
    assert chosen.status_code == 200
    assert parsedate_to_datetime(chosen.headers["last-modified"]) == desk.clock()
    desk.clock.move(hours=1)
    desk.publish(EVENT.model_copy(update={"title": "Another title"}))
    moved = feed(desk, If_None_Match=chosen.headers["etag"])
    assert held(moved)[0] == "Another title"
    assert parsedate_to_datetime(moved.headers["last-modified"]) == desk.clock()


@pytest.mark.parametrize(("answer", "shown"), [("declined", "TRANSPARENT"), ("tentative", "OPAQUE")])
def test_whoever_does_not_come_is_left_free(desk: Desk, answer: str, shown: str) -> None:
    desk.browser().post(f"/r/{desk.token()}/answer", data={"answer": answer})
    entries = icalendar.Calendar.from_ical(feed(desk).content).walk("VEVENT")
    assert entries[0]["TRANSP"] == shown
    assert (len(entries) == 1) is (answer == "declined")


def test_the_page_shows_where_to_subscribe(desk: Desk) -> None:
    page = desk.browser().get(f"/r/{desk.token()}").text
    assert f'href="webcal://conference.example{path(desk)}"' in page
    assert f">{BASE_URL}{path(desk)}<" in page
