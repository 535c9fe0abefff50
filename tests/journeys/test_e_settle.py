"""A letter in doubt is settled: from the timetable's word to the letter that left."""

import hashlib
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from mailer.outbox import audit, claims, letters
from mailer.outbox.letter import Happening, LetterState
from tests.conference import PRACTITIONER
from tests.journeys.pictures import picture
from tests.outbox.world import told
from tests.web.desk import Desk

ADDRESS = PRACTITIONER.address
H, S = Happening, LetterState


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """The line broke as the practitioner's invitation was handed over; the others arrived."""
    empty_desk.publish()
    empty_desk.service.plan(empty_desk.clock())
    with empty_desk.database.writing() as c:
        claimed = claims.claim(c, "one", empty_desk.clock(), 100, timedelta(minutes=1))
    for each in claimed:
        with empty_desk.database.reading() as c:
            row = letters.one(c, empty_desk.office.event, each.id)
        assert row
        digest = hashlib.sha256(empty_desk.service.compose(row).raw).hexdigest()
        is_lost = row.recipient.address == ADDRESS
        end = told(each, H.LOST if is_lost else H.ACCEPTED, reply="" if is_lost else "250 2.0.0 Ok: queued")
        intent = told(each, H.INTENDED, digest=digest, reply="smtp://mail.ministry.example:587")
        with empty_desk.database.writing() as c:
            claims.happen(c, [intent, end], empty_desk.clock())
    empty_desk.clock.move(minutes=5)
    return empty_desk


def test_a_letter_in_doubt_is_settled_from_the_timetable(desk: Desk, page: Page) -> None:
    page.goto("/")
    concern = page.locator("aside .concern", has_text="in doubt")
    expect(concern).to_contain_text("1")
    concern.get_by_role("link").click()

    rows = page.locator("#letters tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("in doubt")
    picture(page, "outbox", is_whole=False)
    rows.get_by_role("link", name="Ana Novak").click()

    expect(page.get_by_role("heading", name="Has the mail server got it?")).to_be_visible()
    message_id = page.locator("#settle dd").first.inner_text()
    assert message_id == desk.service.compose(_letter(desk)).message_id
    expect(page.locator(".history")).to_contain_text("smtp://mail.ministry.example:587")
    letter = page.frame_locator("iframe")
    expect(letter.get_by_text("Dr Ana Novak").first).to_be_visible()
    picture(page, "outbox-letter", is_whole=False)

    page.get_by_role("button", name="It did not: send it").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Has the mail server got it?")).to_have_count(0)
    expect(page.locator(".facts .tag")).to_have_text("about to leave")

    page.goto("/outbox")  # open while it leaves: the page is told, and looks again
    expect(page.locator("#run-invitation")).to_contain_text("4 of 5 done")
    desk.work()
    expect(page.locator("#run-invitation")).to_have_count(0)
    page.goto("/")
    expect(page.locator("aside")).to_contain_text("Nothing needs you")
    assert _letter(desk).state is S.SENT
    assert [each.recipient for each in desk.tray.search(ADDRESS)] == [ADDRESS]
    with desk.database.reading() as c:
        (deed,) = audit.deeds(c)
    assert (deed.did, deed.what) == ("settled", f"letter {_letter(desk).id}: it did not arrive, and is sent")


def _letter(desk: Desk) -> letters.LetterRow:
    with desk.database.reading() as c:
        (found,) = letters.search(c, desk.office.event, address=ADDRESS)
    return found
