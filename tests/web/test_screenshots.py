"""The pictures in the documents. `make pictures` takes them anew; other runs see only that none is missing."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mailer import dossier
from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.outbox import people
from mailer.recipients.model import Recipient
from mailer.settings import ROOT
from mailer.web.serving import reserve, serve
from tests.journeys.pictures import take
from tests.web.desk import Desk, open_desk

FOLDER = ROOT / "docs" / "images"
TODAY = date(2027, 1, 11)
ANSWERS = ("accepted", "accepted", "accepted", "tentative", "declined")

PAGES = {
    "timetable-light": ("/", 1440, "light"),
    "timetable-dark": ("/", 1440, "dark"),
    "timetable-tablet": ("/", 800, "light"),
    "timetable-phone": ("/", 390, "dark"),
    "tray": ("/tray", 1440, "light"),
    "tray-letter": ("/tray/3", 1440, "light"),
    "page-phone": ("page", 390, "light"),
}
ELSEWHERE = {
    name
    for path in (
        *(ROOT / "tests" / "journeys").glob("test_*.py"),
        ROOT / "tests" / "web" / "test_film.py",
        ROOT / "tests" / "web" / "test_attachments.py",
    )
    for name in re.findall(r'"([a-z][a-z-]+)(?:\.png)?"', path.read_text("utf-8"))
}
"""What those name that take pictures on their way: the journeys, the tests of the rehearsal and of attachments."""

LETTERS = {
    "invitation": ("invitation", "en", 800, "light"),
    "invitation-phone": ("invitation", "en", 390, "dark"),
    "invitation-fr": ("invitation", "fr", 800, "dark"),
    "invitation-fr-phone": ("invitation", "fr", 390, "light"),
    "invitation-ar": ("invitation", "ar", 800, "light"),
    "invitation-ar-phone": ("invitation", "ar", 390, "dark"),
    "agenda": ("agenda", "en", 800, "light"),
    "agenda-phone": ("agenda", "en", 390, "light"),
}
JOURNEYS = {"mailing", "wording"}
"""Taken by `tests/journeys` on their way."""


def test_every_picture_the_documents_show_is_one_of_these() -> None:
    papers = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    shown = {
        name for paper in papers for name in re.findall(r"images/([\w-]+)\.png", paper.read_text("utf-8"))
    }

    taken = {path.stem for path in FOLDER.glob("*.png")}
    assert shown <= taken
    assert PAGES.keys() | LETTERS.keys() <= taken <= PAGES.keys() | LETTERS.keys() | ELSEWHERE


@pytest.mark.skipif("CONVENOR_PICTURES" not in os.environ, reason="`make pictures` takes them")
def test_pictures_are_taken(chromium: Browser, tmp_path: Path) -> None:
    example = dossier.read(ROOT / "agenda/osce-cybercrime.toml", today=TODAY, templates=ROOT / "templates")
    FOLDER.mkdir(exist_ok=True)
    with open_desk(tmp_path, event=example.event.key) as desk:
        desk.publish(example.event, example.recipients)
        _play(desk, example.event.starts_at - timedelta(days=14))
        reader = next(r for r in example.recipients if r.timezone and r.sessions)
        with serve(desk.office, reserve(0)) as address:
            for name, (path, width, scheme) in PAGES.items():
                where = f"/r/{desk.token(of=reader)}" if path == "page" else path
                _take(chromium, address + where, FOLDER / f"{name}.png", width, scheme)
            for name, (kind, language, width, scheme) in LETTERS.items():
                number = _number(desk, kind, _readers(example.recipients, language))
                where = f"{address}/tray/{number}/letter.html"
                _take(chromium, where, FOLDER / f"{name}.png", width, scheme)


def _take(chromium: Browser, address: str, file: Path, width: int, scheme: str) -> None:
    page = chromium.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    assert page.goto(address, wait_until="networkidle")
    take(page, file, is_whole=file.stem not in {"tray", "page-phone"})
    page.close()


def _readers(recipients: tuple[Recipient, ...], language: str) -> Iterator[str]:
    """Those who read a language, first whoever lives by another clock than the venue's."""
    theirs = [r for r in recipients if (r.language or "en") == language]
    return (r.address for r in sorted(theirs, key=lambda r: r.timezone is None))


def _number(desk: Desk, kind: str, readers: Iterator[str]) -> int:
    """The tray's number of the first such letter; an invitation is the first that anybody gets."""
    for address in readers:
        found = sorted(desk.tray.search(address, limit=500), key=lambda letter: letter.id)
        for letter in found:
            if kind == "invitation" or letter.subject.startswith("Agenda"):
                return letter.id
    raise LookupError(kind)


def _play(desk: Desk, until: datetime) -> None:
    """Invitations sent, two of three answer within a fortnight and are told that it is noted, the agenda leaving."""
    desk.clock.now = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=9)
    desk.work()
    with desk.database.reading() as transaction:
        members = list(enumerate(people.roster(transaction, desk.office.event)))
    for day in range(1, 13):
        desk.clock.move(days=1)
        with desk.database.writing() as transaction:
            for number, member in members:
                if number % 3 and number % 12 + 1 == day:
                    answer = ANSWERS[number % len(ANSWERS)]
                    people.record_answer(
                        transaction, member.id, WHOLE_EVENT, answer, desk.clock(), "page", sequence=0
                    )
        desk.work()
        desk.clock.move(minutes=5)  # a confirmation waits a little, in case more is changed
        desk.work()
    desk.clock.now = until - timedelta(hours=6)
    desk.work()
    desk.clock.now = until + timedelta(hours=1)
    desk.service.plan(desk.clock())
