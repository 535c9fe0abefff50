"""Journey (b): an organiser moves a session, sees what that does, publishes it, and the letters leave."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import icalendar
import pytest
from playwright.sync_api import Page, expect

from tests.conference import RECIPIENTS, at
from tests.journeys.pictures import picture
from tests.web.agendas import CONFERENCE
from tests.web.desk import AGENDA_IS_DUE_AT, Desk, invited


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Invitations and the agenda with its entries have been sent."""
    with invited(tmp_path, CONFERENCE) as desk:
        desk.clock.now = AGENDA_IS_DUE_AT
        desk.work()
        yield desk


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def has_scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_session_is_moved_and_everybody_is_told(desk: Desk, page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Agenda", exact=True).click()
    page.get_by_role("link", name="Session II –").click()
    expect(page.get_by_label("Title")).to_have_value(CONFERENCE.session("session-2").title)
    page.get_by_label("Begins").fill("11:45")
    page.get_by_label("Ends", exact=False).first.fill("13:00")
    picture(page, "agenda-form")
    page.get_by_role("button", name="Keep in the draft").click()

    expect(page.locator("#s-session-2")).to_contain_text("was 11:30–12:45")
    picture(page, "agenda-draft")
    assert _letters(desk) == []

    page.get_by_role("link", name="See what publishing does").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What publishing version 2 does")
    differs = page.locator("section", has=page.get_by_role("heading", name="What differs from version 1"))
    expect(differs.get_by_role("row")).to_have_count(3)
    expect(differs).to_contain_text("10 March 2027, 11:45")
    letters = page.locator("section", has=page.get_by_role("heading", name="The letters it causes"))
    expect(letters.locator(".headline .big")).to_have_text(f"{len(RECIPIENTS)}")
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("11:45")
    picture(page, "agenda-publish")
    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_text("Version 2, in force")).to_be_visible()
    expect(page.locator("#s-session-2")).not_to_contain_text("was")
    desk.work()
    assert _letters(desk) == []  # the quiet time is not over
    desk.clock.move(minutes=CONFERENCE.quiet_minutes + 1)
    desk.work()

    told = _letters(desk)
    assert sorted(reader for reader, _ in told) == sorted(each.address for each in RECIPIENTS)
    for _, entries in told:
        assert (at("11:45"), at("13:00"), 1) in entries


def _letters(desk: Desk) -> list[tuple[str, list[tuple[object, object, int]]]]:
    """Who was sent a letter about changes, and what each entry in it says: start, end, SEQUENCE."""
    found = []
    for caught in desk.tray.search("", limit=500):
        kept = desk.tray.letter(caught.id)
        assert kept
        message = message_from_bytes(kept[1], policy=SMTP)
        if str(message["Feedback-ID"] or "").partition(":")[0] != "update":
            continue
        entries = [
            (event.decoded("DTSTART"), event.decoded("DTEND"), int(event.get("SEQUENCE", 0)))
            for part in message.walk()
            if isinstance(part, EmailMessage)
            and part.get_content_type() in {"text/calendar", "application/ics"}
            for event in icalendar.Calendar.from_ical(part.get_content()).walk("VEVENT")
        ]
        found.append((caught.recipient, entries))
    return found
