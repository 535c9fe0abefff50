"""Why Armenia has not answered: from the board to the person whose address does not work, and what follows of it."""

import os
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.collecting import Collector
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import Maildir
from mailer.outbox import audit, letters, people
from mailer.recipients.model import Role
from mailer.recipients.reading import read_all
from mailer.settings import ROOT
from tests.inbox import mails
from tests.journeys.pictures import picture
from tests.web.desk import Desk

LISTS = [
    (ROOT / "recipients/delegations.csv", Role.FOCAL_POINT),
    (ROOT / "recipients/practitioners.csv", None),
]
ARMENIA = ("a.petrosyan@armenia-mission.example", "t.vardazaryan@armenia-mission.example")


@pytest.fixture
def desk(empty_desk: Desk, tmp_path: Path) -> Desk:
    """Of every delegation somebody has answered but of Armenia, to whose two addresses nothing could be brought."""
    empty_desk.publish(recipients=read_all(LISTS).recipients)
    empty_desk.work()
    empty_desk.clock.now += timedelta(days=2)
    with empty_desk.database.writing() as c:
        for member in people.roster(c, empty_desk.office.event):
            if member.recipient.state != "AM" and member.id % 4:
                people.record_answer(
                    c, member.id, WHOLE_EVENT, "accepted", empty_desk.clock(), "page", sequence=0
                )
    bounce(empty_desk, tmp_path / "mail", *ARMENIA)
    return empty_desk


def bounce(desk: Desk, folder: Path, *addresses: str) -> None:
    """The reports of a mail server that knows nobody of these addresses come into the mailbox, and are taken in."""
    sender = replace(desk.office.sender, return_path="returns@conference.example")
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    with desk.database.reading() as c:
        sent = {row.recipient.address: row.id for row in letters.search(c, desk.office.event, limit=1000)}
    for number, address in enumerate(addresses):
        to = sender.return_path_of(sent[address])
        assert to
        raw = mails.report(to, address, words="550 5.1.1 no such user")
        file = folder / "new" / f"{number}.mail.example"
        file.write_bytes(raw)
        os.utime(file, (desk.clock().timestamp(),) * 2)
    with closing(BoundedReader()) as reader:
        collector = Collector(
            database=desk.database, event=desk.office.event, sender=sender, compose=desk.service.compose,
            mailboxes=(Maildir(path=folder),), reader=reader,
        )  # fmt: skip
        collector.collect(desk.clock())


def test_why_armenia_has_not_answered(desk: Desk, page: Page) -> None:
    page.goto("/people")
    tile = page.locator(".tile", has_text="Armenia")
    expect(tile).to_contain_text("bounced")
    expect(tile).to_contain_text("0 of 2 answered")
    picture(page, "people-board", is_whole=False)
    page.get_by_role("link", name="bounced").first.click()
    expect(page.locator(".tile")).to_have_count(1)
    page.locator(".tile", has_text="Armenia").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Armenia")
    page.get_by_role("link", name="Anahit Petrosyan").click()
    expect(page.get_by_role("heading", name="Why there is no answer")).to_be_visible()
    expect(page.locator(".attention")).to_contain_text("550 5.1.1 no such user")
    expect(page.locator("main")).to_contain_text("Invitation")
    picture(page, "people-person", is_whole=False)

    page.get_by_label("Address").fill("anahit.petrosyan@armenia-mission.example")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".facts")).to_contain_text("anahit.petrosyan@armenia-mission.example")
    expect(page.locator("main")).to_contain_text("No letter has been sent to them.")

    desk.work()
    page.reload()
    expect(page.locator("main")).to_contain_text("Their letters were accepted, and no answer has come.")
    with desk.database.reading() as c:
        deed = audit.deeds(c)[0]
    assert (deed.who, deed.did) == ("demo", "corrected")
    assert deed.what == "a.petrosyan@armenia-mission.example is now anahit.petrosyan@armenia-mission.example"
    assert len(desk.tray.search("anahit.petrosyan")) == 1
