"""Journey (g): an organiser begins a mailing, sees whom it reaches and when, translates it, publishes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailer.outbox import audit
from tests.conference import FOCAL_POINT
from tests.journeys.pictures import picture
from tests.web.agendas import CONFERENCE
from tests.web.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Invitations have been sent."""
    with open_desk(tmp_path) as desk:
        desk.publish(CONFERENCE)
        desk.work()
        yield desk


def test_a_mailing_is_begun_translated_published_and_leaves(desk: Desk, page: Page) -> None:
    before = desk.tray.count()
    page.goto("/")
    page.get_by_role("link", name="Mailings", exact=True).click()
    page.get_by_role("link", name="A new mailing").click()
    page.get_by_role("link", name="Practical").click()
    page.get_by_label("Title").fill("Parking at the ministry")
    page.get_by_label("Audience").fill("role = friend")
    expect(page.locator("#whom-list")).to_contain_text("there is no role")
    page.get_by_label("Audience").fill("language = fr")
    page.locator("#f-when").fill("as soon as published")
    expect(page.locator("#whom-list")).to_contain_text("1 person now")
    expect(page.locator("#whom-list")).to_contain_text(FOCAL_POINT.address)
    expect(page.locator("#hours-list")).to_contain_text(
        "when it is published, it leaves at once to whoever does not have it yet"
    )
    picture(page, "mailing-new")
    page.get_by_role("button", name="Keep in the draft").click()

    expect(page.locator("main")).to_contain_text("New in the draft, not published yet")
    page.get_by_role("link", name="Write it in French").click()
    expect(page.locator("main")).to_contain_text("Not written yet")
    page.get_by_label("Subject").fill("Où se garer")
    page.get_by_role("button", name="Keep these words").click()
    expect(page.get_by_role("status")).to_contain_text("in force from now on")
    expect(page.get_by_role("link", name="Edit fr")).to_be_visible()

    page.get_by_role("link", name="See what publishing does").click()
    expect(page.locator("main")).to_contain_text("Parking at the ministry leaves at once, 1 letter.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 2, in force")).to_be_visible()
    desk.work()

    (letter, _), *others = list(desk.tray.everything())[before:]
    assert (letter.recipient, letter.subject, others) == (FOCAL_POINT.address, "Où se garer", [])
    with desk.database.reading() as transaction:
        told = [each.did for each in reversed(audit.deeds(transaction))]
    assert told == ["changed the agenda's draft", "added the wording of", "published"]
