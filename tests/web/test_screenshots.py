"""The pictures in the documents: made anew with CONVENOR_SCREENSHOTS=folder, and only then."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mailer import dossier
from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.outbox import people
from mailer.settings import ROOT
from mailer.web.serving import reserve, serve
from tests.web.desk import Desk, open_desk

FOLDER = os.environ.get("CONVENOR_SCREENSHOTS", "")
TODAY = date(2027, 1, 11)
ANSWERS = ("accepted", "accepted", "accepted", "tentative", "declined")
SIZES = {"phone": (390, 844), "tablet": (800, 1000), "desktop": (1440, 1000)}


@pytest.mark.skipif(not FOLDER, reason="set CONVENOR_SCREENSHOTS to the folder that the pictures go to")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_are_taken(chromium: Browser, tmp_path: Path, size: str, scheme: str) -> None:
    example = dossier.read(ROOT / "agenda/osce-cybercrime.toml", today=TODAY, templates=ROOT / "templates")
    width, height = SIZES[size]
    with open_desk(tmp_path, event=example.event.key) as desk:
        desk.publish(example.event, example.recipients)
        _play(desk, example.event.starts_at - timedelta(days=14))
        reader = example.recipients[-1]
        shots = {
            "timetable": "/",
            "tray": "/tray",
            "letter": "/tray/3",
            "page": f"/r/{desk.token(of=reader)}",
        }
        with serve(desk.office, reserve(0)) as address:
            page = chromium.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            for name, path in shots.items():
                page.goto(address + path, wait_until="networkidle")
                picture = page.screenshot(path=Path(FOLDER) / f"{name}-{size}-{scheme}.png")
                assert picture.startswith(b"\x89PNG")
            page.close()


def _play(desk: Desk, until: datetime) -> None:
    """Invitations sent, two answers of three in, the agenda just leaving."""
    desk.clock.now = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=9)
    desk.work()
    with desk.database.writing() as transaction:
        for number, member in enumerate(people.roster(transaction, desk.office.event)):
            if number % 3:
                answer = ANSWERS[number % len(ANSWERS)]
                people.record_answer(transaction, member.id, WHOLE_EVENT, answer, desk.clock(), "page")
    desk.clock.now = until + timedelta(hours=1)
    desk.service.plan(desk.clock())
