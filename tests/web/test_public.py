"""The agenda as anybody may see it: only if the organiser says so, and never with a name of those who are invited."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import icalendar
import pytest
from httpx import Response

from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS
from tests.web.desk import BASE_URL, Desk, published

PUBLIC = EVENT.model_copy(update={"public": True})
PAGE = f"/e/{EVENT.key}"
FILES = ["feed.ics", "all.ics", "event.ics", *(f"{session.key}.ics" for session in EVENT.sessions)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with published(tmp_path, PUBLIC) as desk:
        yield desk


def get(desk: Desk, file: str, **headers: str) -> Response:
    response: Response = desk.browser().get(
        f"{PAGE}/{file}", headers={name.replace("_", "-"): told for name, told in headers.items()}
    )
    return response


def test_nothing_is_public_unless_the_organiser_says_so(calm_desk: Desk) -> None:
    browser = calm_desk.browser()
    nothing = browser.get("/e/no-such-event")
    for path in (PAGE, *(f"{PAGE}/{file}" for file in FILES), "/e/%00", f"/e/{'x' * 10_000}"):
        response = browser.get(path)
        assert (response.status_code, response.text) == (404, nothing.text)
    assert "this agenda is not public" in nothing.text


def test_it_shows_the_whole_agenda(desk: Desk) -> None:
    response = desk.browser().get(PAGE)
    assert response.status_code == 200
    for session in EVENT.sessions:
        assert session.title in response.text
        for point in session.points:
            assert point in response.text
    assert EVENT.summary in response.text
    assert "noindex" not in response.text + str(response.headers)
    assert "script-src" not in response.headers["content-security-policy"]
    assert f"{BASE_URL}{PAGE}/feed.ics" in response.text


def test_nobody_who_is_invited_is_named(desk: Desk) -> None:
    desk.work()
    browser = desk.browser()
    for path in (PAGE, *(f"{PAGE}/{file}" for file in FILES)):
        told = browser.get(path).text.replace("\r\n ", "")
        assert [r.address for r in RECIPIENTS if r.address in told or r.family_name in told] == []
        assert "/r/" not in told
        assert "ATTENDEE" not in told


@pytest.mark.parametrize(
    ("headers", "query", "language"),
    [
        ({}, "", "en"),
        ({"Accept-Language": "fr-CH, en;q=0.5"}, "", "fr"),
        ({"Accept-Language": "de, tlh"}, "", "en"),
        ({"Accept-Language": "fr"}, "?language=ar", "ar"),
        ({"Accept-Language": "fr"}, "?language=xx", "fr"),
    ],
)
def test_it_speaks_a_language_that_was_asked_for(
    desk: Desk, headers: dict[str, str], query: str, language: str
) -> None:
    response = desk.browser().get(f"{PAGE}{query}", headers=headers)
    assert f'<html lang="{language}"' in response.text
    assert response.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_a_sound_calendar_that_asks_nobody(desk: Desk, file: str) -> None:
    response = get(desk, file)
    calendar = icalendar.Calendar.from_ical(response.content)
    entries = calendar.walk("VEVENT")
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert calendar["METHOD"] == "PUBLISH"
    assert len(entries) == (len(EVENT.sessions) if file in {"feed.ics", "all.ics"} else 1)
    assert {str(entry["URL"]) for entry in entries} == {f"{BASE_URL}{PAGE}"}
    assert parsedate_to_datetime(response.headers["last-modified"]) == PUBLISHED_AT
    assert get(desk, file, If_None_Match=response.headers["etag"]).status_code == 304
    assert ("content-disposition" in response.headers) is (file != "feed.ics")
    assert ("REFRESH-INTERVAL" in calendar) is (file == "feed.ics")


def test_public_entries_are_none_of_anybodys(desk: Desk) -> None:
    """Their UIDs tell nothing of those in letters, which are secrets of their readers."""
    own = desk.browser().get(f"/r/{desk.token()}/session-1.ics").content
    uids = {
        str(icalendar.Calendar.from_ical(raw).walk("VEVENT")[0]["UID"])
        for raw in (own, get(desk, "session-1.ics").content)
    }
    assert len(uids) == 2
    assert PRACTITIONER.address not in str(uids)


def test_a_forged_host_changes_no_link(desk: Desk) -> None:
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"}
    for path in (PAGE, f"{PAGE}/feed.ics"):
        response = desk.browser().get(path, headers=forged)
        assert response.status_code == 200
        assert "evil.example" not in response.text + str(response.headers)


def test_an_agenda_that_is_withdrawn_from_the_public_is_gone(desk: Desk) -> None:
    desk.clock.move(hours=1)
    desk.publish(EVENT)
    assert desk.browser().get(PAGE).status_code == 404


def test_what_is_called_off_offers_no_entries(desk: Desk) -> None:
    assert "Add to calendar" in desk.browser().get(PAGE).text
    desk.clock.move(minutes=1)
    desk.publish(PUBLIC.model_copy(update={"cancelled": True}))
    page = desk.browser().get(PAGE).text
    assert "This conference will not take place." in page
    assert ".ics" not in page
