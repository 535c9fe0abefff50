"""What is approved is what is sent: approve, edit, be asked again, approve, and it leaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailer.agenda.model import Approval
from mailer.outbox import audit
from tests.conference import EVENT, PRACTITIONER, RECIPIENTS
from tests.journeys.pictures import picture
from tests.web.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An event that asks for one person's approval; its invitations are due."""
    with open_desk(tmp_path) as desk:
        desk.publish(EVENT.model_copy(update={"approval": Approval.ONE}))
        desk.clock.move(minutes=1)
        desk.work()
        yield desk


def test_approve_edit_be_asked_again_approve_and_it_leaves(desk: Desk, page: Page) -> None:
    page.goto("/")
    waiting = page.locator("aside .concern", has_text="waits for approval")
    expect(waiting).to_contain_text(str(len(RECIPIENTS)))
    assert desk.tray.count() == 0

    waiting.get_by_role("link").click()
    panel = page.locator(".approval")
    expect(panel).to_contain_text("Nobody has approved it yet")
    letter = page.frame_locator(".stage iframe")
    expect(letter.get_by_text(RECIPIENTS[0].family_name).first).to_be_visible()
    picture(page, "mailing")
    panel.get_by_role("button", name="Approve invitation").click()
    expect(page.get_by_role("status")).to_contain_text("Approved")
    expect(panel).to_contain_text("It leaves as it is now")

    page.get_by_role("link", name="Edit en").click()
    subject = page.get_by_label("Subject")
    subject.fill("You are invited, warmly: {{ event.titel }}")
    page.get_by_role("button", name="Keep these words").click()
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'event.title'")
    subject.fill("You are invited, warmly: {{ event.title }}")
    page.locator("label", has_text="Text").locator("input").check()
    trial = page.frame_locator("iframe[name=trial]")
    expect(trial.get_by_text("You are invited, warmly").first).to_be_visible()
    page.locator("label", has_text="Letter").locator("input").check()
    expect(trial.get_by_role("heading").first).to_be_visible()
    picture(page, "wording")
    page.get_by_role("button", name="Keep these words").click()
    expect(page.get_by_role("status")).to_contain_text("in force from now on")

    expect(panel).to_contain_text("the wording has changed")
    desk.work()
    assert desk.tray.count() == 0
    page.goto("/")
    expect(page.locator("aside .concern", has_text="waits for approval")).to_be_visible()
    page.goto("/mailings")
    page.get_by_role("link", name="Invitation", exact=True).click()
    button = panel.get_by_role("button", name="Approve invitation")
    button.focus()
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("It leaves as it is now")

    desk.work()
    page.goto("/")
    expect(page.locator("aside")).to_contain_text("Nothing needs you")
    subjects = {
        letter.subject for letter, _ in desk.tray.everything() if (letter.recipient == PRACTITIONER.address)
    }
    assert desk.tray.count() == len(RECIPIENTS)
    assert any(subject.startswith("You are invited, warmly: ") for subject in subjects)
    with desk.database.reading() as transaction:
        told = [each.did for each in reversed(audit.deeds(transaction))]
    assert told == ["approved", "reworded", "asks again for approval", "approved"]
